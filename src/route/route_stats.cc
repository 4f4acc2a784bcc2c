#include "route/route_stats.h"

#include <utility>

#include "stats/table.h"

namespace weir::route {

namespace {

using stats::Unit;
using Shown = stats::StatRow<GroupStats>::Shown;

constexpr auto kGroup = stats::table<GroupStats>({
    {"upstream_rq_total", &GroupStats::upstream_rq_total},
    {"upstream_rq_timeout", &GroupStats::upstream_rq_timeout},
    {"upstream_rq_retry", &GroupStats::upstream_rq_retry},
    {"upstream_rq_retry_limit_exceeded", &GroupStats::upstream_rq_retry_limit_exceeded},
    {"upstream_rq_retry_overflow", &GroupStats::upstream_rq_retry_overflow},
    {"upstream_rq_retry_success", &GroupStats::upstream_rq_retry_success},
    {"upstream_rq_time", &GroupStats::upstream_rq_time, Unit::kMilliseconds, Shown::kOnceUsed},
});

}  // namespace

/// One source shows all groups: names here keep characters that Registry::add() would replace in a prefix, as Envoy's do.
RouteStats::RouteStats(stats::Registry& registry, size_t workers)
    : workers_(workers), registration_(registry.add("vhost.", [this](stats::StatVisitor& visitor) { visit(visitor); })) {}

GroupCells RouteStats::virtual_cluster(std::string_view virtual_host, std::string_view name) {
  return find_or_make(std::string(virtual_host) + ".vcluster." + std::string(name) + ".");
}

GroupCells RouteStats::route(std::string_view virtual_host, std::string_view stat_prefix) {
  return find_or_make(std::string(virtual_host) + ".route." + std::string(stat_prefix) + ".");
}

GroupCells RouteStats::find_or_make(std::string prefix) {
  std::weak_ptr<stats::Sharded<GroupStats>>& place = groups_[std::move(prefix)];
  if (auto held = place.lock()) return held;
  auto cells = std::make_shared<stats::Sharded<GroupStats>>(workers_);
  place = cells;
  return cells;
}

void RouteStats::visit(stats::StatVisitor& visitor) {
  std::erase_if(groups_, [](const auto& group) { return group.second.expired(); });
  for (const auto& [prefix, group] : groups_) {
    const GroupCells cells = group.lock();
    if (cells == nullptr) continue;
    const auto scope = visitor.scope(prefix);
    stats::visit(visitor, kGroup, *cells);
    stats::visit(visitor, "upstream_rq", *cells, &GroupStats::codes, stats::Completed::kOnceSeen);
  }
}

}  // namespace weir::route
