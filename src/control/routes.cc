#include "control/routes.h"

#include <algorithm>

#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::Rds;

std::shared_ptr<route::TableSource> Routes::find(const Rds& rds, const std::string& stat_prefix, const FieldPath& at,
                                                 config::Diagnostics& diagnostics) {
  const auto file = read_source(context_, rds.config_source(), FieldPath{&at, "config_source"}, diagnostics);
  if (!file) return nullptr;
  std::unique_ptr<Entry>& place = entries_[file->path + '\n' + file->watched_directory + '\n' + rds.route_config_name()];
  if (place != nullptr) {
    if (auto known = place->source.lock()) return known;
  }
  place = std::make_unique<Entry>();
  Entry& entry = *place;
  auto source = std::make_shared<route::TableSource>(rds.route_config_name(), nullptr);
  entry.source = source;
  entry.name = rds.route_config_name();
  entry.registration = context_.stats.add(stats::sanitize("http." + stat_prefix + ".rds." + entry.name + "."),
                                          [&entry](auto& visitor) { visit(visitor, entry.stats, DiscoveryKind::kRoutes); });
  entry.subscription = std::make_unique<FileSubscription>(
      context_, files_, *file, entry.stats,
      [this, &entry](const Update& found, config::Diagnostics& errors) { update(entry, found, errors); });
  entry.subscription->note();
  if (started_) entry.subscription->start();
  return source;
}

void Routes::update(Entry& entry, const Update& update, config::Diagnostics& diagnostics) {
  const auto source = entry.source.lock();
  if (source == nullptr) return;  // nobody uses it any more
  const auto resources = unpack<RouteConfiguration>(update, diagnostics);
  if (diagnostics.failed()) return;
  if (resources.empty()) {
    entry.stats.update_empty.add();
    return;
  }
  const auto found = std::ranges::find_if(resources, [&](const auto& each) { return each.message.name() == entry.name; });
  if (found == resources.end()) {
    return diagnostics.error({{},
                              "resources",
                              "no routes named " + config::quoted(entry.name) + " are in it",
                              "add a RouteConfiguration with that name"});
  }
  std::string bytes = deterministic_bytes(found->message);
  if (source->table() != nullptr && bytes == entry.kept.bytes) return;
  route::RouteTablePtr table = context_.compile_routes(found->message, FieldPath{&found->list, {}, found->index}, diagnostics);
  if (table == nullptr) return;
  entry.kept = {std::move(bytes), found->version, context_.loop.wall()};
  entry.stats.config_reload.add();
  entry.stats.config_reload_time_ms.set(wall_now() / kNsPerMs);
  source->replace(std::move(table));
}

void Routes::remember(const route::RouteTablePtr& table, const RouteConfiguration& config) {
  inline_.push_back({table, {deterministic_bytes(config), "", context_.loop.wall()}});
}

void Routes::start() {
  started_ = true;
  for (auto& [key, entry] : entries_) entry->subscription->start();
}

void Routes::sweep() {
  std::erase_if(entries_, [](const auto& item) { return item.second->source.expired(); });
  std::erase_if(inline_, [](const Inline& each) { return each.table.expired(); });
}

void Routes::dump(envoy::admin::v3::RoutesConfigDump& dump) const {
  for (const Inline& each : inline_) {
    if (each.table.expired()) continue;
    auto& into = *dump.add_static_route_configs();
    fill<RouteConfiguration>(each.kept, *into.mutable_route_config(), *into.mutable_last_updated());
  }
  for (const auto& [key, entry] : entries_) {
    if (entry->kept.updated == 0 || entry->source.expired()) continue;
    auto& into = *dump.add_dynamic_route_configs();
    into.set_version_info(entry->kept.version);
    fill<RouteConfiguration>(entry->kept, *into.mutable_route_config(), *into.mutable_last_updated());
  }
}

}  // namespace weir::control
