#include "control/stat_names.h"

#include "stats/table.h"

namespace weir::control {

namespace {

constexpr auto kClusterManager = stats::table<ClusterManagerStats>({
    {"active_clusters", &ClusterManagerStats::active_clusters},
    {"cluster_added", &ClusterManagerStats::cluster_added},
    {"cluster_modified", &ClusterManagerStats::cluster_modified},
    {"cluster_removed", &ClusterManagerStats::cluster_removed},
    {"cluster_updated", &ClusterManagerStats::cluster_updated},
    {"cluster_updated_via_merge", &ClusterManagerStats::cluster_updated_via_merge},
    {"update_merge_cancelled", &ClusterManagerStats::update_merge_cancelled},
    {"update_out_of_merge_window", &ClusterManagerStats::update_out_of_merge_window},
    {"warming_clusters", &ClusterManagerStats::warming_clusters},
});

constexpr auto kListenerManager = stats::table<ListenerManagerStats>({
    {"listener_added", &ListenerManagerStats::listener_added},
    {"listener_create_failure", &ListenerManagerStats::listener_create_failure},
    {"listener_create_success", &ListenerManagerStats::listener_create_success},
    {"listener_in_place_updated", &ListenerManagerStats::listener_in_place_updated},
    {"listener_modified", &ListenerManagerStats::listener_modified},
    {"listener_removed", &ListenerManagerStats::listener_removed},
    {"listener_stopped", &ListenerManagerStats::listener_stopped},
    {"total_filter_chains_draining", &ListenerManagerStats::total_filter_chains_draining},
    {"total_listeners_active", &ListenerManagerStats::total_listeners_active},
    {"total_listeners_draining", &ListenerManagerStats::total_listeners_draining},
    {"total_listeners_warming", &ListenerManagerStats::total_listeners_warming},
    {"workers_started", &ListenerManagerStats::workers_started},
});

}  // namespace

stats::Registry::Registration register_stats(stats::Registry& registry, ClusterManagerStats& stats) {
  return registry.add("cluster_manager.", [&](stats::StatVisitor& visitor) { stats::visit(visitor, kClusterManager, stats); });
}

stats::Registry::Registration register_stats(stats::Registry& registry, ListenerManagerStats& stats) {
  return registry.add("listener_manager.", [&](stats::StatVisitor& visitor) { stats::visit(visitor, kListenerManager, stats); });
}

}  // namespace weir::control
