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
    kPendingRemoval = 64,      // discovery names it no longer; it stays until it fails
  };
};

/// What goes on for as long as an address belongs to a cluster, however often it is described anew: what is counted, and what was
/// found out. Written by all threads.
struct EndpointLife {
  explicit EndpointLife(size_t workers) : stats(workers) {}

  stats::Sharded<EndpointStats> stats;
  /// Requests under way from all workers; what least-request balancing compares.
  std::atomic<int32_t> active_requests = 0;
  /// Connections of all workers, for limits of single endpoints.
  std::atomic<int32_t> connections = 0;
  /// Since when it may be used, for a slow start.
  std::atomic<MonotonicNs> healthy_since = 0;
  /// Bits of HealthFlag.
  std::atomic<uint32_t> flags = 0;
  /// Chosen since this was last asked; only of endpoints that requests name themselves.
  std::atomic<bool> used = true;
  /// Null unless the cluster has outlier detection.
  std::unique_ptr<OutlierRecord> outlier;
  /// What the endpoint itself says about its load (ORCA): how often it should be chosen, and when it said so first and last
  /// without a gap; 0: never.
  std::atomic<uint32_t> reported_weight = 0;
  std::atomic<MonotonicNs> reported_first = 0, reported_last = 0;
};

/// One address of a cluster, as it is described now: immutable but for its life, which it shares with its earlier descriptions.
/// Shared by all workers.
struct Endpoint {
  Endpoint(size_t workers, net::AddressPtr address) : Endpoint(std::make_shared<EndpointLife>(workers), std::move(address)) {}
  Endpoint(std::shared_ptr<EndpointLife> life, net::AddressPtr address)
      : life(std::move(life)),
        address(std::move(address)),
        stats(this->life->stats),
        active_requests(this->life->active_requests),
        connections(this->life->connections),
        healthy_since(this->life->healthy_since),
        outlier(this->life->outlier) {}

  const std::shared_ptr<EndpointLife> life;
  net::AddressPtr address;
  std::vector<net::AddressPtr> additional_addresses;  // of the same endpoint, tried in this order after `address`
  std::string hostname;
  std::string name;  // by which requests ask for it, in a dynamic forward proxy; "" elsewhere
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 1;
  Health health = Health::kHealthy;
  bool canary = false;
  bool no_active_check = false;   // health_check_config.disable_active_health_check
  net::AddressPtr check_address;  // where active checks ask; null: `address`
  std::string check_hostname;     // what they ask for; "" for what the check says
  MatchValues transport_match;
  LbMetadataPtr lb_metadata;           // null: none
  format::StaticMetadataPtr metadata;  // null: none

  // Of its life.
  stats::Sharded<EndpointStats>& stats;
  std::atomic<int32_t>& active_requests;
  std::atomic<int32_t>& connections;
  std::atomic<MonotonicNs>& healthy_since;
  std::unique_ptr<OutlierRecord>& outlier;

  uint32_t flags() const { return life->flags.load(std::memory_order_relaxed); }
  /// Main thread; whoever balances is told by a new EndpointSet.
  void set(uint32_t flags) const { life->flags.fetch_or(flags, std::memory_order_relaxed); }
  void clear(uint32_t flags) const { life->flags.fetch_and(~flags, std::memory_order_relaxed); }

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
  std::string drop_category;
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

/// Builds the next set. An address that stays keeps its life, and with it counters and connections; if nothing about it changed,
/// its Endpoint.
std::shared_ptr<EndpointSet> make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous);

}  // namespace weir::upstream
