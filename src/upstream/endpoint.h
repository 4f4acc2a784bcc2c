// Endpoint and EndpointSet: where a cluster's requests can go, as everybody sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "upstream/cluster_stats.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// One address of a cluster. Immutable but for what is counted; shared by all workers.
struct Endpoint {
  Endpoint(size_t workers, net::AddressPtr address) : address(std::move(address)), stats(workers) {}

  net::AddressPtr address;
  std::string hostname;
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 1;
  Health health = Health::kHealthy;
  bool canary = false;
  MatchValues transport_match;
  mutable stats::Sharded<EndpointStats> stats;
  /// Requests under way from all workers; what least-request balancing compares.
  mutable std::atomic<int32_t> active_requests = 0;

  bool usable() const { return health == Health::kHealthy || health == Health::kDegraded; }
};
using EndpointPtr = std::shared_ptr<const Endpoint>;

/// All endpoints of a cluster at one moment.
struct EndpointSet {
  std::vector<EndpointPtr> endpoints;  // in the order of the configuration
  uint32_t overprovisioning_factor = 140;
};
using EndpointSetPtr = std::shared_ptr<const EndpointSet>;

/// Builds the next set, keeping the Endpoint (and with it counters and connections) of every address that stays the same.
EndpointSetPtr make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous);

}  // namespace weir::upstream
