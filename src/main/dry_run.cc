#include "main/dry_run.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <tuple>
#include <utility>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "filter/catalog.h"
#include "main/features.h"
#include "observe/access_log_config.h"
#include "route/route_config.h"
#include "stats/stats_config.h"
#include "upstream/cluster_config.h"

namespace weir::main {

using config::Diagnostic;
using config::Diagnostics;
using config::FieldPath;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using ClusterMessage = envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::RouteConfiguration;

namespace {

/// Whether a mistake at `later` can come from one at `earlier`: it is inside it, beside it in the same message, or about
/// something around it.
bool may_follow(const Diagnostic& later, const Diagnostic& earlier) {
  if (earlier.path.empty() || later.at.file != earlier.at.file) return false;
  if (later.path.starts_with(earlier.path) || earlier.path.starts_with(later.path)) return true;
  const std::string_view message = std::string_view(earlier.path).substr(0, earlier.path.rfind('.') + 1);
  return later.path.starts_with(message) && later.path.find('.', message.size()) == std::string::npos;
}

}  // namespace

DryRun::DryRun(Options options)
    : options_(std::move(options)),
      log_(LogLevel::kOff),
      loop_(1),
      random_(1),
      logs_({.threads = 1, .pretend = true}),
      scopes_(registry_, 1) {
  declare_all(support_);
}

DryRun::~DryRun() = default;

bool DryRun::read() {
  if (holds_resources()) {
    build();
    read_resources();
  } else {
    read_bootstrap_file();
    build();
    read_runtime();
    read_static_clusters();
    read_dynamic_clusters();
    read_static_listeners();
    read_dynamic_listeners();
  }
  for (auto& [name, cluster] : clusters_) read_endpoints(cluster);
  read_noted_files();
  const auto in_file_order = [](std::vector<Diagnostic>& list) {
    std::ranges::stable_sort(list, {},
                             [](const Diagnostic& each) { return std::tie(each.at.file, each.at.line, each.at.column); });
  };
  in_file_order(diagnostics_.errors());
  in_file_order(diagnostics_.warnings());
  return !diagnostics_.failed();
}

/// Whether the file is a DiscoveryResponse, which a bootstrap never looks like.
bool DryRun::holds_resources() const {
  std::ifstream file(options_.config_path);
  std::ostringstream content;
  content << file.rdbuf();
  Diagnostics ignored;
  const bool json = options_.config_path.ends_with(".json");
  if (!json && !options_.config_path.ends_with(".yaml") && !options_.config_path.ends_with(".yml")) return false;
  const auto document =
      json ? config::read_json("", std::move(content).str(), ignored) : config::read_yaml("", std::move(content).str(), ignored);
  return document != nullptr && document->root.kind == config::Node::Kind::kMapping &&
         document->root.find("resources") != nullptr;
}

void DryRun::read_resources() {
  loaded_ = config::load_bootstrap(schema_, {.yaml = "{}"});
  const Response& response = this->response(options_.config_path);
  reading_ = &response.positions;
  Diagnostics found;
  const FieldPath list{nullptr, "resources"};
  for (int i = 0; i < response->resources_size(); ++i) {
    const FieldPath at{&list, {}, i};
    google::protobuf::Any any = response->resources(i);
    if (envoy::service::discovery::v3::Resource wrapper; any.UnpackTo(&wrapper)) any = wrapper.resource();
    envoy::config::listener::v3::Listener listener;
    ClusterMessage cluster;
    RouteConfiguration routes;
    ClusterLoadAssignment assignment;
    envoy::config::route::v3::ScopedRouteConfiguration scope;
    envoy::config::core::v3::TypedExtensionConfig extension;
    envoy::service::runtime::v3::Runtime layer;
    control::TlsSources::Secret secret;
    if (any.UnpackTo(&cluster)) {
      auto spec = read_cluster(cluster, at, found);
      if (spec != nullptr) clusters_.try_emplace(spec->name, spec, spec->assignment, Place{at.text(), reading_});
    } else if (any.UnpackTo(&listener)) {
      auto spec = proxy::read_listener(listener, at, *listener_context_, found);
      if (spec != nullptr) listeners_.push_back({std::move(spec), {at.text(), reading_}});
    } else if (any.UnpackTo(&routes)) {
      compile(routes, at, false, found);
    } else if (any.UnpackTo(&assignment)) {
      upstream::Assignment ignored;
      upstream::read_assignment(assignment, upstream::DiscoveryType::kEds, at, found, ignored);
    } else if (any.UnpackTo(&scope)) {
      if (scope.has_route_configuration()) compile(scope.route_configuration(), {&at, "route_configuration"}, false, found);
    } else if (any.UnpackTo(&extension)) {
      const FieldPath config{&at, "typed_config"};
      const auto* entry = filter::find_filter(config::type_name(extension.typed_config().type_url()));
      const filter::FilterContext needs{.stats = scopes_.all(), .runtime = &runtime_};
      if (entry != nullptr) entry->read(extension.typed_config(), config, needs, found);
    } else if (any.UnpackTo(&layer)) {
      control::RuntimeEntries ignored;
      control::read_runtime_struct(layer.layer(), {&at, "layer"}, ignored, found);
    } else if (any.UnpackTo(&secret)) {
      configuration_->tls().check(secret, at, found);
    }
  }
  take(found, response.positions);
}

void DryRun::read_bootstrap_file() {
  loaded_ = config::load_bootstrap(
      schema_,
      {.path = options_.config_path,
       .yaml = options_.config_yaml,
       .unknown_fields = options_.allow_unknown_static_fields ? config::UnknownFields::kWarn : config::UnknownFields::kReject,
       .support = &support_});
  for (Diagnostic& error : loaded_.diagnostics.errors()) diagnostics_.error(std::move(error));
  for (Diagnostic& warning : loaded_.diagnostics.warnings()) diagnostics_.warning(std::move(warning));

  Diagnostics found;
  bootstrap_ = read_bootstrap(*loaded_, options_, found);
  stats::read_stats_config(loaded_->stats_config(), options_.stats_tags, FieldPath{nullptr, "stats_config"}, found);
  take(found, loaded_.positions);
}

void DryRun::build() {
  listener_context_ = std::make_unique<proxy::ListenerConfigContext>(listener_context());
  configuration_ = std::make_unique<control::Configuration>(
      control::Context{.loop = loop_,
                       .schema = schema_,
                       .support = support_,
                       .stats = registry_,
                       .cluster_names = cluster_names_,
                       .runtime = runtime_,
                       .log = log_,
                       .publisher = *this,
                       .workers = 1,
                       .has_node = loaded_.message == nullptr ||
                                   (!bootstrap_.identity.node_id.empty() && !bootstrap_.identity.node_cluster.empty()),
                       .node = bootstrap_.node,
                       .locality = bootstrap_.locality,
                       .service_cluster = bootstrap_.identity.node_cluster,
                       .dynamic_unknown_fields = config::UnknownFields::kReject,
                       .compile_listener =
                           [this](const auto& listener, const FieldPath& at, Diagnostics& found) {
                             auto spec = proxy::read_listener(listener, at, *listener_context_, found);
                             if (spec != nullptr) listeners_.push_back({spec, {at.text(), reading_}});
                             return spec;
                           },
                       .compile_routes = [this](const auto& routes, const FieldPath& at,
                                                Diagnostics& found) { return compile(routes, at, false, found); },
                       .unread = &unread_});
}

proxy::ListenerConfigContext DryRun::listener_context() {
  return {
      .clusters = cluster_names_,
      .stats = scopes_,
      .random = random_,
      .read_routes =
          [this](const auto& routes, const FieldPath& at, Diagnostics& found) {
            const bool alone = !options_.config_path.empty() && responses_.contains(options_.config_path);
            return compile(routes, at, !alone, found);
          },
      .find_rds = [this](const auto& rds, const std::string& stat_prefix, const FieldPath& at,
                         Diagnostics& found) { return configuration_->routes().find(rds, stat_prefix, at, found); },
      .find_scopes =
          [this](const auto& config, route::ScopeKeyBuilder builder, const std::string& stat_prefix, const config::FieldPath& at,
                 Diagnostics& found) {
            return configuration_->scopes().find(config, std::move(builder), stat_prefix, at, found);
          },
      .find_filter = [this](const auto& source, const std::string& name, const filter::FilterContext& needs, const FieldPath& at,
                            Diagnostics& found) { return configuration_->filters().find(source, name, needs, at, found); },
      .read_access_log = [this](const auto& log, const FieldPath& at,
                                Diagnostics& found) { return observe::read_access_log(log, logs_, &runtime_, at, found); },
      .read_tls = [this](const auto& message, const auto& names, const FieldPath& at,
                         Diagnostics& found) { return configuration_->tls().server(message, names, at, found); },
      .internal_listeners = bootstrap_.internal_listeners,
      .internal_buffer = bootstrap_.internal_buffer,
      .check_dns_cache = [this](const auto& cache, const FieldPath& at,
                                Diagnostics& found) { return configuration_->clusters().check_dns_cache(cache, at, found); },
      .node_id = bootstrap_.identity.node_id,
      .service_cluster = bootstrap_.identity.node_cluster,
      .runtime = &runtime_};
}

route::RouteTablePtr DryRun::compile(const RouteConfiguration& routes, const FieldPath& at, bool clusters_must_exist,
                                     Diagnostics& found) {
  const route::ReadContext context{.schema = schema_,
                                   .clusters = cluster_names_,
                                   .has_cluster =
                                       [this](std::string_view name) {
                                         // What stands in the bootstrap is read before CDS.
                                         return static_clusters_.contains(name) ||
                                                (reading_ != &loaded_.positions && clusters_.contains(name));
                                       },
                                   .validates_clusters = clusters_must_exist,
                                   .read_filter_settings =
                                       [this](const auto& settings, const FieldPath& where, Diagnostics& errors) {
                                         const filter::FilterContext needs{.stats = scopes_.all(), .runtime = &runtime_};
                                         return filter::read_settings(settings, where, needs, errors);
                                       },
                                   .max_regex_program_size = regex_program_limit(runtime_),
                                   .runtime = &runtime_};
  auto table = route::compile(routes, context, found, at);
  if (table != nullptr) tables_[table.get()] = {at.text(), reading_};
  return table;
}

void DryRun::read_runtime() {
  Diagnostics found;
  configuration_->runtime().load(*loaded_, found);
  configuration_->overload().load(*loaded_, found);
  take(found, loaded_.positions);
}

void DryRun::read_static_clusters() {
  Diagnostics found;
  const auto& resources = loaded_->static_resources();
  for (const ClusterMessage& cluster : resources.clusters()) static_clusters_.insert(cluster.name());
  configuration_->tls().load(*loaded_, found);
  configuration_->clusters().load(*loaded_, found);
  for (int i = 0; i < resources.clusters_size(); ++i) {
    for (const auto& state : configuration_->clusters().list()) {
      if (state->spec->name != resources.clusters(i).name()) continue;
      clusters_[state->spec->name] = {state->spec, state->spec->assignment,
                                      place_in_bootstrap("static_resources.clusters[" + std::to_string(i) + "]")};
    }
  }
  take(found, loaded_.positions);
}

void DryRun::read_static_listeners() {
  Diagnostics found;
  reading_ = &loaded_.positions;
  configuration_->listeners().load(*loaded_, found);
  take(found, loaded_.positions);
}

std::shared_ptr<const upstream::ClusterSpec> DryRun::read_cluster(const ClusterMessage& cluster, const FieldPath& at,
                                                                  Diagnostics& found) {
  const upstream::ReadClientTls read_tls = [this](const auto& message, const FieldPath& where, Diagnostics& errors) {
    return configuration_->tls().client(message, where, errors);
  };
  return upstream::read_cluster(cluster, at, found, {nullptr, read_tls, &runtime_});
}

void DryRun::read_dynamic_clusters() {
  if (!loaded_->dynamic_resources().has_cds_config()) return;
  Diagnostics known;
  const auto file = control::read_source_without_file(loaded_->dynamic_resources().cds_config(), {}, known);
  if (!file) return;
  const Response& response = this->response(file->path);
  Diagnostics found;
  for (const auto& resource : control::unpack<ClusterMessage>(response, found)) {
    const FieldPath at{&resource.list, {}, resource.index};
    auto spec = read_cluster(resource.message, at, found);
    if (spec == nullptr || static_clusters_.contains(spec->name)) continue;  // the bootstrap's stay
    Place place{at.text(), &response.positions};
    if (!clusters_.try_emplace(spec->name, spec, spec->assignment, std::move(place)).second) {
      found.error({{}, at.text(), "there is a second cluster named " + config::quoted(spec->name), ""});
    }
  }
  take(found, response.positions);
}

void DryRun::read_dynamic_listeners() {
  if (!loaded_->dynamic_resources().has_lds_config()) return;
  Diagnostics known;
  const auto file = control::read_source_without_file(loaded_->dynamic_resources().lds_config(), {}, known);
  if (!file) return;
  const Response& response = this->response(file->path);
  reading_ = &response.positions;
  Diagnostics found;
  const auto resources = control::unpack<envoy::config::listener::v3::Listener>(response, found);
  std::vector<proxy::ListenerSpecPtr> together;
  for (const Listener& listener : listeners_) together.push_back(listener.spec);
  for (const auto& resource : resources) {
    const FieldPath at{&resource.list, {}, resource.index};
    auto spec = proxy::read_listener(resource.message, at, *listener_context_, found);
    if (spec == nullptr) continue;
    together.push_back(spec);
    listeners_.push_back({std::move(spec), {at.text(), &response.positions}});
    Diagnostics conflicts;
    proxy::check_listeners(together, {}, conflicts);
    for (const Diagnostic& conflict : conflicts.errors()) found.error({{}, at.text(), conflict.message, conflict.hint});
    if (conflicts.failed()) together.pop_back();
  }
  take(found, response.positions);
}

void DryRun::read_endpoints(DryRun::Cluster& cluster) {
  if (cluster.spec->discovery != upstream::DiscoveryType::kEds || cluster.spec->eds_path.empty()) return;
  const Response& response = this->response(cluster.spec->eds_path);
  if (!response.ok()) return;
  Diagnostics found;
  const auto resources = control::unpack<ClusterLoadAssignment>(response, found);
  const auto wanted = std::ranges::find_if(
      resources, [&](const auto& each) { return each.message.cluster_name() == cluster.spec->eds_service_name; });
  if (wanted != resources.end()) {
    upstream::read_assignment(wanted->message, cluster.spec->discovery, FieldPath{&wanted->list, {}, wanted->index}, found,
                              cluster.assignment);
  } else {
    found.error({{},
                 "resources",
                 "no endpoints of " + config::quoted(cluster.spec->eds_service_name) + " are in it",
                 "add a ClusterLoadAssignment with that cluster_name"});
  }
  take(found, response.positions);
}

void DryRun::read_noted_files() {
  while (!unread_.empty()) {  // one file may name others
    const control::FileSubscription& each = *unread_.front();
    unread_.erase(unread_.begin());
    const Response& response = this->response(each.path());
    if (!response.ok()) continue;
    Diagnostics found;
    const config::Positions* outer = std::exchange(reading_, &response.positions);
    each.take(response, found);
    reading_ = outer;
    take(found, response.positions);
  }
}

const DryRun::Response& DryRun::response(const std::string& path) {
  const auto [place, fresh] = responses_.try_emplace(path);
  if (fresh) {
    place->second = config::load<envoy::service::discovery::v3::DiscoveryResponse>(
        schema_,
        {.path = path,
         .unknown_fields = options_.reject_unknown_dynamic_fields ? config::UnknownFields::kReject : config::UnknownFields::kWarn,
         .support = &support_});
    for (const Diagnostic& error : place->second.diagnostics.errors()) diagnostics_.error(error);
    for (const Diagnostic& warning : place->second.diagnostics.warnings()) diagnostics_.warning(warning);
  }
  return place->second;
}

void DryRun::take(Diagnostics& found, const config::Positions& positions) {
  const size_t earlier = diagnostics_.errors().size();
  for (Diagnostic& error : found.errors()) {
    positions.locate(error);
    const auto& known = diagnostics_.errors();
    const auto end = known.begin() + static_cast<std::ptrdiff_t>(earlier);
    if (std::any_of(known.begin(), end, [&](const Diagnostic& each) { return may_follow(error, each); })) continue;
    diagnostics_.error(std::move(error));
  }
  for (Diagnostic& warning : found.warnings()) {
    positions.locate(warning);
    diagnostics_.warning(std::move(warning));
  }
}

const DryRun::Cluster* DryRun::cluster(std::string_view name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : &found->second;
}

const DryRun::Place* DryRun::place_of(const route::RouteTable* table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

}  // namespace weir::main
