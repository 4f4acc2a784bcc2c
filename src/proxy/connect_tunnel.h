// ConnectTunnel: the payload of a CONNECT (RFC 9110 §9.3.6) as a TCP connection to an endpoint, in the clothes of an HTTP stream.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/stream.h"
#include "loop/event_loop.h"
#include "upstream/tcp_connection.h"

namespace weir::proxy {

/// What the maker of a tunnel hears before there is a stream.
class TunnelEvents {
 public:
  /// The connection is there: from now on the stream may be used.
  virtual void on_tunnel_open() = 0;
  virtual void on_tunnel_failure(const net::StreamFailure& failure) = 0;

 protected:
  ~TunnelEvents() = default;
};

/// Connects as soon as it is made. Answers the request's head with 200 and no headers; then bytes pass both ways until one side
/// ends. Dispose of it through the loop: it may still be telling something.
class ConnectTunnel final : public http::Stream,
                            public loop::Disposable,
                            private net::ByteStream::Handler,
                            private loop::NextTurn {
 public:
  ConnectTunnel(upstream::Cluster& cluster, const upstream::Host& host, upstream::Priority priority,
                const upstream::ConnectionWishes& wishes, TunnelEvents& maker, http::StreamEvents& events);

  const net::AddressPtr& local_address() { return connection_.stream().local_address(); }
  uint64_t connection_id() const { return connection_.id(); }
  MonotonicNs connect_start() const { return connection_.connect_start(); }
  /// Bytes that go before the payload.
  void begin_with(std::string bytes) { beginning_ = std::move(bytes); }
  /// Nothing more is told.
  void close();

  // --- http::Stream ---
  void send_headers(const http::HeaderMap& headers, bool end_stream) override;
  void send_informational(const http::HeaderMap&) override {}
  void send_body(std::string_view bytes, bool end_stream) override;
  void send_trailers(const http::HeaderMap&) override { connection_.stream().finish(); }
  void reset(http::Reset) override { close(); }
  void pause() override { connection_.stream().pause(); }
  void resume() override { connection_.stream().resume(); }
  bool over_limit() override { return connection_.stream().over_limit(); }
  http::Protocol protocol() const override { return http::Protocol::kHttp11; }

 private:
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override { events_.on_room(); }
  void on_next_turn() override;

  loop::EventLoop& loop_;
  TunnelEvents& maker_;
  http::StreamEvents& events_;
  upstream::TcpConnection connection_;
  std::string beginning_;
  bool open_ = false;
};

}  // namespace weir::proxy
