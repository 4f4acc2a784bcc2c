// ActiveRequest: a request under way to an endpoint, in all the counters and limits that know of it.
#pragma once

#include <atomic>
#include <utility>

#include "upstream/cluster.h"

namespace weir::upstream {

/// The cluster must outlive it (Cluster::users).
class ActiveRequest {
 public:
  ActiveRequest() = default;
  ActiveRequest(const ActiveRequest&) = delete;
  ActiveRequest& operator=(const ActiveRequest&) = delete;
  ~ActiveRequest() { end(); }

  void begin(Cluster& cluster, const EndpointPtr& endpoint, EndpointStats& endpoint_stats, Priority priority) {
    end();
    cluster_ = &cluster;
    endpoint_ = endpoint;
    endpoint_stats_ = &endpoint_stats;
    lease_ = cluster.state()->breakers_for(priority).requests.take();
    cluster.stats().upstream_rq_total.add();
    cluster.stats().upstream_rq_active.add();
    endpoint_stats.rq_total.add();
    endpoint_stats.rq_active.add();
    endpoint->active_requests.fetch_add(1, std::memory_order_relaxed);
  }
  /// Idempotent.
  void end() {
    if (cluster_ == nullptr) return;
    std::exchange(cluster_, nullptr)->stats().upstream_rq_active.subtract();
    endpoint_stats_->rq_active.subtract();
    endpoint_->active_requests.fetch_sub(1, std::memory_order_relaxed);
    lease_.give_back();
  }

 private:
  Cluster* cluster_ = nullptr;
  EndpointPtr endpoint_;
  EndpointStats* endpoint_stats_ = nullptr;
  Budget::Lease lease_;
};

}  // namespace weir::upstream
