// RetryState: whether, and when, a failed try of one request is followed by another. It decides; the router acts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "route/spec.h"
#include "upstream/budget.h"
#include "upstream/cluster.h"

namespace weir::proxy {

/// One request's. Begins empty; begin() fills it from the route's policy and the request's x-envoy-* headers (Envoy, "Retry
/// semantics"), recycle() empties it.
class RetryState {
 public:
  /// What follows a try that ended.
  enum class Decision : uint8_t {
    kNo,             // its ending is the request's
    kRetry,          // another try, after next_delay_ms()
    kLimitExceeded,  // there would be one, had the request not used up its tries
    kOverflow,       // there would be one, did the cluster's circuit breaker allow it
  };

  /// Takes the headers that speak of retries out of the request. `policy` may be null, and outlives the request.
  void begin(const route::RetryPolicy* policy, const route::HedgePolicy* hedge, http::HeaderMap& request);
  /// Whether a retry is possible at all: then what is sent must be kept.
  bool enabled() const { return enabled_; }
  /// Whether anything at all leads to another try, hedging aside.
  bool has_conditions() const { return enabled_ && conditions_ != 0; }
  /// Whether a try that takes too long is not given up, but followed by another beside it.
  bool hedges() const { return hedges_; }
  /// No further try, e.g. because the request is too large to keep.
  void give_up() { enabled_ = false; }

  Decision after_response(const http::HeaderMap& response, WallNs now, upstream::Cluster& cluster,
                          const route::RequestGroups& groups, upstream::Priority priority);
  /// `connected`: the try had got its connection, so that part of the request may have been sent.
  Decision after_reset(http::Reset reason, bool connected, upstream::Cluster& cluster, const route::RequestGroups& groups,
                       upstream::Priority priority);

  /// A try takes too long, and is not given up.
  Decision beside(upstream::Cluster& cluster, const route::RequestGroups& groups, upstream::Priority priority) {
    return decide(true, cluster, groups, priority);
  }
  /// Whether another try would have followed this answer, had there not been one already.
  bool would_retry(const http::HeaderMap& response) const { return enabled() && response_is_retriable(response); }

  /// How long to wait before the try that was just decided on: jittered and growing, unless the response named a time.
  int64_t next_delay_ms(Random& random, upstream::ClusterStats& stats);

  /// Notes where a try went.
  void remember(const upstream::Endpoint& endpoint, Arena& arena);
  /// The priority of the endpoint that will be remembered next.
  void note_priority(uint32_t priority) { priority_ = priority; }
  /// How the next try is shared among priorities; null for as usual.
  const upstream::PriorityShares* shares(const upstream::PriorityLoad& usual);
  /// Whether the next try should rather go elsewhere. Asked at most choices() times.
  bool rejects(const upstream::Endpoint& endpoint) const;
  int64_t choices() const { return policy_ == nullptr ? 1 : policy_->host_selection_max_attempts; }

  void recycle() { *this = RetryState(); }

 private:
  struct Tried {
    const upstream::EndpointLife* life;  // only to be compared
    uint32_t priority;
    const Tried* before;
  };

  void read_headers(http::HeaderMap& request);
  Decision decide(bool worth_it, upstream::Cluster& cluster, const route::RequestGroups& groups, upstream::Priority priority);
  bool response_is_retriable(const http::HeaderMap& response) const;
  bool status_is_retriable(int status) const;
  bool header_is_retriable(const http::HeaderMap& response) const;
  bool reset_is_retriable(http::Reset reason, bool connected) const;
  std::optional<int64_t> named_delay_ms(const http::HeaderMap& response, WallNs now) const;

  const route::RetryPolicy* policy_ = nullptr;
  bool enabled_ = false;
  uint32_t conditions_ = 0;
  uint32_t remaining_ = 0;
  std::string_view more_statuses_;  // x-envoy-retriable-status-codes
  std::string_view more_headers_;   // x-envoy-retriable-header-names, in lower case
  int64_t back_off_ms_ = 0;         // of the next retry, before jitter; 0: none was needed yet
  int64_t named_delay_ms_ = 0;
  const Tried* tried_ = nullptr;
  uint32_t tried_count_ = 0;
  uint32_t priority_ = 0;
  std::vector<bool> tried_priorities_;
  std::optional<upstream::PriorityShares> shares_;  // among those that were not tried
  bool hedges_ = false;
  upstream::Budget::Lease lease_;
};

}  // namespace weir::proxy
