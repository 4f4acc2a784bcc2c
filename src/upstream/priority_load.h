// PriorityLoad: how requests are shared among the priorities of a cluster's endpoints (Envoy, "Priority levels", "Panic
// threshold", "Degraded endpoints").
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "upstream/host_sets.h"
#include "upstream/pick_context.h"

namespace weir::upstream {

/// Percentages by priority; together 100.
struct PriorityShares {
  std::vector<uint32_t> healthy, degraded;

  /// `hash` is a random number or what the request hashes to.
  PriorityChoice choose(uint64_t hash) const;
};

struct PriorityLoad : PriorityShares {
  std::vector<bool> panic;                                  // a priority whose endpoints are used whatever their health
  std::vector<uint32_t> healthy_percent, degraded_percent;  // what each could take, overprovisioning included
};

/// The shares without the priorities that are marked; nothing if no other could take anything.
std::optional<PriorityShares> shares_without(const PriorityLoad& load, const std::vector<bool>& excluded);

/// A priority takes the share of its endpoints that is healthy × overprovisioning, until a hundred is reached; then degraded ones
/// take what is left in the same way. Below the panic threshold the endpoints' number decides instead of their health.
PriorityLoad priority_load(const HostSets& sets, const EndpointSet& endpoints, uint32_t panic_threshold_percent);

/// Whether so few of a priority's endpoints may be used that all of them are.
bool in_panic(const HostLevel& level, uint32_t panic_threshold_percent);

}  // namespace weir::upstream
