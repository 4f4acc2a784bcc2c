// HttpConnection: one downstream connection that speaks HTTP: its bytes, its codec, and the requests under way on it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/list.h"
#include "format/stream_info.h"
#include "http/codec.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/byte_stream.h"
#include "proxy/connection.h"
#include "proxy/http_connection_spec.h"
#include "proxy/pipeline.h"

namespace weir::proxy {

class Worker;

/// kOpen ─▶ kDraining (no new requests) ─▶ kClosing (sending what is left, then a moment for the peer to read it) ─▶ gone.
class HttpConnection final : public Connection, private net::ByteStream::Handler, private http::ServerEvents {
 public:
  HttpConnection(Worker& worker, Accepted accepted, std::shared_ptr<const HttpConnectionSpec> spec);
  ~HttpConnection() override;

  /// Begins to read.
  void start();

  // --- for the pipelines on it ---
  const HttpConnectionSpec& spec() const { return *spec_; }
  HttpStats& stats() { return stats_; }
  ListenerHttpStats& listener_stats() { return listener_http_stats_; }
  size_t buffer_limit() const { return stream_->buffer_limit(); }
  /// The newest route table, with scoped routes that of the request; null if there is none.
  const route::RouteTablePtr& route_table(const http::HeaderMap& request);
  /// A response's head is about to be sent: the last moment to say that the connection will close.
  /// Whether it takes no further request.
  bool before_response(bool request_ended);
  /// `answered`: a response has begun.
  void on_exchange_done(Pipeline& pipeline, bool answered, int64_t life_ns);
  /// The client gave up too many requests: the connection is being cut off, and with it what is left of them.
  bool cuts_off() const { return cuts_off_; }
  /// What filters keep under that name, which outlives the connection.
  std::shared_ptr<void>& kept(std::string_view name) { return kept_[name]; }

  // --- Connection ---
  void drain() override;
  void close() override;
  void count_unseen(size_t bytes) override { count_read(bytes); }

 private:
  enum class State : uint8_t { kOpen, kDraining, kClosing, kGone };

  net::ByteStream::Handler& taker() override { return *this; }
  // net::ByteStream::Handler
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override;
  void before_flush() override;
  void on_finished() override;
  // http::ServerEvents
  http::StreamEvents& on_new_stream(http::Stream& stream) override;
  void on_protocol_error(const http::ProtocolError& error) override;
  void on_goaway() override {}
  void on_silence(bool active) override;

  void watch_head();
  void on_head_timeout();
  void choose_codec(std::string_view bytes);
  void make_codec(http::Protocol protocol);
  /// The connection is over: whether it cuts off requests.
  bool requests_begun();
  void begin_close(bool linger);
  void count_done(bool answered, int64_t life_ns);
  void on_idle();
  void on_max_duration();
  void on_drain_timeout();
  void on_delayed_close();
  void count_read(size_t bytes);
  void count_sent();
  void gone(bool by_peer, bool active);

  Worker& worker_;
  const std::shared_ptr<const HttpConnectionSpec> spec_;
  HttpStats& stats_;
  ListenerHttpStats& listener_http_stats_;
  std::unique_ptr<http::ServerCodec> codec_;
  std::string preface_;  // the first bytes, while they do not yet tell the protocol
  route::RouteTablePtr table_;
  uint64_t table_version_ = 0;
  List<Pipeline> exchanges_;
  loop::Timer idle_timer_;
  std::unique_ptr<loop::Timer> duration_timer_, drain_timer_, close_timer_, head_timer_;
  MonotonicNs idle_since_;
  MonotonicNs opened_at_;
  State state_ = State::kOpen;
  bool linger_ = false;
  bool receiving_ = false;
  bool ended_ = false;                               // whoever ended it: that is why its requests end
  bool cuts_off_ = false, cuts_off_active_ = false;  // with requests that nobody gave up
  uint32_t requests_ = 0;
  uint32_t done_ = 0, given_up_ = 0;  // requests that are over, and those of them that the client soon wanted no more
  uint32_t last_read_ = 0;            // bytes
  std::map<std::string_view, std::shared_ptr<void>> kept_;
  uint64_t counted_sent_ = 0;
};

}  // namespace weir::proxy
