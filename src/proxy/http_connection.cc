#include "proxy/http_connection.h"

#include <utility>

#include "base/check.h"
#include "http/h2/frame_guard.h"
#include "net/tls/tls_info.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

namespace weir::proxy {

namespace {
// How what a client of HTTP/2 says first begins (RFC 9113 §3.4): enough to know it by. The rest is for the codec to check.
constexpr std::string_view kPreface = "PRI * HTTP/2";
}  // namespace

HttpConnection::HttpConnection(Worker& worker, Accepted accepted, std::shared_ptr<const HttpConnectionSpec> spec)
    : Connection(std::move(accepted)),
      worker_(worker),
      spec_(std::move(spec)),
      stats_(spec_->stats->mine(worker.index())),
      listener_http_stats_(listener_->http_stats(*spec_)),
      idle_timer_(loop::Timer::calling<&HttpConnection::on_idle>(worker.loop().timers(), *this)),
      idle_since_(worker.loop().now()),
      opened_at_(idle_since_) {
  info_.client_told = spec_->tells_upstreams_of_client;
  stats_.downstream_cx_total.add();
  stats_.downstream_cx_active.add();
  if (info_.tls) {
    stats_.downstream_cx_ssl_total.add();
    stats_.downstream_cx_ssl_active.add();
  }
  stream_->set_handler(*this);
}

HttpConnection::~HttpConnection() { CHECK(state_ == State::kGone && exchanges_.empty()); }

void HttpConnection::start() {
  if (spec_->codec == CodecKind::kHttp1) make_codec(http::Protocol::kHttp11);
  if (spec_->codec == CodecKind::kHttp2) make_codec(http::Protocol::kHttp2);
  if (spec_->idle_timeout_ms > 0) idle_timer_.arm(spec_->idle_timeout_ms);
  if (spec_->max_connection_duration_ms > 0) {
    duration_timer_ = loop::Timer::make<&HttpConnection::on_max_duration>(worker_.loop().timers(), *this);
    duration_timer_->arm(spec_->max_connection_duration_ms);
  }
  stream_->start();
}

// --- bytes in ---

/// The handshake of TLS is over. AUTO follows what was negotiated in it; as in Envoy, that is HTTP/1 under any other name than
/// h2.
void HttpConnection::on_connected() {
  info_.handshake_ms = (worker_.loop().now() - opened_at_) / kNsPerMs;
  if (codec_ != nullptr || state_ == State::kGone) return;
  const std::string& alpn = info_.tls_info->alpn;
  if (!alpn.empty()) make_codec(alpn == "h2" ? http::Protocol::kHttp2 : http::Protocol::kHttp11);
}

void HttpConnection::on_bytes(std::string_view bytes) {
  count_read(bytes.size());
  if (state_ == State::kClosing) return;  // we are only waiting for the peer to hang up
  receiving_ = true;
  if (codec_ == nullptr) [[unlikely]] {
    choose_codec(bytes);
  } else {
    codec_->receive(bytes);
  }
  receiving_ = false;
  if (spec_->request_headers_timeout_ms > 0) watch_head();
}

/// The rest of a head must follow its beginning soon enough.
void HttpConnection::watch_head() {
  const bool pending = codec_ == nullptr || codec_->head_pending();
  if (!pending || state_ == State::kGone) {
    head_timer_.reset();
  } else if (head_timer_ == nullptr) {
    head_timer_ = loop::Timer::make<&HttpConnection::on_head_timeout>(worker_.loop().timers(), *this);
    head_timer_->arm(spec_->request_headers_timeout_ms);
  }
}

void HttpConnection::on_head_timeout() {
  head_timer_.reset();
  if (codec_ == nullptr) {
    gone(false, !exchanges_.empty());
    return;
  }
  codec_->head_timeout();
}

/// AUTO: HTTP/2 if the connection begins with its preface, else HTTP/1.
void HttpConnection::choose_codec(std::string_view bytes) {
  if (preface_.empty() && bytes.front() != 'P') {
    make_codec(http::Protocol::kHttp11);
    codec_->receive(bytes);
    return;
  }
  preface_.append(bytes);
  const size_t known = std::min(preface_.size(), kPreface.size());
  const bool still_http2 = std::string_view(preface_).substr(0, known) == kPreface.substr(0, known);
  if (still_http2 && known < kPreface.size()) return;
  make_codec(still_http2 ? http::Protocol::kHttp2 : http::Protocol::kHttp11);
  const std::string first = std::move(preface_);
  preface_.clear();
  codec_->receive(first);
}

void HttpConnection::make_codec(http::Protocol protocol) {
  loop::EventLoop& loop = worker_.loop();
  if (protocol == http::Protocol::kHttp2) {
    stats_.downstream_cx_http2_total.add();
    stats_.downstream_cx_http2_active.add();
    codec_ = http::make_http2_server(*stream_, loop, *this, spec_->http2, spec_->limits, stats_.http2);
  } else {
    stats_.downstream_cx_http1_total.add();
    stats_.downstream_cx_http1_active.add();
    codec_ = http::make_http1_server(*stream_, loop, *this, spec_->http1, spec_->limits, stats_.http1);
  }
  if (state_ == State::kDraining) codec_->announce_shutdown();
}

/// As in Envoy, the first byte begins a request; what does not say that it is HTTP/2 is HTTP/1.
bool HttpConnection::requests_begun() {
  if (codec_ == nullptr && !preface_.empty()) {
    make_codec(http::Protocol::kHttp11);
    codec_->receive(std::exchange(preface_, {}));
  }
  return !exchanges_.empty() || (codec_ != nullptr && codec_->head_pending());
}

void HttpConnection::on_end() {
  const bool active = requests_begun();
  ended_ = true;
  if (codec_ != nullptr) codec_->receive_end();
  gone(true, active);
}

void HttpConnection::on_failure(const net::StreamFailure& failure) {
  using Kind = net::StreamFailure::Kind;
  if (failure.kind == Kind::kTransport) info_.transport_failure_reason = failure.reason;
  if (failure.kind == Kind::kConnectTimeout) {
    listener_->stats().downstream_cx_transport_socket_connect_timeout.add();
    info_.termination_details = "transport socket timeout was reached";
  }
  const bool active = requests_begun();
  ended_ = true;
  if (codec_ != nullptr) codec_->connection_lost();
  gone(true, active);
}

// --- requests ---

http::StreamEvents& HttpConnection::on_new_stream(http::Stream& stream) {
  idle_since_ = 0;
  ++requests_;
  Pipeline& pipeline = worker_.take_pipeline();
  exchanges_.push_back(pipeline);
  pipeline.begin(*this, stream);
  if (spec_->max_requests_per_connection != 0 && requests_ >= spec_->max_requests_per_connection && state_ == State::kOpen) {
    stats_.downstream_cx_max_requests_reached.add();
    drain();
  }
  return pipeline;
}

void HttpConnection::on_exchange_done(Pipeline& pipeline, bool answered, int64_t life_ns) {
  pipeline.ListNode<Pipeline>::unlink();
  worker_.give_back_pipeline(pipeline);
  if (exchanges_.empty()) idle_since_ = worker_.loop().now();
  if (state_ == State::kDraining) stream_->want_flush();
  count_done(answered, life_ns);
}

/// Beginning requests and giving them up at once is cheap for a client and not for us: who does it with half of its requests, or
/// with so many that it would be half of a fair number, is cut off.
void HttpConnection::count_done(bool answered, int64_t life_ns) {
  constexpr uint64_t kFairNumber = 500, kShortLife_s = 1;
  ++done_;
  if (ended_ || answered) return;
  const auto life_s = static_cast<uint64_t>(life_ns / (1000 * kNsPerMs));
  if (life_s > spec_->premature_reset_life_s.value().as_integer().value_or(kShortLife_s)) return;
  const uint64_t fair = spec_->premature_reset_count.value().as_integer().value_or(kFairNumber);
  if (uint64_t{++given_up_} * 2 < std::max<uint64_t>(fair, done_) || state_ == State::kGone || cuts_off_) return;
  cuts_off_ = true;
  cuts_off_active_ = !exchanges_.empty();
  stats_.downstream_rq_too_many_premature_resets.add();
  if (receiving_) stats_.downstream_cx_protocol_error.add();
  codec_->connection_lost();
  stream_->want_flush();  // before_flush() does the rest, when the codec is not telling anything
}

const route::RouteTablePtr& HttpConnection::route_table(const http::HeaderMap& request) {
  if (spec_->routes == nullptr) [[unlikely]] {
    table_ = spec_->scopes->table(request);
    return table_;
  }
  const uint64_t version = spec_->routes->version();
  if (version != table_version_) [[unlikely]] {
    table_version_ = version;
    table_ = spec_->routes->table();
  }
  return table_;
}

bool HttpConnection::before_response(bool request_ended) {
  if (!request_ended) stats_.downstream_rq_response_before_rq_complete.add();
  if (state_ != State::kOpen) return true;
  if ((worker_.leaves() && !listener_->spec().drains_only_when_modified) || listener_->leaves()) {
    stats_.downstream_cx_drain_close.add();
    drain();
  } else if (listener_->spec().follows_overload &&
             worker_.overload().hits(OverloadAction::kDisableHttpKeepalive, worker_.draw())) {
    stats_.downstream_cx_overload_disable_keepalive.add();
    drain();
  }
  return state_ != State::kOpen;
}

void HttpConnection::on_protocol_error(const http::ProtocolError& error) {
  const bool counted = cuts_off_ && receiving_;
  if (!counted && !http::h2::is_flood(error.message)) stats_.downstream_cx_protocol_error.add();
  info_.termination_details = error.details;
  begin_close(true);
}

void HttpConnection::on_silence(bool) {
  info_.termination_details = "http2_ping_timeout";
  gone(false, !exchanges_.empty());
}

// --- bytes out ---

void HttpConnection::before_flush() {
  if (state_ == State::kGone || codec_ == nullptr) return;
  if (cuts_off_) [[unlikely]]
    return gone(false, cuts_off_active_);
  codec_->before_flush();
  if (state_ == State::kClosing || state_ == State::kGone) return;
  stream_->flush();
  if (state_ == State::kGone) return;
  count_sent();
  if (codec_->wants_close() || (state_ == State::kDraining && codec_->active_streams() == 0 && drain_timer_ == nullptr))
    begin_close(true);
}

void HttpConnection::on_drained() {
  if (codec_ != nullptr && state_ != State::kClosing) codec_->on_drained();
}

// --- time and the end ---

void HttpConnection::on_idle() {
  const int64_t limit_ms = spec_->idle_timeout_ms;
  if (idle_since_ == 0) {
    idle_timer_.arm(limit_ms);
    return;
  }
  const int64_t idle_ms = (worker_.loop().now() - idle_since_) / kNsPerMs;
  if (idle_ms < limit_ms) {
    idle_timer_.arm(limit_ms - idle_ms);
    return;
  }
  stats_.downstream_cx_idle_timeout.add();
  if (codec_ == nullptr) {
    gone(false, !exchanges_.empty());
    return;
  }
  drain();
}

void HttpConnection::on_max_duration() {
  stats_.downstream_cx_max_duration_reached.add();
  if (spec_->http1_waits_for_response && codec_ != nullptr && codec_->protocol() != http::Protocol::kHttp2) {
    return codec_->announce_shutdown();
  }
  drain();
}

/// HTTP/1 says `connection: close` with its next response; HTTP/2 sends GOAWAY, and the final one when the drain time is over, so
/// that requests which were on their way are still taken.
void HttpConnection::drain() {
  if (state_ != State::kOpen) return;
  state_ = State::kDraining;
  if (codec_ != nullptr) codec_->announce_shutdown();
  drain_timer_ = loop::Timer::make<&HttpConnection::on_drain_timeout>(worker_.loop().timers(), *this);
  drain_timer_->arm(spec_->drain_timeout_ms);
  stream_->want_flush();
}

void HttpConnection::on_drain_timeout() {
  drain_timer_.reset();
  if (codec_ == nullptr) {
    gone(false, !exchanges_.empty());
    return;
  }
  codec_->goaway();
  stream_->want_flush();  // before_flush() closes when no stream is left
}

/// Sends what is queued and closes. With `linger` the peer gets a moment to read an answer before a reset could destroy it.
void HttpConnection::begin_close(bool linger) {
  if (state_ == State::kClosing || state_ == State::kGone) return;
  state_ = State::kClosing;
  linger_ = linger && spec_->delayed_close_timeout_ms > 0;
  drain_timer_.reset();
  stream_->finish();
}

void HttpConnection::on_finished() {
  if (!linger_) {
    gone(false, !exchanges_.empty());
    return;
  }
  close_timer_ = loop::Timer::make<&HttpConnection::on_delayed_close>(worker_.loop().timers(), *this);
  close_timer_->arm(spec_->delayed_close_timeout_ms);
  stream_->resume();
}

void HttpConnection::on_delayed_close() {
  stats_.downstream_cx_delayed_close_timeout.add();
  gone(false, !exchanges_.empty());
}

void HttpConnection::close() {
  if (state_ == State::kGone) return;
  const bool active = !exchanges_.empty();
  ended_ = true;
  if (codec_ != nullptr) codec_->connection_lost();
  gone(false, active);
}

/// As Envoy's gauges: what the last read brought counts as buffered.
void HttpConnection::count_read(size_t bytes) {
  stats_.downstream_cx_rx_bytes_total.add(bytes);
  const auto read = static_cast<uint32_t>(bytes);
  if (read == last_read_) return;
  stats_.downstream_cx_rx_bytes_buffered.add(int64_t{read} - last_read_);
  last_read_ = read;
}

void HttpConnection::count_sent() {
  const uint64_t sent = stream_->bytes_sent();
  if (sent != counted_sent_) stats_.downstream_cx_tx_bytes_total.add(sent - std::exchange(counted_sent_, sent));
}

void HttpConnection::gone(bool by_peer, bool active) {
  if (state_ == State::kGone) return;
  state_ = State::kGone;
  count_sent();
  if (last_read_ != 0) stats_.downstream_cx_rx_bytes_buffered.subtract(last_read_);
  stats_.downstream_cx_active.subtract();
  if (info_.tls) stats_.downstream_cx_ssl_active.subtract();
  stats_.downstream_cx_destroy.add();
  (by_peer ? stats_.downstream_cx_destroy_remote : stats_.downstream_cx_destroy_local).add();
  if (active) {
    stats_.downstream_cx_destroy_active_rq.add();
    (by_peer ? stats_.downstream_cx_destroy_remote_active_rq : stats_.downstream_cx_destroy_local_active_rq).add();
  }
  if (codec_ != nullptr) {
    (codec_->protocol() == http::Protocol::kHttp2 ? stats_.downstream_cx_http2_active : stats_.downstream_cx_http1_active)
        .subtract();
  }
  stats_.downstream_cx_length_ms.record((worker_.loop().now() - opened_at_) / kNsPerMs);
  exchanges_.for_each([](Pipeline& pipeline) { pipeline.abandon("downstream_local_disconnect"); });
  stream_->close();
  listener_->on_connection_gone(*this, opened_at_);
  worker_.remove(*this);
}

}  // namespace weir::proxy
