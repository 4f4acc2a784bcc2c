// Codecs: the two sides of an HTTP connection. They turn bytes into StreamEvents and Stream calls into bytes; they do no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/stream.h"
#include "loop/event_loop.h"
#include "net/byte_stream.h"
#include "stats/cell.h"

namespace weir::http {

/// Limits and choices of HTTP/1, from Http1ProtocolOptions and the connection manager.
struct Http1Options {
  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool enable_trailers = false;
  bool allow_absolute_url = true;
  bool allow_chunked_length = false;
  bool allow_custom_methods = false;
  bool proper_case = false;            // header_key_format.proper_case_words
  bool preserve_case = false;          // what comes in keeps its spelling, where it leaves as HTTP/1 (preserve_case)
  bool proper_case_for_added = false;  // with preserve_case: what the sender did not write
  bool forward_reason_phrase = false;  // with preserve_case
  /// A request that is refused with 400 although it could be read does not end its connection.
  bool keep_open_after_refusal = false;
  bool send_fully_qualified_url = false;  // client: the target is absolute
  /// Server: which protocols that a request asks to switch to are passed over as if it had not asked; empty: none.
  std::function<bool(std::string_view)> ignores_upgrade;
};

constexpr size_t kMostSettings = 32;  // that we announce beside those of fields

/// Limits and choices of HTTP/2 (Http2ProtocolOptions); the defaults are Envoy's.
struct Http2Options {
  uint32_t hpack_table_size = 4096;
  uint32_t max_concurrent_streams = 1024;
  uint32_t initial_stream_window_size = 16 * 1024 * 1024;
  uint32_t initial_connection_window_size = 24 * 1024 * 1024;
  bool allow_connect = false;
  bool override_stream_error_on_invalid_http_message = false;
  uint64_t max_metadata_size = 1024 * 1024;  // bytes of METADATA that a stream may bring
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  // KeepaliveSettings; 0 means never.
  int64_t ping_interval_ms = 0;
  int64_t ping_timeout_ms = 0;
  double ping_jitter_percent = 15;
  int64_t ping_after_idle_ms = 0;  // client: before a request on a connection that heard nothing for so long
  std::vector<std::pair<uint16_t, uint32_t>> more_settings;  // SETTINGS that have no field here, at most kMostSettings
};

struct CodecLimits {
  uint32_t max_headers_kb = 60;
  uint32_t max_response_headers_kb = 0;  // client; 0: the codec's own
  uint32_t max_headers_count = 100;
  /// What to do with names that hold '_'.
  enum class Underscores : uint8_t { kAllow, kReject, kDrop } underscores = Underscores::kAllow;
};

/// What both codecs count, under Envoy's names (`cluster.<name>.http1.*`, `http.<prefix>.http2.*` …).
struct Http1Stats {
  stats::Counter dropped_headers_with_underscores, metadata_not_supported_error, requests_rejected_with_underscores_in_headers,
      response_flood;
};
struct Http2Stats {
  stats::Counter dropped_headers_with_underscores, goaway_sent, header_overflow, headers_cb_no_stream, inbound_empty_frames_flood,
      inbound_priority_frames_flood, inbound_window_update_frames_flood, keepalive_timeout, metadata_empty_frames,
      outbound_control_flood, outbound_flood, requests_rejected_with_underscores_in_headers, rx_messaging_error, rx_reset,
      stream_refused_errors, trailers, tx_flush_timeout, tx_reset;
  stats::Gauge streams_active, pending_send_bytes, outbound_frames_active, outbound_control_frames_active;
};

/// What the owner of a server-side connection is told.
class ServerEvents {
 public:
  /// A request begins. Returns who will hear about it; `stream` is how to answer.
  virtual StreamEvents& on_new_stream(Stream& stream) = 0;
  /// The peer broke the protocol outside of any stream that could be answered; the connection is to be closed after what is
  /// queued has been sent. Streams still open have been reset.
  virtual void on_protocol_error(const ProtocolError& error) = 0;
  /// The peer said that it will send no more requests (HTTP/2 GOAWAY).
  virtual void on_goaway() {}
  /// The peer did not answer a PING in time. Streams, if there were any, have been reset; close the connection at once.
  virtual void on_silence(bool) { on_protocol_error({0, "http2_ping_timeout", "the peer did not answer a PING"}); }

 protected:
  ~ServerEvents() = default;
};

/// The server side of one connection.
class ServerCodec {
 public:
  virtual ~ServerCodec() = default;
  /// Bytes from the peer; all are consumed (kept inside if they cannot be used yet).
  virtual void receive(std::string_view bytes) = 0;
  /// The peer will send no more.
  virtual void receive_end() = 0;
  /// The connection broke: resets all streams with Reset::kConnectionTermination.
  virtual void connection_lost() = 0;
  /// The connection will take no new requests: HTTP/1 says `connection: close` with the next response, HTTP/2 sends GOAWAY
  /// (2^31-1).
  virtual void announce_shutdown() = 0;
  /// HTTP/2: the final GOAWAY naming the last stream; HTTP/1: nothing.
  virtual void goaway() = 0;
  /// HTTP/1: whether part of a request's head has come, and the rest has not.
  virtual bool head_pending() const { return false; }
  /// The rest took too long: refuses the request (408).
  virtual void head_timeout() {}
  virtual size_t active_streams() const = 0;
  /// Whether the connection should be closed now (HTTP/1: the last exchange said close; HTTP/2: GOAWAY was sent and no stream is
  /// left).
  virtual bool wants_close() const = 0;
  /// From the connection: before_flush() and on_drained() of the byte stream.
  virtual void before_flush() {}
  virtual void on_drained() = 0;
  virtual Protocol protocol() const = 0;
};

/// What the owner of a client-side connection is told.
class ClientEvents {
 public:
  /// A stream has ended in both directions, or was reset; the connection can take another.
  virtual void on_stream_closed() = 0;
  /// The server will take no new streams (GOAWAY, or HTTP/1 `connection: close`). Those under way go on.
  virtual void on_goaway() = 0;
  /// HTTP/1: the exchange under way was given up, and the connection with it.
  virtual void on_cut() {}
  /// The server broke the protocol; streams have been reset, the connection is to be closed.
  virtual void on_protocol_error(const ProtocolError& error) = 0;
  /// The server did not answer a PING in time. Streams, if there were any (`active`), have been reset; close the connection at
  /// once.
  virtual void on_silence([[maybe_unused]] bool active) {
    on_protocol_error({0, "http2_ping_timeout", "the server did not answer a PING"});
  }
  /// The server changed how many streams it takes at once (HTTP/2 SETTINGS).
  virtual void on_max_streams(uint32_t) {}

 protected:
  ~ClientEvents() = default;
};

/// The client side of one connection.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;
  /// Opens a stream for one request. HTTP/1: only while none is open.
  virtual Stream& open(StreamEvents& events) = 0;
  virtual void receive(std::string_view bytes) = 0;
  virtual void receive_end() = 0;
  virtual void connection_lost(Reset reason, std::string_view details) = 0;
  virtual size_t active_streams() const = 0;
  /// HTTP/1: whether the connection is the tunnel of a CONNECT.
  virtual bool carries_tunnel() const { return false; }
  /// How many more streams could be opened now.
  virtual size_t free_streams() const = 0;
  virtual void before_flush() {}
  virtual void on_drained() = 0;
  virtual Protocol protocol() const = 0;
};

std::unique_ptr<ServerCodec> make_http1_server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events,
                                               const Http1Options& options, const CodecLimits& limits, Http1Stats& stats);
std::unique_ptr<ClientCodec> make_http1_client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events,
                                               const Http1Options& options, const CodecLimits& limits, Http1Stats& stats);
std::unique_ptr<ServerCodec> make_http2_server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events,
                                               const Http2Options& options, const CodecLimits& limits, Http2Stats& stats);
std::unique_ptr<ClientCodec> make_http2_client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events,
                                               const Http2Options& options, const CodecLimits& limits, Http2Stats& stats);

}  // namespace weir::http
