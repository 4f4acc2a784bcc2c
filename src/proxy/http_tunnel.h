// HttpTunnel: the content of an HTTP request and of its response (tunneling_config), in the clothes of a stream of bytes.
#pragma once

#include <memory>
#include <string_view>

#include "base/arena.h"
#include "base/random.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "net/byte_stream.h"
#include "proxy/tcp_proxy_spec.h"
#include "upstream/active_request.h"
#include "upstream/cluster.h"
#include "upstream/pool.h"

namespace weir::proxy {

/// Waiting for a connection ─▶ asked (CONNECT or POST) ─▶ open (a 2xx came: on_connected()) ─▶ over. Every other answer is a
/// failure to connect. Half-close passes both ways over HTTP/2; over HTTP/1 the end of the response ends the tunnel.
class HttpTunnel final : public net::ByteStream, private upstream::PoolWaiter, private http::StreamEvents {
 public:
  /// Everything given outlives the tunnel. The head of the request is made from `info`; the arena keeps it, and what the answer
  /// leaves in `info`.
  HttpTunnel(upstream::Cluster& cluster, upstream::Host& host, const TunnelSpec& spec, format::StreamInfo& info, Arena& arena,
             Random& random);
  ~HttpTunnel() override;

  /// Asks for a connection; false if a circuit breaker forbids that. Otherwise on_connected() or on_failure() follows, after this
  /// returns.
  bool open();
  /// Of the connection underneath; 0 before there is one.
  uint64_t connection_id() const { return connection_id_; }
  MonotonicNs connect_start() const { return connect_start_; }
  uint64_t wire_bytes_sent() const;
  uint64_t wire_bytes_received() const;

  // --- net::ByteStream ---
  void start() override {}
  void write(std::string_view bytes) override;
  void flush() override {}
  void pause() override;
  void resume() override;
  void finish() override;
  void close() override;
  bool closed() const override { return closed_; }
  const net::AddressPtr& local_address() const override { return local_address_; }
  const net::AddressPtr& remote_address() const override { return remote_address_; }
  std::shared_ptr<const net::TlsInfo> tls() const override { return tls_; }

 private:
  void on_pool_ready(upstream::ClientConnection& connection) override;
  void on_pool_failure(const upstream::PoolFailure& failure) override;

  http::HeaderMap& incoming_headers() override { return response_; }
  http::HeaderMap& incoming_trailers() override { return trailers_; }
  void on_headers(bool end_stream) override;
  void on_body(std::string_view bytes, bool end_stream) override;
  void on_trailers() override;
  void on_reset(http::Reset reason, std::string_view details) override;
  void on_room() override;
  void on_complete() override;

  void on_turn_end() override {}
  void on_next_turn() override {}

  void make_head();
  void remote_end();
  void fail(net::StreamFailure::Kind kind, std::string_view reason);
  void let_go();

  upstream::Cluster& cluster_;
  upstream::Host& host_;
  const TunnelSpec& spec_;
  format::StreamInfo& info_;
  Random& random_;
  http::HeaderMap request_, response_, trailers_;
  upstream::Pool* pool_ = nullptr;
  upstream::ClientConnection* connection_ = nullptr;  // that of stream_
  http::Stream* stream_ = nullptr;
  upstream::ActiveRequest active_;
  net::AddressPtr local_address_, remote_address_;
  std::shared_ptr<const net::TlsInfo> tls_;
  const MonotonicNs connect_start_;
  uint64_t connection_id_ = 0;
  uint64_t sent_before_ = 0, received_before_ = 0;  // over the connection, when the stream began
  uint64_t wire_sent_ = 0, wire_received_ = 0;      // once the stream is gone
  bool http2_ = false;
  bool open_ = false;
  bool finishing_ = false;
  bool closed_ = false;
};

}  // namespace weir::proxy
