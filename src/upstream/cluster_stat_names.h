// The names of what is counted about a cluster.
#pragma once

#include "stats/visitor.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

/// Inside "cluster.<stat_name>.": everything that Envoy shows there, as 0 if no worker has used the cluster yet.
void visit(stats::StatVisitor& visitor, const ClusterState& cluster);

}  // namespace weir::upstream
