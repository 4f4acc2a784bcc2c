// What balancers know of endpoints' health, where that is not the newest: changes of a priority may wait a while.
#pragma once

#include <vector>

#include "upstream/balancing_plan.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

struct SeenHealth {
  Availability availability = Availability::kHealthy;
  bool excluded = false;
  friend bool operator==(const SeenHealth&, const SeenHealth&) = default;
};
using AllSeen = std::vector<SeenHealth>;  // by the endpoint's place in its set

AllSeen look_at(const EndpointSet& set);

// As their namesakes, but by what was seen instead of what is known now.
HostSets make_host_sets(const EndpointSet& set, const Locality* local, const AllSeen& seen);
BalancingPlanPtr make_whole_plan(const BalancingSpec& spec, const EndpointSet& endpoints, const Locality* own_locality,
                                 const AllSeen& seen);
void take_endpoints(ClusterState& cluster, const EndpointSetPtr& from, const AllSeen& seen);

}  // namespace weir::upstream
