// The names of what is counted about a cluster, and its place in the registry.
#pragma once

#include "stats/registry.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

/// Inside "cluster.<stat_name>.".
void visit(stats::StatVisitor& visitor, const ClusterState& cluster);

/// Shows `cluster.<stat_name>.*` for as long as the registration lives; the source keeps the cluster alive.
[[nodiscard]] stats::Registry::Registration register_cluster(stats::Registry& registry, ClusterStatePtr cluster);

}  // namespace weir::upstream
