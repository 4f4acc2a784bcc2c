// The names of what codecs count (http1.*, http2.*).
#pragma once

#include "http/codec.h"
#include "stats/table.h"

namespace weir::http {

constexpr auto kHttp1StatTable = stats::table<Http1Stats>({
    {"dropped_headers_with_underscores", &Http1Stats::dropped_headers_with_underscores},
    {"metadata_not_supported_error", &Http1Stats::metadata_not_supported_error},
    {"requests_rejected_with_underscores_in_headers", &Http1Stats::requests_rejected_with_underscores_in_headers},
    {"response_flood", &Http1Stats::response_flood},
});

constexpr auto kHttp2StatTable = stats::table<Http2Stats>({
    {"dropped_headers_with_underscores", &Http2Stats::dropped_headers_with_underscores},
    {"goaway_sent", &Http2Stats::goaway_sent},
    {"header_overflow", &Http2Stats::header_overflow},
    {"headers_cb_no_stream", &Http2Stats::headers_cb_no_stream},
    {"inbound_empty_frames_flood", &Http2Stats::inbound_empty_frames_flood},
    {"inbound_priority_frames_flood", &Http2Stats::inbound_priority_frames_flood},
    {"inbound_window_update_frames_flood", &Http2Stats::inbound_window_update_frames_flood},
    {"keepalive_timeout", &Http2Stats::keepalive_timeout},
    {"metadata_empty_frames", &Http2Stats::metadata_empty_frames},
    {"outbound_control_flood", &Http2Stats::outbound_control_flood},
    {"outbound_flood", &Http2Stats::outbound_flood},
    {"requests_rejected_with_underscores_in_headers", &Http2Stats::requests_rejected_with_underscores_in_headers},
    {"rx_messaging_error", &Http2Stats::rx_messaging_error},
    {"rx_reset", &Http2Stats::rx_reset},
    {"stream_refused_errors", &Http2Stats::stream_refused_errors},
    {"trailers", &Http2Stats::trailers},
    {"tx_flush_timeout", &Http2Stats::tx_flush_timeout},
    {"tx_reset", &Http2Stats::tx_reset},
    {"streams_active", &Http2Stats::streams_active},
    {"pending_send_bytes", &Http2Stats::pending_send_bytes},
    {"outbound_frames_active", &Http2Stats::outbound_frames_active},
    {"outbound_control_frames_active", &Http2Stats::outbound_control_frames_active},
});

}  // namespace weir::http
