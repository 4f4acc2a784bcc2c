#include "control/scoped_routes.h"

#include <algorithm>
#include <map>

#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "stats/table.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::route::v3::ScopedRouteConfiguration;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

namespace {

constexpr auto kStats = stats::table<ScopeStats>({
    {"active_scopes", &ScopeStats::active_scopes},
    {"all_scopes", &ScopeStats::all_scopes},
    {"on_demand_scopes", &ScopeStats::on_demand_scopes},
});

}  // namespace

struct ScopedRoutes::Entry {
  std::weak_ptr<route::ScopeSource> source;
  std::string name, stat_prefix;
  hcm::Rds rds;  // of its routes, but for their name
  std::vector<Kept> kept;
  std::string version;
  WallNs updated = 0;
  SubscriptionStats stats;
  ScopeStats own_stats;
  std::unique_ptr<FileSubscription> subscription;
  stats::Registry::Registration registration;
};

ScopedRoutes::ScopedRoutes(const Context& context, FileWatch& files, Routes& routes)
    : context_(context), files_(files), routes_(routes) {}

ScopedRoutes::~ScopedRoutes() = default;

std::shared_ptr<route::ScopeSource> ScopedRoutes::find(const hcm::ScopedRoutes& config, route::ScopeKeyBuilder builder,
                                                       const std::string& stat_prefix, const FieldPath& at,
                                                       config::Diagnostics& diagnostics) {
  const FieldPath scoped{&at, "scoped_rds"};
  const auto file = read_source(context_, config.scoped_rds().scoped_rds_config_source(),
                                FieldPath{&scoped, "scoped_rds_config_source"}, diagnostics);
  if (!file) return nullptr;
  Entry& entry = *entries_.emplace_back(std::make_unique<Entry>());
  auto source = std::make_shared<route::ScopeSource>(config.name(), std::move(builder), nullptr);
  entry.source = source;
  entry.name = config.name();
  entry.stat_prefix = stat_prefix;
  *entry.rds.mutable_config_source() = config.rds_config_source();
  for (stats::Gauge* gauge : {&entry.own_stats.active_scopes, &entry.own_stats.all_scopes, &entry.own_stats.on_demand_scopes}) {
    gauge->set(0);
  }
  entry.registration =
      context_.stats.add(stats::sanitize("http." + stat_prefix + ".scoped_rds." + entry.name + "."), [&entry](auto& visitor) {
        stats::visit(visitor, kStats, entry.own_stats);
        visit(visitor, entry.stats, DiscoveryKind::kRoutes);
      });
  entry.subscription = std::make_unique<FileSubscription>(
      context_, files_, *file, entry.stats,
      [this, &entry](const Update& found, config::Diagnostics& errors) { update(entry, found, errors); });
  entry.subscription->note();
  if (started_) entry.subscription->start();
  return source;
}

/// All scopes or none: a request must not fall into a gap between two of them.
void ScopedRoutes::update(Entry& entry, const Update& update, config::Diagnostics& diagnostics) {
  const auto source = entry.source.lock();
  if (source == nullptr) return;  // nobody uses it any more
  const auto resources = unpack<ScopedRouteConfiguration>(update, diagnostics);
  std::map<std::string, std::string> names_by_key;
  std::vector<std::string_view> names;
  std::vector<route::Scopes::Scope> scopes;
  std::vector<Kept> kept;
  int64_t by_name = 0;
  for (const auto& resource : resources) {
    const ScopedRouteConfiguration& config = resource.message;
    const FieldPath at{&resource.list, {}, resource.index};
    std::vector<std::string> parts;
    for (const auto& fragment : config.key().fragments()) parts.push_back(fragment.string_key());
    std::string key = route::ScopeKeyBuilder::key(parts);
    if (std::ranges::find(names, config.name()) != names.end()) {
      diagnostics.error(
          {{}, FieldPath{&at, "name"}.text(), "there is a second scope named " + config::quoted(config.name()), ""});
    }
    names.push_back(config.name());
    const auto [known, fresh] = names_by_key.emplace(key, config.name());
    if (!fresh) {
      diagnostics.error({{},
                         FieldPath{&at, "key"}.text(),
                         "the scope " + config::quoted(known->second) + " has the same key",
                         "give each its own"});
    }
    by_name += config.route_configuration_name().empty() ? 0 : 1;
    scopes.push_back({.name = config.name(), .key = std::move(key), .routes = routes_of(entry, config, at, diagnostics)});
    kept.push_back({deterministic_bytes(config), resource.version, context_.loop.wall()});
  }
  if (diagnostics.failed()) return;
  entry.kept = std::move(kept);
  entry.version = update->version_info();
  entry.updated = context_.loop.wall();
  entry.own_stats.all_scopes.set(static_cast<int64_t>(scopes.size()));
  entry.own_stats.active_scopes.set(by_name);
  entry.stats.config_reload.add();
  entry.stats.config_reload_time_ms.set(wall_now() / kNsPerMs);
  source->replace(std::make_shared<const route::Scopes>(std::move(scopes)));
  routes_.sweep();
}

std::shared_ptr<route::TableSource> ScopedRoutes::routes_of(Entry& entry, const ScopedRouteConfiguration& config,
                                                            const FieldPath& at, config::Diagnostics& diagnostics) {
  if (!config.route_configuration_name().empty()) {
    hcm::Rds rds = entry.rds;
    rds.set_route_config_name(config.route_configuration_name());
    return routes_.find(rds, entry.stat_prefix, FieldPath{&at, "route_configuration_name"}, diagnostics);
  }
  if (!config.has_route_configuration()) {
    diagnostics.error({{}, at.text(), "needs a route_configuration_name or a route_configuration", ""});
    return nullptr;
  }
  auto table = context_.compile_routes(config.route_configuration(), FieldPath{&at, "route_configuration"}, diagnostics);
  return std::make_shared<route::TableSource>(config.route_configuration().name(), std::move(table));
}

void ScopedRoutes::start() {
  started_ = true;
  for (const auto& entry : entries_) entry->subscription->start();
}

void ScopedRoutes::sweep() {
  std::erase_if(entries_, [](const auto& entry) { return entry->source.expired(); });
}

void ScopedRoutes::dump(envoy::admin::v3::ScopedRoutesConfigDump& dump) const {
  for (const auto& entry : entries_) {
    if (entry->updated == 0 || entry->source.expired()) continue;
    auto& into = *dump.add_dynamic_scoped_route_configs();
    into.set_name(entry->name);
    into.set_version_info(entry->version);
    for (const Kept& kept : entry->kept) {
      fill<ScopedRouteConfiguration>(kept, *into.add_scoped_route_configs(), *into.mutable_last_updated());
    }
  }
}

}  // namespace weir::control
