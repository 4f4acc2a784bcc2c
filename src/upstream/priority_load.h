// PriorityLoad: how requests are shared among the priorities of a cluster's endpoints (Envoy, "Priority levels", "Panic
// threshold", "Degraded endpoints").
#pragma once

#include <cstdint>
#include <vector>

#include "upstream/host_sets.h"

namespace weir::upstream {

struct PriorityLoad {
  std::vector<uint32_t> healthy, degraded;  // percent by priority; together 100
  std::vector<bool> panic;                  // a priority whose endpoints are used whatever their health

  struct Choice {
    uint32_t priority = 0;
    bool degraded = false;
  };
  /// `hash` is a random number or what the request hashes to.
  Choice choose(uint64_t hash) const;
};

/// A priority takes the share of its endpoints that is healthy × overprovisioning, until a hundred is reached; then degraded ones
/// take what is left in the same way. Below the panic threshold the endpoints' number decides instead of their health.
PriorityLoad priority_load(const HostSets& sets, const EndpointSet& endpoints, uint32_t panic_threshold_percent);

/// Whether so few of a priority's endpoints may be used that all of them are.
bool in_panic(const HostLevel& level, uint32_t panic_threshold_percent);

}  // namespace weir::upstream
