// What Weir counts about HTTP connections and listeners, under Envoy's names (http.<stat_prefix>.*, listener.<address>.*).
#pragma once

#include "http/codec.h"
#include "stats/cell.h"
#include "stats/code_counters.h"

namespace weir::proxy {

/// Responses by class.
struct ResponseClassStats {
  stats::Counter downstream_rq_completed, downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx,
      downstream_rq_5xx;

  void count_response(int status) {
    downstream_rq_completed.add();
    switch (status / 100) {
      case 1:
        downstream_rq_1xx.add();
        break;
      case 2:
        downstream_rq_2xx.add();
        break;
      case 3:
        downstream_rq_3xx.add();
        break;
      case 4:
        downstream_rq_4xx.add();
        break;
      case 5:
        downstream_rq_5xx.add();
        break;
      default:
        break;
    }
  }
};

/// One worker's share of `http.<stat_prefix>.`.
struct HttpStats : ResponseClassStats {
  stats::Counter downstream_cx_total, downstream_cx_ssl_total, downstream_cx_http1_total, downstream_cx_http2_total,
      downstream_cx_http3_total, downstream_cx_protocol_error, downstream_cx_destroy, downstream_cx_destroy_local,
      downstream_cx_destroy_remote, downstream_cx_destroy_active_rq, downstream_cx_destroy_local_active_rq,
      downstream_cx_destroy_remote_active_rq, downstream_cx_rx_bytes_total, downstream_cx_tx_bytes_total,
      downstream_cx_drain_close, downstream_cx_idle_timeout, downstream_cx_max_duration_reached,
      downstream_cx_max_requests_reached, downstream_cx_overload_disable_keepalive, downstream_cx_upgrades_total,
      downstream_cx_delayed_close_timeout;
  stats::Gauge downstream_cx_active, downstream_cx_ssl_active, downstream_cx_http1_active, downstream_cx_http2_active,
      downstream_cx_http3_active, downstream_cx_upgrades_active, downstream_cx_rx_bytes_buffered, downstream_cx_tx_bytes_buffered;
  stats::Histogram downstream_cx_length_ms;

  stats::Counter downstream_rq_total, downstream_rq_http1_total, downstream_rq_http2_total, downstream_rq_http3_total,
      downstream_rq_rx_reset, downstream_rq_tx_reset, downstream_rq_non_relative_path, downstream_rq_too_large,
      downstream_rq_ws_on_non_ws_route, downstream_rq_timeout, downstream_rq_header_timeout, downstream_rq_idle_timeout,
      downstream_rq_max_duration_reached, downstream_rq_overload_close, downstream_rq_response_before_rq_complete,
      downstream_rq_failed_path_normalization, downstream_rq_redirected_with_normalized_path,
      downstream_rq_rejected_via_ip_detection, downstream_rq_too_many_premature_resets,
      downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total, rs_too_large;
  stats::Gauge downstream_rq_active;
  stats::Histogram downstream_rq_time;

  // The router's part of the same name space.
  stats::Counter no_cluster, no_route, passthrough_internal_redirect_bad_location, passthrough_internal_redirect_no_route,
      passthrough_internal_redirect_predicate, passthrough_internal_redirect_too_many_redirects,
      passthrough_internal_redirect_unsafe_scheme, rq_direct_response, rq_overload_local_reply, rq_redirect,
      rq_reset_after_downstream_response_started, rq_total;
  stats::Counter tracing_client_enabled, tracing_health_check, tracing_not_traceable, tracing_random_sampling,
      tracing_service_forced;

  http::Http1Stats http1;  // these two are shown without the prefix, as http1.* and http2.*
  http::Http2Stats http2;
};

/// One worker's share of `listener.<address>.`.
struct ListenerStats {
  stats::Counter downstream_cx_total, downstream_cx_destroy, downstream_cx_overflow, downstream_cx_overload_reject,
      downstream_global_cx_overflow, downstream_pre_cx_timeout, downstream_cx_transport_socket_connect_timeout,
      downstream_listener_filter_remote_close, downstream_listener_filter_error, no_filter_chain_match, no_certificate;
  stats::Gauge downstream_cx_active, downstream_pre_cx_active;
  stats::Histogram downstream_cx_length_ms, connections_accepted_per_socket_event;
};

/// What one worker counts of one listener for one connection manager: `listener.<address>.http.<stat_prefix>.`.
struct ListenerHttpStats : ResponseClassStats {};

}  // namespace weir::proxy
