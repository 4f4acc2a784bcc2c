// ClusterState: what all workers share of one cluster: its specification, endpoints, limits and statistics.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "net/tls/tls_stats.h"
#include "upstream/budget.h"
#include "upstream/endpoint.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Counted by the main thread only.
struct MembershipStats {
  stats::Counter membership_change, update_attempt, update_success, update_failure, update_empty, update_no_rebuild,
      assignment_stale, assignment_timeout_received, bind_errors, lb_subsets_created, lb_subsets_removed;
  stats::Gauge membership_total, membership_healthy, membership_degraded, membership_excluded, max_host_weight, version,
      lb_subsets_active, lb_subsets_single_host_per_subset_duplicate;
  /// Of the ring or the table, where the balancer has one.
  stats::Gauge hash_size, hash_fewest, hash_most;
};

/// What is counted goes on when a cluster is replaced by one of the same name.
struct ClusterCounts {
  explicit ClusterCounts(size_t workers) : stats(workers) {}
  stats::Sharded<ClusterStats> stats;
  MembershipStats membership;
  std::unique_ptr<stats::Sharded<net::TlsStats>> tls;  // once the cluster has used TLS
};

/// Success rates that outlier detection found, in percent; -1 for none. Written by main.
struct OutlierRates {
  std::atomic<double> average = -1, threshold = -1;
};

class DnsCache;
class SubClusters;

/// How keys of the runtime begin that replace limits of circuit breakers.
inline constexpr std::string_view kBreakerKeys = "circuit_breakers.";

struct ClusterState {
  /// `counts`: those of the cluster that this one replaces, or null.
  ClusterState(std::shared_ptr<const ClusterSpec> spec, size_t workers, std::shared_ptr<ClusterCounts> counts = nullptr)
      : spec(std::move(spec)),
        counts(counts != nullptr ? std::move(counts) : std::make_shared<ClusterCounts>(workers)),
        stats(this->counts->stats),
        membership(this->counts->membership),
        breakers{CircuitBreakers(this->spec->thresholds[0]), CircuitBreakers(this->spec->thresholds[1])} {
    if (this->spec->uses_tls() && this->counts->tls == nullptr) {
      this->counts->tls = std::make_unique<stats::Sharded<net::TlsStats>>(workers + 1);
    }
  }

  const std::shared_ptr<const ClusterSpec> spec;
  const std::shared_ptr<ClusterCounts> counts;
  stats::Sharded<ClusterStats>& stats;
  MembershipStats& membership;
  mutable CircuitBreakers breakers[kPriorities];
  /// Of a dynamic forward proxy; null for others.
  std::shared_ptr<DnsCache> dns_cache;
  std::shared_ptr<SubClusters> sub_clusters;  // of one that has a cluster for each host
  /// The newest endpoints; written by main, read by a worker when it first uses the cluster. Changes are also mailed.
  std::atomic<EndpointSetPtr> endpoints;
  /// Counts the changes of `endpoints`, for whoever only wants to know whether there was one.
  std::atomic<uint64_t> endpoints_version = 0;
  /// The cluster that the proxy itself belongs to (cluster_manager.local_cluster_name); null if it does not know. It is there
  /// as long as anybody is.
  const ClusterState* local = nullptr;
  mutable OutlierRates external_rates, local_origin_rates;
  /// Set before workers see the cluster, if it has outlier detection or active checks. From any thread: an endpoint failed too
  /// often in a row; an endpoint asked not to be used.
  std::function<void(const EndpointPtr&, OutlierKind)> tell_outlier;
  std::function<void(const EndpointPtr&)> tell_failed_check;
  /// The same, if requests name its endpoints: one that was not among them.
  std::function<void(const EndpointPtr&)> tell_dialled;

  /// Takes the limits of the circuit breakers that the runtime has now (circuit_breakers.<cluster>.<priority>.max_connections and
  /// so on). Main thread.
  void follow(const RuntimeValues& runtime);

  CircuitBreakers& breakers_for(Priority priority) const { return breakers[static_cast<size_t>(priority)]; }
  size_t workers() const { return stats.workers(); }
};
using ClusterStatePtr = std::shared_ptr<ClusterState>;

/// Gives the cluster these endpoints and counts the change. Endpoints that stay keep their counters and connections.
/// False if nothing changed. Main thread; the caller mails `cluster.endpoints` to the workers.
bool update_endpoints(ClusterState& cluster, const Assignment& assignment);
/// Takes out what discovery does not name any more and active checks found failing meanwhile. Whether there was any.
bool drop_failed_leftovers(ClusterState& cluster);
/// An endpoint that a request named; and those of that kind that none has named since this was last called go.
void add_dialled(ClusterState& cluster, const EndpointPtr& endpoint);
void drop_unused_dialled(ClusterState& cluster);
/// Counts members anew, after something was found out about them.
void count_health(ClusterState& cluster);
/// Gives the cluster the endpoints of that set, its predecessor's or its own after something was found out about them.
void take_endpoints(ClusterState& cluster, const EndpointSetPtr& from);

}  // namespace weir::upstream
