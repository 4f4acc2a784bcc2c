// What Weir counts about a cluster, under Envoy's names (cluster.<name>.*).
#pragma once

#include "http/codec.h"
#include "stats/cell.h"
#include "stats/code_counters.h"
#include "upstream/answer_stats.h"

namespace weir::upstream {

/// One worker's share.
struct ClusterStats {
  stats::Counter upstream_cx_total, upstream_cx_http1_total, upstream_cx_http2_total, upstream_cx_http3_total,
      upstream_cx_connect_fail, upstream_cx_connect_timeout, upstream_cx_idle_timeout, upstream_cx_max_duration_reached,
      upstream_cx_max_requests, upstream_cx_destroy, upstream_cx_destroy_local, upstream_cx_destroy_remote,
      upstream_cx_destroy_with_active_rq, upstream_cx_destroy_local_with_active_rq, upstream_cx_destroy_remote_with_active_rq,
      upstream_cx_close_notify, upstream_cx_rx_bytes_total, upstream_cx_tx_bytes_total, upstream_cx_pool_overflow,
      upstream_cx_overflow, upstream_cx_none_healthy, upstream_cx_protocol_error, upstream_cx_connect_attempts_exceeded,
      upstream_cx_connect_with_0_rtt;
  stats::Gauge upstream_cx_active, upstream_cx_rx_bytes_buffered, upstream_cx_tx_bytes_buffered;

  stats::Counter upstream_rq_total, upstream_rq_completed, upstream_rq_pending_total, upstream_rq_pending_overflow,
      upstream_rq_pending_failure_eject, upstream_rq_cancelled, upstream_rq_maintenance_mode, upstream_rq_timeout,
      upstream_rq_max_duration_reached, upstream_rq_per_try_timeout, upstream_rq_per_try_idle_timeout, upstream_rq_rx_reset,
      upstream_rq_tx_reset, upstream_rq_retry, upstream_rq_retry_backoff_exponential, upstream_rq_retry_backoff_ratelimited,
      upstream_rq_retry_limit_exceeded, upstream_rq_retry_success, upstream_rq_retry_overflow, upstream_rq_0rtt,
      upstream_rq_dropped_overload;
  stats::Gauge upstream_rq_active, upstream_rq_pending_active;

  stats::Counter upstream_flow_control_paused_reading_total, upstream_flow_control_resumed_reading_total,
      upstream_flow_control_backed_up_total, upstream_flow_control_drained_total, upstream_internal_redirect_succeeded_total,
      upstream_internal_redirect_failed_total;
  stats::Counter lb_healthy_panic, lb_subsets_selected, lb_subsets_fallback, lb_subsets_fallback_panic, retry_or_shadow_abandoned;
  stats::Counter lb_local_cluster_not_ok, lb_recalculate_zone_structures, lb_zone_cluster_too_small, lb_zone_no_capacity_left,
      lb_zone_routing_all_directly, lb_zone_routing_cross_zone, lb_zone_routing_sampled, original_dst_host_invalid;
  stats::Counter ratelimit_ok, ratelimit_error, ratelimit_over_limit, ratelimit_failure_mode_allowed;  // of the filter

  stats::Histogram upstream_cx_connect_ms, upstream_cx_length_ms, upstream_rq_per_cx, upstream_rq_time;
  stats::CodeCounters codes;        // upstream_rq_200 …
  stats::CodeCounters retry_codes;  // retry.upstream_rq_503: answers that were not the last word
  AnswerStats external, internal;   // by who asks
  AnswerStats canary;
  NamedAnswers zones;         // where the proxy knows its own zone
  NamedAnswers alternatives;  // under names that requests give (x-envoy-upstream-alt-stat-name)
  TrackedStats tracked;       // where the cluster asks for it

  http::Http1Stats http1;
  http::Http2Stats http2;
};

/// What one worker counts about one endpoint (/clusters shows it).
struct EndpointStats {
  stats::Counter cx_connect_fail, cx_total, rq_error, rq_success, rq_timeout, rq_total;
  stats::Gauge cx_active, rq_active;
};

}  // namespace weir::upstream
