// ClusterState: what all workers share of one cluster: its specification, endpoints, limits and statistics.
#pragma once

#include <atomic>
#include <memory>

#include "upstream/budget.h"
#include "upstream/endpoint.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Counted by the main thread only.
struct MembershipStats {
  stats::Counter membership_change, update_attempt, update_success, update_failure, update_empty, update_no_rebuild,
      update_rejected, assignment_stale, assignment_timeout_received, bind_errors;
  stats::Gauge membership_total, membership_healthy, membership_degraded, membership_excluded, max_host_weight, version;
};

struct ClusterState {
  ClusterState(std::shared_ptr<const ClusterSpec> spec, size_t workers)
      : spec(std::move(spec)),
        stats(workers),
        breakers{CircuitBreakers(this->spec->thresholds[0]), CircuitBreakers(this->spec->thresholds[1])} {}

  const std::shared_ptr<const ClusterSpec> spec;
  mutable stats::Sharded<ClusterStats> stats;
  mutable MembershipStats membership;
  mutable CircuitBreakers breakers[kPriorities];
  /// The newest endpoints; written by main, read by a worker when it first uses the cluster. Changes are also mailed.
  std::atomic<EndpointSetPtr> endpoints;

  CircuitBreakers& breakers_for(Priority priority) const { return breakers[static_cast<size_t>(priority)]; }
};
using ClusterStatePtr = std::shared_ptr<ClusterState>;

}  // namespace weir::upstream
