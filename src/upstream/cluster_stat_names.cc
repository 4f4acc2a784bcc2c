#include "upstream/cluster_stat_names.h"

#include "http/codec_stat_tables.h"
#include "stats/table.h"

namespace weir::upstream {

namespace {

using stats::Unit;
using Shown = stats::StatRow<ClusterStats>::Shown;

constexpr auto kCluster = stats::table<ClusterStats>({
    {"upstream_cx_total", &ClusterStats::upstream_cx_total},
    {"upstream_cx_http1_total", &ClusterStats::upstream_cx_http1_total},
    {"upstream_cx_http2_total", &ClusterStats::upstream_cx_http2_total},
    {"upstream_cx_http3_total", &ClusterStats::upstream_cx_http3_total},
    {"upstream_cx_connect_fail", &ClusterStats::upstream_cx_connect_fail},
    {"upstream_cx_connect_timeout", &ClusterStats::upstream_cx_connect_timeout},
    {"upstream_cx_idle_timeout", &ClusterStats::upstream_cx_idle_timeout},
    {"upstream_cx_max_duration_reached", &ClusterStats::upstream_cx_max_duration_reached},
    {"upstream_cx_max_requests", &ClusterStats::upstream_cx_max_requests},
    {"upstream_cx_destroy", &ClusterStats::upstream_cx_destroy},
    {"upstream_cx_destroy_local", &ClusterStats::upstream_cx_destroy_local},
    {"upstream_cx_destroy_remote", &ClusterStats::upstream_cx_destroy_remote},
    {"upstream_cx_destroy_with_active_rq", &ClusterStats::upstream_cx_destroy_with_active_rq},
    {"upstream_cx_destroy_local_with_active_rq", &ClusterStats::upstream_cx_destroy_local_with_active_rq},
    {"upstream_cx_destroy_remote_with_active_rq", &ClusterStats::upstream_cx_destroy_remote_with_active_rq},
    {"upstream_cx_close_notify", &ClusterStats::upstream_cx_close_notify},
    {"upstream_cx_rx_bytes_total", &ClusterStats::upstream_cx_rx_bytes_total},
    {"upstream_cx_tx_bytes_total", &ClusterStats::upstream_cx_tx_bytes_total},
    {"upstream_cx_pool_overflow", &ClusterStats::upstream_cx_pool_overflow},
    {"upstream_cx_overflow", &ClusterStats::upstream_cx_overflow},
    {"upstream_cx_none_healthy", &ClusterStats::upstream_cx_none_healthy},
    {"upstream_cx_protocol_error", &ClusterStats::upstream_cx_protocol_error},
    {"upstream_cx_connect_attempts_exceeded", &ClusterStats::upstream_cx_connect_attempts_exceeded},
    {"upstream_cx_connect_with_0_rtt", &ClusterStats::upstream_cx_connect_with_0_rtt},
    {"upstream_rq_total", &ClusterStats::upstream_rq_total},
    {"upstream_rq_completed", &ClusterStats::upstream_rq_completed},
    {"upstream_rq_pending_total", &ClusterStats::upstream_rq_pending_total},
    {"upstream_rq_pending_overflow", &ClusterStats::upstream_rq_pending_overflow},
    {"upstream_rq_pending_failure_eject", &ClusterStats::upstream_rq_pending_failure_eject},
    {"upstream_rq_cancelled", &ClusterStats::upstream_rq_cancelled},
    {"upstream_rq_maintenance_mode", &ClusterStats::upstream_rq_maintenance_mode},
    {"upstream_rq_timeout", &ClusterStats::upstream_rq_timeout},
    {"upstream_rq_max_duration_reached", &ClusterStats::upstream_rq_max_duration_reached},
    {"upstream_rq_per_try_timeout", &ClusterStats::upstream_rq_per_try_timeout},
    {"upstream_rq_per_try_idle_timeout", &ClusterStats::upstream_rq_per_try_idle_timeout},
    {"upstream_rq_rx_reset", &ClusterStats::upstream_rq_rx_reset},
    {"upstream_rq_tx_reset", &ClusterStats::upstream_rq_tx_reset},
    {"upstream_rq_retry", &ClusterStats::upstream_rq_retry},
    {"upstream_rq_retry_backoff_exponential", &ClusterStats::upstream_rq_retry_backoff_exponential},
    {"upstream_rq_retry_backoff_ratelimited", &ClusterStats::upstream_rq_retry_backoff_ratelimited},
    {"upstream_rq_retry_limit_exceeded", &ClusterStats::upstream_rq_retry_limit_exceeded},
    {"upstream_rq_retry_success", &ClusterStats::upstream_rq_retry_success},
    {"upstream_rq_retry_overflow", &ClusterStats::upstream_rq_retry_overflow},
    {"upstream_rq_0rtt", &ClusterStats::upstream_rq_0rtt},
    {"upstream_rq_dropped_overload", &ClusterStats::upstream_rq_dropped_overload},
    {"upstream_flow_control_paused_reading_total", &ClusterStats::upstream_flow_control_paused_reading_total},
    {"upstream_flow_control_resumed_reading_total", &ClusterStats::upstream_flow_control_resumed_reading_total},
    {"upstream_flow_control_backed_up_total", &ClusterStats::upstream_flow_control_backed_up_total},
    {"upstream_flow_control_drained_total", &ClusterStats::upstream_flow_control_drained_total},
    {"upstream_internal_redirect_succeeded_total", &ClusterStats::upstream_internal_redirect_succeeded_total},
    {"upstream_internal_redirect_failed_total", &ClusterStats::upstream_internal_redirect_failed_total},
    {"lb_healthy_panic", &ClusterStats::lb_healthy_panic},
    {"retry_or_shadow_abandoned", &ClusterStats::retry_or_shadow_abandoned},
    {"upstream_cx_active", &ClusterStats::upstream_cx_active},
    {"upstream_cx_rx_bytes_buffered", &ClusterStats::upstream_cx_rx_bytes_buffered},
    {"upstream_cx_tx_bytes_buffered", &ClusterStats::upstream_cx_tx_bytes_buffered},
    {"upstream_rq_active", &ClusterStats::upstream_rq_active},
    {"upstream_rq_pending_active", &ClusterStats::upstream_rq_pending_active},
    {"upstream_cx_connect_ms", &ClusterStats::upstream_cx_connect_ms, Unit::kMilliseconds},
    {"upstream_cx_length_ms", &ClusterStats::upstream_cx_length_ms, Unit::kMilliseconds},
    {"upstream_rq_time", &ClusterStats::upstream_rq_time, Unit::kMilliseconds, Shown::kOnceUsed},
    {"external.upstream_rq_time", &ClusterStats::external_rq_time, Unit::kMilliseconds, Shown::kOnceUsed},
    {"internal.upstream_rq_time", &ClusterStats::internal_rq_time, Unit::kMilliseconds, Shown::kOnceUsed},
});

constexpr auto kMembership = stats::table<MembershipStats>({
    {"membership_change", &MembershipStats::membership_change},
    {"update_attempt", &MembershipStats::update_attempt},
    {"update_success", &MembershipStats::update_success},
    {"update_failure", &MembershipStats::update_failure},
    {"update_empty", &MembershipStats::update_empty},
    {"update_no_rebuild", &MembershipStats::update_no_rebuild},
    {"assignment_stale", &MembershipStats::assignment_stale},
    {"assignment_timeout_received", &MembershipStats::assignment_timeout_received},
    {"bind_errors", &MembershipStats::bind_errors},
    {"membership_total", &MembershipStats::membership_total},
    {"membership_healthy", &MembershipStats::membership_healthy},
    {"membership_degraded", &MembershipStats::membership_degraded},
    {"membership_excluded", &MembershipStats::membership_excluded},
    {"max_host_weight", &MembershipStats::max_host_weight},
    {"warming_state", &MembershipStats::warming_state},
});

// What Envoy counts for every cluster and what cannot happen here (yet): subsets, zones, HTTP/3.
constexpr std::string_view kNeverCounted[] = {
    "assignment_use_cached",    "lb_local_cluster_not_ok",      "lb_recalculate_zone_structures",
    "lb_subsets_created",       "lb_subsets_fallback",          "lb_subsets_fallback_panic",
    "lb_subsets_removed",       "lb_subsets_selected",          "lb_zone_cluster_too_small",
    "lb_zone_no_capacity_left", "lb_zone_routing_all_directly", "lb_zone_routing_cross_zone",
    "lb_zone_routing_sampled",  "original_dst_host_invalid",    "upstream_http3_broken",
};

void visit_breakers(stats::StatVisitor& visitor, const CircuitBreakers& breakers, const Thresholds& thresholds) {
  if (!visitor.wants(stats::StatKind::kGauge)) return;
  visitor.gauge("cx_open", breakers.connections.open() ? 1 : 0);
  visitor.gauge("cx_pool_open", 0);
  visitor.gauge("rq_open", breakers.requests.open() ? 1 : 0);
  visitor.gauge("rq_pending_open", breakers.pending_requests.open() ? 1 : 0);
  visitor.gauge("rq_retry_open", breakers.retries.open() ? 1 : 0);
  if (!thresholds.track_remaining) return;
  visitor.gauge("remaining_cx", breakers.connections.remaining());
  // Without a limit Envoy shows 2^64 - 1.
  visitor.gauge("remaining_cx_pools",
                thresholds.max_connection_pools == UINT32_MAX ? -1 : static_cast<int64_t>(thresholds.max_connection_pools));
  visitor.gauge("remaining_pending", breakers.pending_requests.remaining());
  visitor.gauge("remaining_retries", breakers.retries.remaining());
  visitor.gauge("remaining_rq", breakers.requests.remaining());
}

bool any(stats::Sharded<ClusterStats>& shards, stats::Counter ClusterStats::*counter) {
  bool result = false;
  shards.for_each([&](const ClusterStats& stats) { result = result || (stats.*counter).value() != 0; });
  return result;
}

}  // namespace

void visit(stats::StatVisitor& visitor, const ClusterState& cluster) {
  static constexpr std::string_view kPriorityNames[kPriorities] = {"circuit_breakers.default.", "circuit_breakers.high."};
  for (size_t i = 0; i < kPriorities; ++i) {
    const auto scope = visitor.scope(kPriorityNames[i]);
    visit_breakers(visitor, cluster.breakers[i], cluster.spec->thresholds[i]);
  }
  stats::visit(visitor, kCluster, cluster.stats);
  stats::visit(visitor, kMembership, cluster.membership);
  stats::visit(visitor, "upstream_rq", cluster.stats, &ClusterStats::codes, false);
  stats::visit(visitor, "external.upstream_rq", cluster.stats, &ClusterStats::external_codes, true);
  stats::visit(visitor, "internal.upstream_rq", cluster.stats, &ClusterStats::internal_codes, true);
  if (any(cluster.stats, &ClusterStats::upstream_cx_http1_total)) {
    const auto scope = visitor.scope("http1.");
    stats::visit(visitor, http::kHttp1StatTable, cluster.stats, &ClusterStats::http1);
  }
  if (any(cluster.stats, &ClusterStats::upstream_cx_http2_total)) {
    const auto scope = visitor.scope("http2.");
    stats::visit(visitor, http::kHttp2StatTable, cluster.stats, &ClusterStats::http2);
  }
  if (visitor.resets_counters()) return;
  for (const std::string_view name : kNeverCounted) visitor.counter(name, 0);
  visitor.counter("default.total_match_count", 1);
  visitor.gauge("lb_subsets_active", 0, false);
  // An EDS cluster's subscription shows its own version; equal names are summed.
  visitor.gauge("version", 0, false);
}

}  // namespace weir::upstream
