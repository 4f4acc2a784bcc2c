// What is counted about taking over configurations (cluster_manager.*, listener_manager.*), and under which names.
#pragma once

#include "stats/cell.h"
#include "stats/registry.h"

namespace weir::control {

/// `cluster_manager.`; main thread.
struct ClusterManagerStats {
  stats::Counter cluster_added, cluster_modified, cluster_removed, cluster_updated, cluster_updated_via_merge,
      update_merge_cancelled, update_out_of_merge_window;
  stats::Gauge active_clusters, warming_clusters;
};

/// `listener_manager.`; main thread.
struct ListenerManagerStats {
  stats::Counter listener_added, listener_create_failure, listener_create_success, listener_in_place_updated, listener_modified,
      listener_removed, listener_stopped;
  stats::Gauge total_filter_chains_draining, total_listeners_active, total_listeners_draining, total_listeners_warming,
      workers_started;
};

/// Shows the statistics, which must live longer.
[[nodiscard]] stats::Registry::Registration register_stats(stats::Registry& registry, ClusterManagerStats& stats);
[[nodiscard]] stats::Registry::Registration register_stats(stats::Registry& registry, ListenerManagerStats& stats);

}  // namespace weir::control
