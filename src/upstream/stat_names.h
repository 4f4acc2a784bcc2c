// The names of what is counted about a cluster, and its place in the registry.
#pragma once

#include <array>
#include <span>

#include "stats/registry.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

/// Inside "cluster.<stat_name>.".
void visit(stats::StatVisitor& visitor, const ClusterState& cluster);

/// What the workers counted of one endpoint, summed, and whether it is healthy: counters, then gauges, each in the order of their
/// names but for that last one, as Envoy lists them.
struct EndpointCounts {
  std::array<stats::LabelledStats::Value, 9> values;

  using Values = std::span<const stats::LabelledStats::Value>;
  Values all() const { return values; }
  Values counters() const { return all().first(6); }
  Values gauges() const { return all().subspan(6, 2); }
};
EndpointCounts counts_of(const Endpoint& endpoint);

/// Shows `cluster.<stat_name>.endpoint.<address>.*`, for clusters that ask for it.
[[nodiscard]] stats::LabelledRegistry::Registration register_endpoints(stats::Registry& registry, ClusterStatePtr cluster);

/// Shows `cluster.<stat_name>.*` for as long as the registration lives; the source keeps the cluster alive.
[[nodiscard]] stats::Registry::Registration register_cluster(stats::Registry& registry, ClusterStatePtr cluster);

}  // namespace weir::upstream
