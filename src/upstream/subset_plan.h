// SubsetPlan: the endpoints of a cluster parted by their metadata, as lb_subset_config wants it.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "upstream/balancing_plan.h"

namespace weir::upstream {

/// Immutable, shared by all workers.
struct SubsetPlan {
  struct Subset {
    BalancingPlanPtr plan;         // null for a subset of a single host:
    std::optional<uint32_t> host;  // that
  };
  /// By the keys of criteria (LbCriteria::key). Each has an endpoint, healthy or not.
  std::unordered_map<std::string, Subset> subsets;
  BalancingPlanPtr any, default_subset;  // null where the configuration never falls back to them
  uint64_t duplicates = 0;               // hosts that are left out, for their subset has its single one
};

std::shared_ptr<const SubsetPlan> make_subset_plan(const BalancingSpec& spec, const EndpointSet& endpoints, const HostSets& sets);

}  // namespace weir::upstream
