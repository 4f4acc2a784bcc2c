#include "upstream/client_connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/tls/tls_info.h"
#include "upstream/pool.h"

namespace weir::upstream {

namespace {

/// What the handshake of TLS offers for a protocol; both without one.
std::string_view alpn_for(std::optional<http::Protocol> protocol) {
  if (!protocol) return "\x02h2\x08http/1.1";
  return *protocol == http::Protocol::kHttp2 ? "\x02h2" : "\x08http/1.1";
}

}  // namespace

ClientConnection::ClientConnection(Pool& pool, uint64_t id, Budget::Lease lease)
    : pool_(pool),
      id_(id),
      lease_(std::move(lease)),
      idle_timer_(loop::Timer::calling<&ClientConnection::on_idle_timeout>(pool.context().loop.timers(), *this)),
      connect_start_(pool.context().loop.now()) {
  stream_ = connect_to(pool_.context(), pool_.endpoint(), pool_.transport(), pool_.wishes(), alpn_for(pool_.protocol()));
  stream_->set_handler(*this);
  stream_->set_buffer_limit(pool_.spec().buffer_limit);
  ClusterStats& stats = pool_.context().stats;
  stats.upstream_cx_total.add();
  stats.upstream_cx_active.add();
  pool_.endpoint_stats().cx_total.add();
  pool_.endpoint_stats().cx_active.add();
  pool_.endpoint().connections.fetch_add(1, std::memory_order_relaxed);
  if (pool_.protocol()) make_codec(*pool_.protocol());
}

void ClientConnection::make_codec(http::Protocol protocol) {
  protocol_ = protocol;
  const ClusterSpec& spec = pool_.spec();
  loop::EventLoop& loop = pool_.context().loop;
  ClusterStats& stats = pool_.context().stats;
  if (protocol == http::Protocol::kHttp2) {
    stats.upstream_cx_http2_total.add();
    codec_ = http::make_http2_client(*stream_, loop, *this, spec.http2, spec.limits, stats.http2);
  } else {
    stats.upstream_cx_http1_total.add();
    codec_ = http::make_http1_client(*stream_, loop, *this, spec.http1, spec.limits, stats.http1);
  }
}

ClientConnection::~ClientConnection() { CHECK(closed_); }

http::Stream& ClientConnection::open_stream(http::StreamEvents& events) {
  CHECK(state_ == State::kReady);
  ++streams_opened_;
  idle_since_ = 0;
  http::Stream& stream = codec_->open(events);
  const uint32_t most = pool_.spec().max_requests_per_connection;
  if (most != 0 && streams_opened_ >= most) {
    pool_.context().stats.upstream_cx_max_requests.add();
    drain();
  } else {
    update_readiness();
  }
  return stream;
}

void ClientConnection::update_readiness() {
  if (state_ == State::kConnecting || state_ == State::kDraining || closed_) return;
  const State next = codec_->free_streams() > 0 ? State::kReady : State::kBusy;
  if (next == state_) return;
  state_ = next;
  ListNode<ClientConnection>::unlink();
  if (next == State::kBusy) {
    pool_.others_.push_back(*this);
  } else {
    pool_.ready_.push_front(*this);
    pool_.on_connection_ready(*this);
  }
}

void ClientConnection::on_connected() {
  if (codec_ == nullptr) {
    const auto tls = stream_->tls();
    make_codec(tls != nullptr && tls->alpn == "h2" ? http::Protocol::kHttp2 : http::Protocol::kHttp11);
  }
  connected_at_ = pool_.context().loop.now();
  pool_.context().stats.upstream_cx_connect_ms.record((connected_at_ - connect_start_) / kNsPerMs);
  const ClusterSpec& spec = pool_.spec();
  idle_since_ = connected_at_;
  if (spec.idle_timeout_ms > 0) idle_timer_.arm(spec.idle_timeout_ms);
  if (spec.max_connection_duration_ms > 0) {
    duration_timer_ = loop::Timer::make<&ClientConnection::on_duration_timeout>(pool_.context().loop.timers(), *this);
    duration_timer_->arm(spec.max_connection_duration_ms);
  }
  state_ = State::kBusy;
  pool_.on_connection_connected(*this);
  update_readiness();
}

void ClientConnection::on_bytes(std::string_view bytes) {
  ClusterStats& stats = pool_.context().stats;
  stats.upstream_cx_rx_bytes_total.add(bytes.size());
  // As Envoy's gauge: what the last read brought counts as buffered.
  const auto read = static_cast<uint32_t>(bytes.size());
  if (read != last_read_) stats.upstream_cx_rx_bytes_buffered.add(int64_t{read} - std::exchange(last_read_, read));
  receiving_ = true;
  codec_->receive(bytes);
  receiving_ = false;
}

void ClientConnection::on_end() {
  const bool active = active_streams() != 0;
  const bool tunnel = codec_ != nullptr && codec_->carries_tunnel();  // then it is we who end it: half of one is of no use
  const bool given_up = cut_;                                         // before the peer's end was seen: then it is our end
  stream_closed_ = false;
  peer_ended_ = !tunnel && protocol_ != http::Protocol::kHttp2;
  if (codec_ != nullptr) codec_->receive_end();
  // A response of HTTP/1 that lasts until the end of its connection is whole now; whatever else was under way has been cut off.
  gone(!tunnel && !given_up, active && !(stream_closed_ && protocol_ != http::Protocol::kHttp2));
}

void ClientConnection::on_failure(const net::StreamFailure& failure) {
  using Kind = net::StreamFailure::Kind;
  ClusterStats& stats = pool_.context().stats;
  if (state_ == State::kConnecting) {
    const bool timeout = failure.kind == Kind::kConnectTimeout;
    stats.upstream_cx_connect_fail.add();
    pool_.endpoint_stats().cx_connect_fail.add();
    if (timeout) stats.upstream_cx_connect_timeout.add();
    std::string reason = failure.reason;
    if (timeout) reason.clear();
    if (failure.kind == Kind::kConnect) reason = "delayed connect error: " + failure.reason;
    Pool& pool = pool_;
    const bool was_closed = std::exchange(closed_, true);
    CHECK(!was_closed);
    stats.upstream_cx_active.subtract();
    stats.upstream_cx_destroy.add();
    const bool local = failure.kind == Kind::kLocal;
    if (timeout || local) {
      stats.upstream_cx_destroy_local.add();
    } else {
      stats.upstream_cx_destroy_remote.add();
    }
    pool_.endpoint_stats().cx_active.subtract();
    pool_.endpoint().connections.fetch_sub(1, std::memory_order_relaxed);
    lease_.give_back();
    pool.on_connection_failed(*this, {timeout ? http::Reset::kConnectTimeout
                                      : local ? http::Reset::kLocalConnectFailure
                                              : http::Reset::kConnectFailure,
                                      reason});
    return;
  }
  // Over HTTP/1 Envoy takes a reset for an end, and what lasts until the end for complete.
  if (protocol_ != http::Protocol::kHttp2) return on_end();
  const bool active = codec_->active_streams() != 0;
  codec_->connection_lost(http::Reset::kConnectionTermination, failure.reason);
  gone(true, active);
}

void ClientConnection::before_flush() {
  if (codec_ == nullptr) {
    if (state_ == State::kDraining) gone(false, false);
    return;
  }
  // As in Envoy a connection that is being left ends with its last stream: that it was reset is not said any more.
  if (state_ == State::kDraining && protocol_ == http::Protocol::kHttp2 && active_streams() == 0) return gone(false, false);
  codec_->before_flush();
  if (closed_) return;
  stream_->flush();
  if (closed_) return;
  count_sent();
  if (state_ == State::kDraining && codec_->active_streams() == 0) gone(false, false);
}

void ClientConnection::count_sent() {
  const uint64_t sent = stream_->bytes_sent();
  if (sent != counted_sent_) pool_.context().stats.upstream_cx_tx_bytes_total.add(sent - std::exchange(counted_sent_, sent));
}

void ClientConnection::on_stream_closed() {
  stream_closed_ = true;
  if (codec_->active_streams() == 0) idle_since_ = pool_.context().loop.now();
  update_readiness();
  if (state_ != State::kDraining) return;
  // Envoy closes the connection while its codec looks at what came, and counts that as the codec's failure.
  if (receiving_ && protocol_ == http::Protocol::kHttp2 && codec_->active_streams() == 0) {
    pool_.context().stats.upstream_cx_protocol_error.add();
  }
  stream_->want_flush();
}

void ClientConnection::on_goaway() {
  if (state_ == State::kConnecting) return;
  if (state_ == State::kDraining && codec_->active_streams() == 0) return;  // it is closed but for the end of the turn
  pool_.context().stats.upstream_cx_close_notify.add(protocol_ == http::Protocol::kHttp2 ? 1 : 0);
  drain();
}

void ClientConnection::on_protocol_error(const http::ProtocolError&) {
  pool_.context().stats.upstream_cx_protocol_error.add();
  gone(peer_ended_, codec_->active_streams() != 0);
}

void ClientConnection::on_max_streams(uint32_t) { update_readiness(); }

void ClientConnection::on_idle_timeout() {
  const int64_t limit_ms = pool_.spec().idle_timeout_ms;
  if (idle_since_ == 0) {  // busy: look again after a whole period
    idle_timer_.arm(limit_ms);
    return;
  }
  const int64_t idle_ms = (pool_.context().loop.now() - idle_since_) / kNsPerMs;
  if (idle_ms < limit_ms) {
    idle_timer_.arm(limit_ms - idle_ms);
    return;
  }
  pool_.context().stats.upstream_cx_idle_timeout.add();
  gone(false, false);
}

void ClientConnection::on_duration_timeout() {
  pool_.context().stats.upstream_cx_max_duration_reached.add();
  drain();
}

void ClientConnection::drain() {
  if (closed_ || state_ == State::kDraining) return;
  const bool linked = ListNode<ClientConnection>::linked();
  state_ = State::kDraining;
  if (linked) {
    ListNode<ClientConnection>::unlink();
    pool_.others_.push_back(*this);
  }
  stream_->want_flush();  // before_flush() closes when nothing is left
}

void ClientConnection::close() {
  if (closed_) return;
  const bool active = active_streams() != 0;
  if (codec_ != nullptr) codec_->connection_lost(http::Reset::kConnectionTermination, "");
  gone(false, active);
}

/// The connection is over: count it, and let the pool dispose of us.
void ClientConnection::gone(bool by_peer, bool active) {
  if (std::exchange(closed_, true)) return;
  ClusterStats& stats = pool_.context().stats;
  count_sent();
  if (last_read_ != 0) stats.upstream_cx_rx_bytes_buffered.subtract(last_read_);
  stats.upstream_cx_active.subtract();
  stats.upstream_cx_destroy.add();
  (by_peer ? stats.upstream_cx_destroy_remote : stats.upstream_cx_destroy_local).add();
  if (active || cut_) {
    stats.upstream_cx_destroy_with_active_rq.add();
    (by_peer ? stats.upstream_cx_destroy_remote_with_active_rq : stats.upstream_cx_destroy_local_with_active_rq).add();
  }
  if (connected_at_ != 0) {
    stats.upstream_cx_length_ms.record((pool_.context().loop.now() - connect_start_) / kNsPerMs);
    stats.upstream_rq_per_cx.record(streams_opened_);
  }
  pool_.endpoint_stats().cx_active.subtract();
  pool_.endpoint().connections.fetch_sub(1, std::memory_order_relaxed);
  lease_.give_back();
  if (codec_ != nullptr) codec_->connection_lost(http::Reset::kConnectionTermination, "");
  stream_->close();
  pool_.on_connection_gone(*this);
}

}  // namespace weir::upstream
