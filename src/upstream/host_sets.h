// HostSets: the endpoints of a cluster, or of a part of it, sorted by what balancers ask: priority, health, locality.
#pragma once

#include <cstdint>
#include <vector>

#include "upstream/endpoint.h"

namespace weir::upstream {

/// Endpoints by their place in an EndpointSet, in its order.
using HostList = std::vector<uint32_t>;

struct LocalityHosts {
  Locality locality;
  uint32_t weight = 0;    // 0: none was given
  uint32_t excluded = 0;  // of `all`, those that no share is measured by
  HostList all, healthy, degraded;
};

/// All endpoints of one priority.
struct HostLevel {
  HostList all, healthy, degraded;
  std::vector<uint32_t> excluded;
  std::vector<LocalityHosts> localities;  // the proxy's own first, then by name
  bool has_local = false;                 // whether the first of them is the proxy's own
  bool has_locality_weights = false;      // whether weights of localities count here
};

struct HostSets {
  std::vector<HostLevel> levels;  // by priority; at least one
  uint32_t overprovisioning_factor = 140;
  bool weighted_priority_health = false;

  bool empty() const;
};

/// `local`: where the proxy itself is, or null.
HostSets make_host_sets(const EndpointSet& set, const Locality* local);

/// Whether the weights of localities hold for a part of the endpoints, and how.
enum class LocalityWeights : uint8_t { kNone, kAsGiven, kScaled };

/// The part of `sets` whose endpoints are in `members`, a list in ascending order. Levels and localities stay, perhaps empty.
HostSets part_of(const HostSets& sets, const HostList& members, LocalityWeights weights);

}  // namespace weir::upstream
