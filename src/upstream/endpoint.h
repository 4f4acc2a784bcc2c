// Endpoint and EndpointSet: where a cluster's requests can go, as everybody sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "upstream/cluster_stats.h"
#include "upstream/outlier_record.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// What a balancer makes of all that is known of an endpoint's health.
enum class Availability : uint8_t { kHealthy, kDegraded, kUnavailable };

/// What checks found out about an endpoint, beside what discovery says of it: bits of Endpoint::flags().
struct HealthFlag {
  enum : uint32_t {
    kFailedActiveCheck = 1,
    kFailedOutlierCheck = 2,
    kDegradedActiveCheck = 4,
    kPendingActiveCheck = 8,   // never asked yet, and not to be counted until then
    kExcludedByCheck = 16,     // it said itself that it is not to be counted
    kActiveCheckTimeout = 32,  // it failed by not answering
  };
};

/// One address of a cluster. Immutable but for what is counted and found out; shared by all workers.
struct Endpoint {
  Endpoint(size_t workers, net::AddressPtr address) : address(std::move(address)), stats(workers) {}

  net::AddressPtr address;
  std::vector<net::AddressPtr> additional_addresses;  // of the same endpoint, tried in this order after `address`
  std::string hostname;
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 1;
  Health health = Health::kHealthy;
  bool canary = false;
  bool no_active_check = false;   // health_check_config.disable_active_health_check
  net::AddressPtr check_address;  // where active checks ask; null: `address`
  std::string check_hostname;     // what they ask for; "" for what the check says
  MatchValues transport_match;
  LbMetadataPtr lb_metadata;  // null: none
  mutable stats::Sharded<EndpointStats> stats;
  /// Requests under way from all workers; what least-request balancing compares.
  mutable std::atomic<int32_t> active_requests = 0;
  /// Since when it may be used, for a slow start.
  mutable std::atomic<MonotonicNs> healthy_since = 0;

  /// Connections of all workers, for limits of single endpoints.
  mutable std::atomic<int32_t> connections = 0;
  /// Null unless the cluster has outlier detection.
  mutable std::unique_ptr<OutlierRecord> outlier;

  uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  /// Main thread; whoever balances is told by a new EndpointSet.
  void set(uint32_t flags) const { flags_.fetch_or(flags, std::memory_order_relaxed); }
  void clear(uint32_t flags) const { flags_.fetch_and(~flags, std::memory_order_relaxed); }

  Availability availability() const {
    constexpr uint32_t kFailed = HealthFlag::kFailedActiveCheck | HealthFlag::kFailedOutlierCheck;
    const uint32_t found = flags();
    if ((found & kFailed) != 0) return Availability::kUnavailable;
    if (health == Health::kHealthy) {
      return (found & HealthFlag::kDegradedActiveCheck) != 0 ? Availability::kDegraded : Availability::kHealthy;
    }
    return health == Health::kDegraded ? Availability::kDegraded : Availability::kUnavailable;
  }
  /// Counts neither for nor against its priority's health.
  bool excluded() const {
    return health == Health::kDraining || (flags() & (HealthFlag::kPendingActiveCheck | HealthFlag::kExcludedByCheck)) != 0;
  }
  bool usable() const { return availability() != Availability::kUnavailable; }

 private:
  mutable std::atomic<uint32_t> flags_ = 0;
};
using EndpointPtr = std::shared_ptr<const Endpoint>;

struct BalancingPlan;

/// All endpoints of a cluster at one moment.
struct EndpointSet {
  struct LocalityWeight {
    Locality locality;
    uint32_t priority = 0;
    uint32_t weight = 0;
    friend bool operator==(const LocalityWeight&, const LocalityWeight&) = default;
  };

  std::vector<EndpointPtr> endpoints;  // in the order of the configuration
  std::vector<LocalityWeight> locality_weights;
  uint32_t overprovisioning_factor = 140;
  bool weighted_priority_health = false;
  double drop_share = 0;  // of all requests
  /// What main worked out for all workers; null where each does that itself when it first uses the cluster.
  std::shared_ptr<const BalancingPlan> plan;

  /// Whether it would change nothing to use the other one.
  bool same_as(const EndpointSet& other) const {
    return endpoints == other.endpoints && locality_weights == other.locality_weights &&
           overprovisioning_factor == other.overprovisioning_factor &&
           weighted_priority_health == other.weighted_priority_health && drop_share == other.drop_share;
  }
};
using EndpointSetPtr = std::shared_ptr<const EndpointSet>;

/// Builds the next set, keeping the Endpoint (and with it counters and connections) of every address that stays the same.
std::shared_ptr<EndpointSet> make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous);

}  // namespace weir::upstream
