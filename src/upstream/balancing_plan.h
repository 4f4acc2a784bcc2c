// BalancingPlan: what is worked out once for a set of endpoints, before anybody chooses among them.
#pragma once

#include <memory>
#include <vector>

#include "upstream/hash_table.h"
#include "upstream/host_sets.h"
#include "upstream/priority_load.h"

namespace weir::upstream {

struct SubsetPlan;

/// Immutable; refers to endpoints by their places in the set that it was made of.
struct BalancingPlan {
  HostSets sets;
  PriorityLoad load;

  /// For balancers that hash, by priority.
  struct Hashed {
    std::vector<WeightedHost> hosts;
    HashTablePtr table;  // null without hosts
  };
  std::vector<Hashed> hashed;

  std::shared_ptr<const SubsetPlan> subsets;  // null for a plan without, or of one
};
using BalancingPlanPtr = std::shared_ptr<const BalancingPlan>;

/// The plan for all endpoints.
BalancingPlanPtr make_whole_plan(const BalancingSpec& spec, const EndpointSet& endpoints, const Locality* own_locality);
/// The plan for endpoints that are not parted any further.
BalancingPlanPtr make_plan(const BalancingSpec& spec, const EndpointSet& endpoints, HostSets sets);

}  // namespace weir::upstream
