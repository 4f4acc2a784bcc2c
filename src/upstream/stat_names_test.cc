#include "upstream/stat_names.h"

#include <gtest/gtest.h>

#include "stats/export.h"

namespace weir::upstream {
namespace {

std::string shown(stats::Registry& registry) {
  std::string text;
  for (auto producer = stats::text_export(registry, {}); producer(text);) {
  }
  return text;
}

ClusterStatePtr cluster() {
  auto spec = std::make_shared<ClusterSpec>();
  spec->name = spec->stat_name = "c";
  spec->thresholds[0].max_connections = 7;
  spec->thresholds[0].track_remaining = true;
  return std::make_shared<ClusterState>(spec, 2);
}

TEST(ClusterStatNames, AnUnusedClusterShowsTheNamesThatEnvoyShows) {
  constexpr const char* kNames[] = {
      "assignment_stale",
      "assignment_timeout_received",
      "assignment_use_cached",
      "bind_errors",
      "circuit_breakers.default.cx_open",
      "circuit_breakers.default.cx_pool_open",
      "circuit_breakers.default.remaining_cx",
      "circuit_breakers.default.remaining_cx_pools",
      "circuit_breakers.default.remaining_pending",
      "circuit_breakers.default.remaining_retries",
      "circuit_breakers.default.remaining_rq",
      "circuit_breakers.default.rq_open",
      "circuit_breakers.default.rq_pending_open",
      "circuit_breakers.default.rq_retry_open",
      "circuit_breakers.high.cx_open",
      "circuit_breakers.high.cx_pool_open",
      "circuit_breakers.high.rq_open",
      "circuit_breakers.high.rq_pending_open",
      "circuit_breakers.high.rq_retry_open",
      "default.total_match_count",
      "lb_healthy_panic",
      "lb_local_cluster_not_ok",
      "lb_recalculate_zone_structures",
      "lb_subsets_active",
      "lb_subsets_created",
      "lb_subsets_fallback",
      "lb_subsets_fallback_panic",
      "lb_subsets_removed",
      "lb_subsets_selected",
      "lb_zone_cluster_too_small",
      "lb_zone_no_capacity_left",
      "lb_zone_routing_all_directly",
      "lb_zone_routing_cross_zone",
      "lb_zone_routing_sampled",
      "max_host_weight",
      "membership_change",
      "membership_degraded",
      "membership_excluded",
      "membership_healthy",
      "membership_total",
      "original_dst_host_invalid",
      "retry_or_shadow_abandoned",
      "update_attempt",
      "update_empty",
      "update_failure",
      "update_no_rebuild",
      "update_success",
      "upstream_cx_active",
      "upstream_cx_close_notify",
      "upstream_cx_connect_attempts_exceeded",
      "upstream_cx_connect_fail",
      "upstream_cx_connect_timeout",
      "upstream_cx_connect_with_0_rtt",
      "upstream_cx_destroy",
      "upstream_cx_destroy_local",
      "upstream_cx_destroy_local_with_active_rq",
      "upstream_cx_destroy_remote",
      "upstream_cx_destroy_remote_with_active_rq",
      "upstream_cx_destroy_with_active_rq",
      "upstream_cx_http1_total",
      "upstream_cx_http2_total",
      "upstream_cx_http3_total",
      "upstream_cx_idle_timeout",
      "upstream_cx_max_duration_reached",
      "upstream_cx_max_requests",
      "upstream_cx_none_healthy",
      "upstream_cx_overflow",
      "upstream_cx_pool_overflow",
      "upstream_cx_protocol_error",
      "upstream_cx_rx_bytes_buffered",
      "upstream_cx_rx_bytes_total",
      "upstream_cx_total",
      "upstream_cx_tx_bytes_buffered",
      "upstream_cx_tx_bytes_total",
      "upstream_flow_control_backed_up_total",
      "upstream_flow_control_drained_total",
      "upstream_flow_control_paused_reading_total",
      "upstream_flow_control_resumed_reading_total",
      "upstream_http3_broken",
      "upstream_internal_redirect_failed_total",
      "upstream_internal_redirect_succeeded_total",
      "upstream_rq_0rtt",
      "upstream_rq_active",
      "upstream_rq_cancelled",
      "upstream_rq_completed",
      "upstream_rq_maintenance_mode",
      "upstream_rq_max_duration_reached",
      "upstream_rq_pending_active",
      "upstream_rq_pending_failure_eject",
      "upstream_rq_pending_overflow",
      "upstream_rq_pending_total",
      "upstream_rq_per_try_idle_timeout",
      "upstream_rq_per_try_timeout",
      "upstream_rq_retry",
      "upstream_rq_retry_backoff_exponential",
      "upstream_rq_retry_backoff_ratelimited",
      "upstream_rq_retry_limit_exceeded",
      "upstream_rq_retry_overflow",
      "upstream_rq_retry_success",
      "upstream_rq_rx_reset",
      "upstream_rq_timeout",
      "upstream_rq_total",
      "upstream_rq_tx_reset",
      "version",
      "warming_state",
      "upstream_cx_connect_ms",
      "upstream_cx_length_ms",
      "upstream_rq_per_cx",
  };
  stats::Registry registry;
  const auto registration = register_cluster(registry, cluster());
  std::string names;
  const std::string text = shown(registry);
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) names += text.substr(at, text.find(':', at) - at) + "\n";
  std::string expected;
  for (const char* name : kNames) expected += "cluster.c." + std::string(name) + "\n";
  EXPECT_EQ(names, expected);
  EXPECT_NE(text.find("circuit_breakers.default.remaining_cx: 7\n"), std::string::npos);
  EXPECT_NE(text.find("circuit_breakers.default.remaining_cx_pools: 18446744073709551615\n"), std::string::npos);
}

TEST(ClusterStatNames, WhatWasUsedAppears) {
  stats::Registry registry;
  const ClusterStatePtr state = cluster();
  const auto registration = register_cluster(registry, state);
  ClusterStats& stats = state->stats.mine(1);
  stats.codes.count(200);
  stats.external.codes.count(200);
  stats.upstream_cx_http1_total.add();
  stats.external.time.record(3);
  registry.flush();
  const std::string text = shown(registry);
  for (const char* line : {"cluster.c.upstream_rq_200: 1\n", "cluster.c.upstream_rq_2xx: 1\n",
                           "cluster.c.external.upstream_rq_200: 1\n", "cluster.c.external.upstream_rq_completed: 1\n",
                           "cluster.c.http1.response_flood: 0\n", "cluster.c.external.upstream_rq_time: P0(3,3) "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace weir::upstream
