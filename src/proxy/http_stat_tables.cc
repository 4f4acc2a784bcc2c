#include "proxy/http_stat_tables.h"

#include "http/codec_stat_tables.h"
#include "stats/table.h"

namespace weir::proxy {

namespace {

using stats::Unit;

constexpr auto kHttp = stats::table<HttpStats>({
    {"downstream_rq_completed", &HttpStats::downstream_rq_completed},
    {"downstream_rq_1xx", &HttpStats::downstream_rq_1xx},
    {"downstream_rq_2xx", &HttpStats::downstream_rq_2xx},
    {"downstream_rq_3xx", &HttpStats::downstream_rq_3xx},
    {"downstream_rq_4xx", &HttpStats::downstream_rq_4xx},
    {"downstream_rq_5xx", &HttpStats::downstream_rq_5xx},
    {"downstream_cx_total", &HttpStats::downstream_cx_total},
    {"downstream_cx_ssl_total", &HttpStats::downstream_cx_ssl_total},
    {"downstream_cx_http1_total", &HttpStats::downstream_cx_http1_total},
    {"downstream_cx_http2_total", &HttpStats::downstream_cx_http2_total},
    {"downstream_cx_http3_total", &HttpStats::downstream_cx_http3_total},
    {"downstream_cx_protocol_error", &HttpStats::downstream_cx_protocol_error},
    {"downstream_cx_destroy", &HttpStats::downstream_cx_destroy},
    {"downstream_cx_destroy_local", &HttpStats::downstream_cx_destroy_local},
    {"downstream_cx_destroy_remote", &HttpStats::downstream_cx_destroy_remote},
    {"downstream_cx_destroy_active_rq", &HttpStats::downstream_cx_destroy_active_rq},
    {"downstream_cx_destroy_local_active_rq", &HttpStats::downstream_cx_destroy_local_active_rq},
    {"downstream_cx_destroy_remote_active_rq", &HttpStats::downstream_cx_destroy_remote_active_rq},
    {"downstream_cx_rx_bytes_total", &HttpStats::downstream_cx_rx_bytes_total},
    {"downstream_cx_tx_bytes_total", &HttpStats::downstream_cx_tx_bytes_total},
    {"downstream_cx_drain_close", &HttpStats::downstream_cx_drain_close},
    {"downstream_cx_idle_timeout", &HttpStats::downstream_cx_idle_timeout},
    {"downstream_cx_max_duration_reached", &HttpStats::downstream_cx_max_duration_reached},
    {"downstream_cx_max_requests_reached", &HttpStats::downstream_cx_max_requests_reached},
    {"downstream_cx_overload_disable_keepalive", &HttpStats::downstream_cx_overload_disable_keepalive},
    {"downstream_cx_upgrades_total", &HttpStats::downstream_cx_upgrades_total},
    {"downstream_cx_delayed_close_timeout", &HttpStats::downstream_cx_delayed_close_timeout},
    {"downstream_cx_active", &HttpStats::downstream_cx_active},
    {"downstream_cx_ssl_active", &HttpStats::downstream_cx_ssl_active},
    {"downstream_cx_http1_active", &HttpStats::downstream_cx_http1_active},
    {"downstream_cx_http2_active", &HttpStats::downstream_cx_http2_active},
    {"downstream_cx_http3_active", &HttpStats::downstream_cx_http3_active},
    {"downstream_cx_upgrades_active", &HttpStats::downstream_cx_upgrades_active},
    {"downstream_cx_rx_bytes_buffered", &HttpStats::downstream_cx_rx_bytes_buffered},
    {"downstream_cx_tx_bytes_buffered", &HttpStats::downstream_cx_tx_bytes_buffered},
    {"downstream_cx_length_ms", &HttpStats::downstream_cx_length_ms, Unit::kMilliseconds},
    {"downstream_rq_total", &HttpStats::downstream_rq_total},
    {"downstream_rq_http1_total", &HttpStats::downstream_rq_http1_total},
    {"downstream_rq_http2_total", &HttpStats::downstream_rq_http2_total},
    {"downstream_rq_http3_total", &HttpStats::downstream_rq_http3_total},
    {"downstream_rq_rx_reset", &HttpStats::downstream_rq_rx_reset},
    {"downstream_rq_tx_reset", &HttpStats::downstream_rq_tx_reset},
    {"downstream_rq_non_relative_path", &HttpStats::downstream_rq_non_relative_path},
    {"downstream_rq_too_large", &HttpStats::downstream_rq_too_large},
    {"downstream_rq_ws_on_non_ws_route", &HttpStats::downstream_rq_ws_on_non_ws_route},
    {"downstream_rq_timeout", &HttpStats::downstream_rq_timeout},
    {"downstream_rq_header_timeout", &HttpStats::downstream_rq_header_timeout},
    {"downstream_rq_idle_timeout", &HttpStats::downstream_rq_idle_timeout},
    {"downstream_rq_max_duration_reached", &HttpStats::downstream_rq_max_duration_reached},
    {"downstream_rq_overload_close", &HttpStats::downstream_rq_overload_close},
    {"downstream_rq_response_before_rq_complete", &HttpStats::downstream_rq_response_before_rq_complete},
    {"downstream_rq_failed_path_normalization", &HttpStats::downstream_rq_failed_path_normalization},
    {"downstream_rq_redirected_with_normalized_path", &HttpStats::downstream_rq_redirected_with_normalized_path},
    {"downstream_rq_rejected_via_ip_detection", &HttpStats::downstream_rq_rejected_via_ip_detection},
    {"downstream_rq_too_many_premature_resets", &HttpStats::downstream_rq_too_many_premature_resets},
    {"downstream_flow_control_paused_reading_total", &HttpStats::downstream_flow_control_paused_reading_total},
    {"downstream_flow_control_resumed_reading_total", &HttpStats::downstream_flow_control_resumed_reading_total},
    {"rs_too_large", &HttpStats::rs_too_large},
    {"downstream_rq_active", &HttpStats::downstream_rq_active},
    {"downstream_rq_time", &HttpStats::downstream_rq_time, Unit::kMilliseconds},
});

constexpr auto kRouter = stats::table<HttpStats>({
    {"no_cluster", &HttpStats::no_cluster},
    {"no_route", &HttpStats::no_route},
    {"passthrough_internal_redirect_bad_location", &HttpStats::passthrough_internal_redirect_bad_location},
    {"passthrough_internal_redirect_no_route", &HttpStats::passthrough_internal_redirect_no_route},
    {"passthrough_internal_redirect_predicate", &HttpStats::passthrough_internal_redirect_predicate},
    {"passthrough_internal_redirect_too_many_redirects", &HttpStats::passthrough_internal_redirect_too_many_redirects},
    {"passthrough_internal_redirect_unsafe_scheme", &HttpStats::passthrough_internal_redirect_unsafe_scheme},
    {"rq_direct_response", &HttpStats::rq_direct_response},
    {"rq_overload_local_reply", &HttpStats::rq_overload_local_reply},
    {"rq_redirect", &HttpStats::rq_redirect},
    {"rq_reset_after_downstream_response_started", &HttpStats::rq_reset_after_downstream_response_started},
    {"rq_total", &HttpStats::rq_total},
});

constexpr auto kTracing = stats::table<HttpStats>({
    {"client_enabled", &HttpStats::tracing_client_enabled},
    {"health_check", &HttpStats::tracing_health_check},
    {"not_traceable", &HttpStats::tracing_not_traceable},
    {"random_sampling", &HttpStats::tracing_random_sampling},
    {"service_forced", &HttpStats::tracing_service_forced},
});

constexpr auto kListener = stats::table<ListenerStats>({
    {"downstream_cx_total", &ListenerStats::downstream_cx_total},
    {"downstream_cx_destroy", &ListenerStats::downstream_cx_destroy},
    {"downstream_cx_overflow", &ListenerStats::downstream_cx_overflow},
    {"downstream_cx_overload_reject", &ListenerStats::downstream_cx_overload_reject},
    {"downstream_global_cx_overflow", &ListenerStats::downstream_global_cx_overflow},
    {"downstream_pre_cx_timeout", &ListenerStats::downstream_pre_cx_timeout},
    {"downstream_cx_transport_socket_connect_timeout", &ListenerStats::downstream_cx_transport_socket_connect_timeout},
    {"downstream_listener_filter_remote_close", &ListenerStats::downstream_listener_filter_remote_close},
    {"downstream_listener_filter_error", &ListenerStats::downstream_listener_filter_error},
    {"no_filter_chain_match", &ListenerStats::no_filter_chain_match},
    {"downstream_cx_active", &ListenerStats::downstream_cx_active},
    {"downstream_pre_cx_active", &ListenerStats::downstream_pre_cx_active},
    {"downstream_cx_length_ms", &ListenerStats::downstream_cx_length_ms, Unit::kMilliseconds},
    {"connections_accepted_per_socket_event", &ListenerStats::connections_accepted_per_socket_event, Unit::kUnspecified},
});

constexpr auto kListenerWorker = stats::table<ListenerStats>({
    {"downstream_cx_active", &ListenerStats::downstream_cx_active},
    {"downstream_cx_total", &ListenerStats::downstream_cx_total},
});

constexpr auto kListenerHttp = stats::table<ListenerHttpStats>({
    {"downstream_rq_completed", &ListenerHttpStats::downstream_rq_completed},
    {"downstream_rq_1xx", &ListenerHttpStats::downstream_rq_1xx},
    {"downstream_rq_2xx", &ListenerHttpStats::downstream_rq_2xx},
    {"downstream_rq_3xx", &ListenerHttpStats::downstream_rq_3xx},
    {"downstream_rq_4xx", &ListenerHttpStats::downstream_rq_4xx},
    {"downstream_rq_5xx", &ListenerHttpStats::downstream_rq_5xx},
});

}  // namespace

void visit(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats) {
  stats::visit(visitor, kHttp, stats);
  visitor.gauge("downstream_cx_http1_soft_drain", 0, false);  // nobody is asked twice to leave
}

void visit_router(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats) { stats::visit(visitor, kRouter, stats); }

void visit_router(stats::StatVisitor& visitor, std::span<HttpStats* const> shares) {
  stats::visit_rows(visitor, kRouter, [&](auto&& f) {
    for (HttpStats* share : shares) f(*share);
  });
}

void visit_tracing(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats) { stats::visit(visitor, kTracing, stats); }

void visit_http1(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats) {
  bool used = false;
  stats.for_each([&](const HttpStats& shard) { used = used || shard.downstream_cx_http1_total.used(); });
  if (used) stats::visit(visitor, http::kHttp1StatTable, stats, &HttpStats::http1);
}

void visit_http2(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats) {
  bool used = false;
  stats.for_each([&](const HttpStats& shard) { used = used || shard.downstream_cx_http2_total.used(); });
  if (!used) return;
  stats::visit(visitor, http::kHttp2StatTable, stats, &HttpStats::http2);
  visitor.gauge("deferred_stream_close", 0, false);  // nothing is put off
}

void visit(stats::StatVisitor& visitor, stats::Sharded<ListenerStats>& stats) { stats::visit(visitor, kListener, stats); }

/// A listener waits for what it needs, so these stay at 0.
void visit_extensions(stats::StatVisitor& visitor) {
  if (visitor.resets_counters()) return;
  visitor.counter("extension_config_missing", 0);
  visitor.counter("network_extension_config_missing", 0);
}

void visit_worker(stats::StatVisitor& visitor, ListenerStats& stats) { stats::visit(visitor, kListenerWorker, stats); }

void visit(stats::StatVisitor& visitor, stats::Sharded<ListenerHttpStats>& stats) { stats::visit(visitor, kListenerHttp, stats); }

}  // namespace weir::proxy
