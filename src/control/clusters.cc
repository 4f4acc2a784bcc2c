#include "control/clusters.h"

#include <algorithm>

#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "stats/table.h"
#include "upstream/cluster_config.h"
#include "upstream/stat_names.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using upstream::DiscoveryType;

namespace {

constexpr auto kResolver = stats::table<net::ResolverStats>({
    {"resolve_total", &net::ResolverStats::resolve_total},
    {"not_found", &net::ResolverStats::not_found},
    {"get_addr_failure", &net::ResolverStats::get_addr_failure},
    {"timeouts", &net::ResolverStats::timeouts},
    {"reinits", &net::ResolverStats::reinits},
    {"pending_resolutions", &net::ResolverStats::pending_resolutions},
});

bool is_dns(DiscoveryType discovery) { return discovery == DiscoveryType::kStrictDns || discovery == DiscoveryType::kLogicalDns; }

}  // namespace

Clusters::Clusters(const Context& context, FileWatch& files, TlsSources& tls, std::function<void()> on_change,
                   std::function<void(uint32_t, upstream::EndpointSetPtr)> on_endpoints)
    : context_(context), files_(files), tls_(tls), on_change_(std::move(on_change)), on_endpoints_(std::move(on_endpoints)) {
  own_registrations_.push_back(register_stats(context_.stats, stats_));
  breaker_limits_ = context_.runtime.watch(std::string(upstream::kBreakerKeys), [this] {
    for (const EntryMap* entries : {&active_, &warming_}) {
      for (const auto& [name, entry] : *entries) entry->state->follow(context_.runtime);
    }
  });
}

Clusters::~Clusters() = default;

bool Clusters::load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  bool good = true;
  outlier_log_path_ = bootstrap.cluster_manager().outlier_detection().event_log_path();
  const FieldPath manager{nullptr, "cluster_manager"}, outliers{&manager, "outlier_detection"};
  good = EventFiles::check(outlier_log_path_, FieldPath{&outliers, "event_log_path"}, diagnostics);
  if (bootstrap.cluster_manager().has_upstream_bind_config())
    bind_default_ = std::make_unique<envoy::config::core::v3::BindConfig>(bootstrap.cluster_manager().upstream_bind_config());
  const FieldPath resources{nullptr, "static_resources"};
  const FieldPath list{&resources, "clusters"};
  for (int i = 0; i < bootstrap.static_resources().clusters_size(); ++i) {
    const FieldPath at{&list, {}, i};
    const Cluster& cluster = bootstrap.static_resources().clusters(i);
    EntryPtr entry = read(cluster, at, false, diagnostics);
    if (entry == nullptr) {
      good = false;
    } else if (active_.contains(cluster.name())) {
      diagnostics.error(
          {{}, FieldPath{&at, "name"}.text(), "there is a second cluster named " + config::quoted(cluster.name()), ""});
      good = false;
    } else {
      stats_.cluster_added.add();
      activate(std::move(entry));
    }
  }
  local_name_ = bootstrap.cluster_manager().local_cluster_name();
  if (const auto local = active_.find(local_name_); local != active_.end()) {
    for (const auto& [name, entry] : active_) entry->state->local = local->second->state.get();
  }
  if (bootstrap.dynamic_resources().has_cds_config()) {
    const FieldPath dynamic{nullptr, "dynamic_resources"};
    const auto source =
        read_source(context_, bootstrap.dynamic_resources().cds_config(), FieldPath{&dynamic, "cds_config"}, diagnostics);
    if (!source) return false;
    cds_ =
        std::make_unique<FileSubscription>(context_, files_, *source, cds_stats_,
                                           [this](const Update& found, config::Diagnostics& errors) { update(found, errors); });
    own_registrations_.push_back(context_.stats.add(
        "cluster_manager.cds.", [this](stats::StatVisitor& visitor) { visit(visitor, cds_stats_, DiscoveryKind::kClusters); }));
  }
  return good;
}

Clusters::EntryPtr Clusters::read(const Cluster& cluster, const FieldPath& at, bool via_api, config::Diagnostics& diagnostics,
                                  std::optional<uint32_t> id) {
  const upstream::ReadClientTls read_tls = [this](const auto& message, const FieldPath& where, config::Diagnostics& found) {
    return tls_.client(message, where, found);
  };
  std::shared_ptr<upstream::ClusterSpec> spec =
      upstream::read_cluster(cluster, at, diagnostics, {bind_default_.get(), read_tls, &context_.runtime});
  if (spec == nullptr) return nullptr;
  const FieldPath checks{&at, "health_checks"}, first_check{&checks, {}, 0};
  for (const upstream::HealthCheckSpec& check : spec->health_checks) {
    if (!EventFiles::check(check.event_log_path, FieldPath{&first_check, "event_log_path"}, diagnostics)) return nullptr;
  }
  const FieldPath eds{&at, "eds_cluster_config"};
  const FieldPath eds_config{&eds, "eds_config"};
  if (spec->discovery == DiscoveryType::kEds &&
      (!check_node(context_, eds_config, diagnostics) || !check_exists(spec->eds_path, eds_config, diagnostics))) {
    return nullptr;
  }
  spec->id = id ? *id : context_.cluster_names.intern(spec->name);
  spec->added_via_api = via_api;
  spec->own_locality = context_.locality;
  for (const std::string& member : spec->members) spec->member_ids.push_back(context_.cluster_names.intern(member));
  auto entry = std::make_shared<Entry>();
  const auto before = active_.find(spec->name);
  const upstream::ClusterStatePtr old = before != active_.end() ? before->second->state : nullptr;
  entry->state = std::make_shared<upstream::ClusterState>(spec, context_.workers, old != nullptr ? old->counts : nullptr);
  if (context_.runtime.any(upstream::kBreakerKeys)) entry->state->follow(context_.runtime);
  entry->kept = {deterministic_bytes(cluster), "", context_.loop.wall()};
  // Endpoints that stay keep their counters.
  const bool same_source = old != nullptr && old->spec->discovery == spec->discovery && old->spec->eds_path == spec->eds_path &&
                           old->spec->eds_service_name == spec->eds_service_name && !is_dns(spec->discovery);
  if (same_source) upstream::take_endpoints(*entry->state, old->endpoints.load());
  if (const auto local = active_.find(local_name_); local != active_.end()) entry->state->local = local->second->state.get();
  if (spec->forward_proxy) {
    const FieldPath type{&at, "cluster_type"};
    entry->state->dns_cache = dns_cache(spec->forward_proxy->cache, type, diagnostics);
    if (entry->state->dns_cache == nullptr) return nullptr;
    if (spec->forward_proxy->sub_clusters) begin_sub_clusters(*entry);
    entry->found = true;
  }
  if (ClusterHealth::wanted(*spec)) {
    Entry& here = *entry;
    entry->health = std::make_unique<ClusterHealth>(
        context_.loop, entry->state, context_.stats, stats_, event_files_, outlier_log_path_,
        [this, &here] { on_cluster_endpoints(here); },
        [this, &here] {
          if (here.found) on_cluster_warm(here);
        });
  }
  if (spec->discovery == DiscoveryType::kStatic) {
    upstream::update_endpoints(*entry->state, spec->assignment);
    const bool is_dry_run = context_.unread != nullptr;
    if (!is_dry_run) spec->assignment = {};  // the endpoints say it all from now on
    entry->found = true;
  }
  if (spec->original_dst) entry->dialled = std::make_unique<OriginalDestinations>(context_.loop, entry->state);
  if (spec->discovery == DiscoveryType::kOriginalDst || spec->discovery == DiscoveryType::kAggregate) entry->found = true;
  if (!spec->wait_for_warm || (entry->found && (entry->health == nullptr || entry->health->ready()))) entry->warm = true;
  return entry;
}

void Clusters::start(std::function<void()> on_warm) {
  on_warm_ = std::move(on_warm);
  std::vector<EntryPtr> entries;
  for (const auto& [name, entry] : active_) entries.push_back(entry);
  for (const EntryPtr& entry : entries) start(*entry);
  check_warm();
}

void Clusters::start(Entry& entry) {
  if (std::exchange(entry.started, true)) return;
  const upstream::ClusterSpec& spec = *entry.state->spec;
  if (entry.health != nullptr) entry.health->start();
  if (is_dns(spec.discovery)) {
    entry.dns = std::make_unique<upstream::DnsDiscovery>(
        context_.loop, resolver(spec.dns_resolver), *entry.state, [this, &entry](auto) { on_found_endpoints(entry); },
        [this, &entry] { on_cluster_found(entry); });
    if (entry.dns->warm()) on_cluster_found(entry);
  } else if (spec.discovery == DiscoveryType::kEds) {
    start_eds(entry);
  } else if (spec.forward_proxy) {
    entry.cached_hosts = entry.state->dns_cache->subscribe([this, &entry] { on_cached_hosts(entry); });
    entry.state->dns_cache->start();
    on_cached_hosts(entry);
  }
}

void Clusters::start_eds(Entry& entry) {
  const upstream::ClusterSpec& spec = *entry.state->spec;
  entry.eds_stats = std::make_unique<SubscriptionStats>();
  entry.eds_registration =
      context_.stats.add("cluster." + stats::sanitize(spec.stat_name) + ".",
                         [stats = entry.eds_stats.get()](auto& visitor) { visit(visitor, *stats, DiscoveryKind::kEndpoints); });
  entry.eds = std::make_unique<FileSubscription>(
      context_, files_, FileSource{spec.eds_path, spec.eds_watched_directory}, *entry.eds_stats,
      [this, &entry](const Update& found, config::Diagnostics& diagnostics) { on_eds(entry, found, diagnostics); });
  entry.eds->start();
  on_cluster_found(entry);  // a file has answered, even if it is wrong
}

void Clusters::on_eds(Entry& entry, const Update& update, config::Diagnostics& diagnostics) {
  const auto resources = unpack<ClusterLoadAssignment>(update, diagnostics);
  if (diagnostics.failed()) return;
  if (resources.empty()) {
    entry.eds_stats->update_empty.add();
    return;
  }
  const std::string& wanted = entry.state->spec->eds_service_name;
  const auto found = std::ranges::find_if(resources, [&](const auto& each) { return each.message.cluster_name() == wanted; });
  if (found == resources.end()) {
    return diagnostics.error({{},
                              "resources",
                              "no endpoints of " + config::quoted(wanted) + " are in it",
                              "add a ClusterLoadAssignment with that cluster_name"});
  }
  upstream::Assignment assignment;
  const FieldPath at{&found->list, {}, found->index};
  if (!upstream::read_assignment(found->message, DiscoveryType::kEds, at, diagnostics, assignment)) return;
  if (upstream::update_endpoints(*entry.state, assignment)) {
    on_found_endpoints(entry);
  } else {
    entry.state->membership.update_no_rebuild.add();
  }
}

void Clusters::on_found_endpoints(Entry& entry) {
  on_cluster_endpoints(entry);
  if (entry.health != nullptr) entry.health->update();
}

// Workers find the endpoints of a cluster that becomes active in its state; only later changes are mailed.
void Clusters::on_cluster_endpoints(Entry& entry) {
  const auto active = active_.find(entry.state->spec->name);
  if (active == active_.end() || active->second.get() != &entry) return;
  on_endpoints_(entry.state->spec->id, entry.state->endpoints.load());
}

/// Its endpoints are known, but perhaps not how they are.
void Clusters::on_cluster_found(Entry& entry) {
  entry.found = true;
  const upstream::EndpointSetPtr set = entry.state->endpoints.load();
  const bool nothing = set == nullptr || set->endpoints.empty();
  if (nothing || entry.health == nullptr || entry.health->ready()) on_cluster_warm(entry);
}

void Clusters::on_cluster_warm(Entry& entry) {
  if (std::exchange(entry.warm, true)) return;
  const auto waiting = warming_.find(entry.state->spec->name);
  if (waiting != warming_.end() && waiting->second.get() == &entry && !awaits_secrets(entry)) {
    EntryPtr next = waiting->second;
    warming_.erase(waiting);
    activate(std::move(next));
  }
  check_warm();
}

bool Clusters::awaits_secrets(const Entry& entry) const {
  const upstream::ClusterSpec& spec = *entry.state->spec;
  return tls_.awaits_secrets(spec.transport.tls) || std::ranges::any_of(spec.transport_matches, [this](const auto& match) {
           return tls_.awaits_secrets(match.transport.tls);
         });
}

void Clusters::check_secrets() {
  std::vector<EntryPtr> ready;
  std::erase_if(warming_, [&](const auto& item) {
    const bool waits = !item.second->warm || awaits_secrets(*item.second);
    if (!waits) ready.push_back(item.second);
    return !waits;
  });
  for (EntryPtr& entry : ready) activate(std::move(entry));
}

void Clusters::activate(EntryPtr entry) {
  const std::string& name = entry->state->spec->name;
  context_.log.debug("upstream", "cluster {} is active", name);
  EntryPtr& place = active_[name];
  const EntryPtr before = std::exchange(place, std::move(entry));
  if (before != nullptr && before->state->sub_clusters != nullptr) drop_sub_clusters_of(*before->state);
  if (place->is_sub_cluster) new_sub_clusters_.emplace_back(place->owner, name);
  registrations_.erase(name);
  registrations_.emplace(name, upstream::register_cluster(context_.stats, place->state));
  endpoint_registrations_.erase(name);
  if (place->state->spec->shows_endpoints) {
    endpoint_registrations_.emplace(name, upstream::register_endpoints(context_.stats, place->state));
  }
  count();
  on_change_();
}

void Clusters::count() {
  stats_.active_clusters.set(static_cast<int64_t>(active_.size()));
  stats_.warming_clusters.set(static_cast<int64_t>(warming_.size()));
}

// What CDS does not name any more goes; what is wrong is reported and leaves the cluster as it was.
void Clusters::update(const Update& update, config::Diagnostics& diagnostics) {
  const auto resources = unpack<Cluster>(update, diagnostics);
  if (diagnostics.failed()) return;
  std::vector<std::string_view> names;
  for (const auto& resource : resources) names.push_back(resource.message.name());
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return diagnostics.error({{}, "resources", "there is a second cluster named " + config::quoted(*twice), ""});
  }
  const auto gone = [&](const auto& item) {
    return item.second->state->spec->added_via_api && !item.second->is_sub_cluster &&
           !std::ranges::binary_search(names, item.first);
  };
  std::erase_if(warming_, gone);
  std::vector<std::string> leaving;
  for (const auto& item : active_) {
    if (gone(item)) leaving.push_back(item.first);
  }
  for (const std::string& name : leaving) remove_active(active_.find(name));
  bool applied = resources.empty();
  for (const auto& resource : resources) applied = apply(resource, diagnostics) || applied;
  if (applied) {
    cds_version_ = update->version_info();
    cds_stats_.config_reload.add();
    cds_stats_.config_reload_time_ms.set(wall_now() / kNsPerMs);
  }
  count();
}

void Clusters::remove_active(EntryMap::iterator at) {
  const EntryPtr entry = at->second;
  registrations_.erase(at->first);
  endpoint_registrations_.erase(at->first);
  active_.erase(at);
  stats_.cluster_removed.add();
  if (entry->state->sub_clusters != nullptr) drop_sub_clusters_of(*entry->state);
  on_change_();
}

bool Clusters::apply(const Resource<Cluster>& resource, config::Diagnostics& diagnostics) {
  const std::string& name = resource.message.name();
  const auto active = active_.find(name);
  if (active != active_.end() && !active->second->state->spec->added_via_api) return true;  // the bootstrap's stay
  const std::string bytes = deterministic_bytes(resource.message);
  const auto waiting = warming_.find(name);
  const Entry* newest = waiting != warming_.end() ? waiting->second.get()
                        : active != active_.end() ? active->second.get()
                                                  : nullptr;
  if (newest != nullptr && newest->kept.bytes == bytes) return true;
  EntryPtr entry = read(resource.message, FieldPath{&resource.list, {}, resource.index}, true, diagnostics);
  if (entry == nullptr) return false;
  entry->kept.version = resource.version;
  (newest == nullptr ? stats_.cluster_added : stats_.cluster_modified).add();  // even if it never gets warm
  warming_.erase(name);
  start(*entry);
  if (entry->warm && !awaits_secrets(*entry)) {
    activate(std::move(entry));
  } else {
    warming_[name] = std::move(entry);
  }
  return true;
}

// First the static clusters, then those of CDS, then whoever waits for them.
void Clusters::check_warm() {
  if (on_warm_ == nullptr) return;
  if (!std::ranges::all_of(active_, [](const auto& item) { return item.second->warm; }) || !warming_.empty()) return;
  if (!std::exchange(cds_read_, true) && cds_ != nullptr) {
    cds_->start();
    return check_warm();
  }
  std::exchange(on_warm_, nullptr)();
}

net::Resolver& Clusters::resolver(const net::ResolverSpec& spec) {
  std::string key = std::string(spec.tcp_only ? "t" : "") + (spec.no_search ? "n" : "") + (spec.servers_are_fallback ? "f" : "");
  for (const net::AddressPtr& server : spec.servers) key += " " + server->text();
  std::unique_ptr<net::Resolver>& place = resolvers_[key];
  if (place == nullptr) place = std::make_unique<net::Resolver>(context_.loop, spec, resolver_stats_);
  if (!std::exchange(resolves_, true)) {
    own_registrations_.push_back(context_.stats.add(
        "dns.cares.", [this](stats::StatVisitor& visitor) { stats::visit(visitor, kResolver, resolver_stats_); }));
  }
  return *place;
}

upstream::ClusterStatePtr Clusters::find(std::string_view name) const {
  const auto found = active_.find(name);
  return found == active_.end() ? nullptr : found->second->state;
}

upstream::DnsCachePtr Clusters::dns_cache(const upstream::DnsCacheSpec& spec, const FieldPath& at,
                                          config::Diagnostics& diagnostics) {
  if (!check_dns_cache(spec, at, diagnostics)) return nullptr;
  std::weak_ptr<upstream::DnsCache>& place = dns_caches_[spec.name];
  upstream::DnsCachePtr cache = place.lock();
  if (cache == nullptr) {
    cache = std::make_shared<upstream::DnsCache>(context_.loop, resolver(spec.resolver), spec, context_.stats, context_.workers);
    place = cache;
  }
  return cache;
}

bool Clusters::check_dns_cache(const upstream::DnsCacheSpec& spec, const FieldPath& at, config::Diagnostics& diagnostics) const {
  const auto found = dns_caches_.find(spec.name);
  const upstream::DnsCachePtr cache = found != dns_caches_.end() ? found->second.lock() : nullptr;
  if (cache == nullptr || cache->spec().as_configured == spec.as_configured) return true;
  diagnostics.error({{},
                     at.text(),
                     "there is a DNS cache " + config::quoted(spec.name) + " with other settings",
                     "caches of one name must be configured alike"});
  return false;
}

/// What the cache knows are the endpoints.
void Clusters::on_cached_hosts(Entry& entry) {
  upstream::Assignment assignment;
  auto& endpoints = assignment.localities.emplace_back().endpoints;
  for (const upstream::CachedHostPtr& host : entry.state->dns_cache->hosts()) {
    upstream::EndpointSpec& endpoint = endpoints.emplace_back();
    endpoint.address = host->address;
    endpoint.name = endpoint.hostname = host->name;
  }
  if (upstream::update_endpoints(*entry.state, assignment)) on_found_endpoints(entry);
}

std::vector<upstream::ClusterStatePtr> Clusters::list() const {
  std::vector<upstream::ClusterStatePtr> result;
  for (const bool via_api : {false, true}) {
    for (const auto& [name, entry] : active_) {
      if (entry->state->spec->added_via_api == via_api) result.push_back(entry->state);
    }
  }
  return result;
}

std::vector<upstream::ClusterStatePtr> Clusters::numbered() const {
  std::vector<upstream::ClusterStatePtr> result(context_.cluster_names.size());
  for (const auto& [name, entry] : active_) result[entry->state->spec->id] = entry->state;
  return result;
}

void Clusters::dump(envoy::admin::v3::ClustersConfigDump& dump) const {
  if (cds_ != nullptr) dump.set_version_info(cds_version_);
  for (const auto& [name, entry] : active_) {
    if (entry->state->spec->added_via_api) {
      auto& into = *dump.add_dynamic_active_clusters();
      into.set_version_info(entry->kept.version);
      fill<Cluster>(entry->kept, *into.mutable_cluster(), *into.mutable_last_updated());
    } else {
      auto& into = *dump.add_static_clusters();
      fill<Cluster>(entry->kept, *into.mutable_cluster(), *into.mutable_last_updated());
    }
  }
  for (const auto& [name, entry] : warming_) {
    auto& into = *dump.add_dynamic_warming_clusters();
    into.set_version_info(entry->kept.version);
    fill<Cluster>(entry->kept, *into.mutable_cluster(), *into.mutable_last_updated());
  }
}

}  // namespace weir::control
