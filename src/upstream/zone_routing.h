// ZoneRouting: which locality of its first priority a cluster's requests go to, so that most stay in the proxy's own zone and yet
// all zones are used alike (Envoy, "Zone aware routing").
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "upstream/host_sets.h"

namespace weir::upstream {

struct ZoneRouting {
  enum class Kind : uint8_t {
    kOff,
    kDirect,    // all to the own locality
    kResidual,  // some to the own one, the rest to those with more than their share
  };
  Kind kind = Kind::kOff;
  uint64_t own_share = 0;          // of 10,000 requests
  std::vector<uint64_t> residual;  // by locality, each with all before it
  bool own_cluster_in_panic = false;

  /// The locality of the next request; `kind` is not kOff.
  uint32_t choose(Random& random, ClusterStats& stats) const;
};

/// `own_cluster`: the endpoints of the cluster that the proxy belongs to. `endpoints` and `own_endpoints` are the sets behind.
ZoneRouting make_zone_routing(const BalancingSpec& spec, const HostSets& sets, const EndpointSet& endpoints,
                              const HostSets& own_cluster, const EndpointSet& own_endpoints, ClusterStats& stats);

}  // namespace weir::upstream
