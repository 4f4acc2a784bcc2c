#include "proxy/tcp_proxy.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "proxy/connection_notes.h"
#include "proxy/connection_wishes.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

namespace weir::proxy {

using format::ResponseFlag;

TcpProxy::TcpProxy(Worker& worker, Accepted accepted, std::shared_ptr<const TcpProxySpec> spec)
    : Connection(std::move(accepted)),
      worker_(worker),
      spec_(std::move(spec)),
      stats_(spec_->stats->mine(worker.index())),
      idle_timer_(loop::Timer::calling<&TcpProxy::on_idle>(worker.loop().timers(), *this)),
      last_activity_(worker.loop().now()) {
  stats_.downstream_cx_total.add();
  stream_info_.start = last_activity_;
  stream_info_.start_wall = worker.loop().wall();
  stream_info_.connection = &info_;
  if (info_.extras != nullptr && !info_.extras->notes.empty()) {
    arena_ = std::make_unique<Arena>();
    add_notes(info_.extras->notes, *arena_, stream_info_.metadata);
  }
  if (!spec_->tlvs.empty() && !info_.proxied) {
    auto extras = std::make_shared<format::ConnectionExtras>();
    if (info_.extras != nullptr) *extras = *info_.extras;
    extras->tlvs = spec_->tlvs;
    info_.extras = std::move(extras);
  }
  downstream_.stream = stream_.get();
  stream_->set_handler(downstream_);
}

TcpProxy::~TcpProxy() { CHECK(state_ == State::kGone); }

void TcpProxy::start() {
  if (spec_->max_connection_duration_ms > 0) {
    duration_timer_ = loop::Timer::make<&TcpProxy::on_max_duration>(worker_.loop().timers(), *this);
    const auto spread = static_cast<double>(spec_->max_connection_duration_ms) * spec_->max_connection_jitter_percent / 100;
    const uint64_t jitter = worker_.loop().random().below(static_cast<uint64_t>(spread) + 1);
    duration_timer_->arm(spec_->max_connection_duration_ms + static_cast<int64_t>(jitter));
  }
  if (spec_->log_interval_ms > 0) {
    log_timer_ = loop::Timer::make<&TcpProxy::on_log_interval>(worker_.loop().timers(), *this);
    log_timer_->arm(spec_->log_interval_ms);
  }
  choose_cluster();
  connect();
}

// --- connecting ---

std::optional<uint64_t> TcpProxy::hash() {
  switch (spec_->hash) {
    case TcpProxySpec::Hash::kNone:
      break;
    case TcpProxySpec::Hash::kSourceIp:
      if (info_.remote_address != nullptr && info_.remote_address->is_ip()) return xxhash64(info_.remote_address->ip());
      break;
    case TcpProxySpec::Hash::kFilterState:
      if (const auto* object = stream_info_.filter_state.find(spec_->hash_key); object != nullptr && object->address != nullptr) {
        return xxhash64(object->address->text());
      }
      break;
  }
  return std::nullopt;
}

void TcpProxy::choose_cluster() {
  if (spec_->server_name_is_cluster && !info_.requested_server_name.empty()) {
    cluster_ = worker_.cluster(info_.requested_server_name);
    criteria_ = spec_->clusters.front().criteria.get();
    if (cluster_ != nullptr) enter_cluster();
    return;
  }
  uint64_t point = spec_->clusters.size() > 1 ? worker_.loop().random().below(spec_->total_weight) : 0;
  for (const TcpProxySpec::WeightedCluster& candidate : spec_->clusters) {
    if (point >= candidate.weight) {
      point -= candidate.weight;
      continue;
    }
    cluster_ = worker_.cluster(candidate.id);
    criteria_ = candidate.criteria.get();
    break;
  }
  if (cluster_ != nullptr) enter_cluster();
}

void TcpProxy::enter_cluster() {
  ++cluster_->users;
  stream_info_.upstream_cluster = cluster_->spec().stat_name;
  stream_info_.upstream_cluster_raw = cluster_->spec().name;
  stream_info_.cluster_metadata = cluster_->spec().metadata;
}

void TcpProxy::connect() {
  if (cluster_ == nullptr) {
    stats_.downstream_cx_no_route.add();
    return give_up(ResponseFlag::kNoClusterFound);
  }
  upstream::ClusterStats& stats = cluster_->stats();
  upstream::CircuitBreakers& breakers = cluster_->state()->breakers_for(upstream::Priority::kDefault);
  if (breakers.connections.open()) {
    stats.upstream_cx_overflow.add();
    return give_up(ResponseFlag::kUpstreamOverflow);
  }
  if (stream_info_.attempts >= spec_->max_connect_attempts) {
    stats.upstream_cx_connect_attempts_exceeded.add();
    return give_up(ResponseFlag::kUpstreamRetryLimitExceeded);
  }
  upstream::Host* host = cluster_->choose(*this);
  if (host == nullptr) {
    stats.upstream_cx_none_healthy.add();
    return give_up(ResponseFlag::kNoHealthyUpstream);
  }
  if (serving_ != nullptr) --serving_->users;
  serving_ = &host->owner;
  ++serving_->users;
  ++stream_info_.attempts;
  if (spec_->tunnel) {
    open_tunnel(*host);
  } else if (breakers.pending_requests.open()) {
    stats.upstream_rq_pending_overflow.add();
    connect_later();
  } else {
    open_connection(*host);
  }
}

void TcpProxy::open_connection(upstream::Host& host) {
  stream_info_.upstream_remote_address = host.endpoint->address;
  stream_info_.upstream_host_name = host.endpoint->hostname;
  stream_info_.host_metadata = host.endpoint->metadata;
  const auto wishes = connection_wishes(serving_->spec(), *host.endpoint, nullptr, &info_);
  upstream_connection_ =
      std::make_unique<upstream::TcpConnection>(*serving_, host, upstream::Priority::kDefault, wishes, upstream_);
  connect_start_ = upstream_connection_->connect_start();
}

void TcpProxy::open_tunnel(upstream::Host& host) {
  if (arena_ == nullptr) arena_ = std::make_unique<Arena>();
  tunnel_ = std::make_unique<HttpTunnel>(*serving_, host, *spec_->tunnel, stream_info_, *arena_, worker_.random());
  tunnel_->set_handler(upstream_);
  connect_start_ = tunnel_->connect_start();
  if (!tunnel_->open()) return connect_later();
  stream_info_.upstream_remote_address = host.endpoint->address;
  stream_info_.upstream_host_name = host.endpoint->hostname;
  stream_info_.host_metadata = host.endpoint->metadata;
}

/// Another attempt, after what the back-off says.
void TcpProxy::connect_later() {
  if (!spec_->back_off || stream_info_.attempts >= spec_->max_connect_attempts) return worker_.loop().at_next_turn(*this);
  back_off_ms_ = back_off_ms_ == 0 ? spec_->back_off->base_ms : std::min(back_off_ms_ * 2, spec_->back_off->max_ms);
  if (retry_timer_ == nullptr) retry_timer_ = loop::Timer::make<&TcpProxy::connect>(worker_.loop().timers(), *this);
  retry_timer_->arm(static_cast<int64_t>(worker_.loop().random().below(static_cast<uint64_t>(back_off_ms_))));
}

void TcpProxy::give_up(ResponseFlag flag) {
  stream_info_.flags.set(flag);
  gone(false);
}

void TcpProxy::on_connected(Side& side) {
  if (&side == &upstream_) return on_upstream_connected();
  info_.handshake_ms = (worker_.loop().now() - stream_info_.start) / kNsPerMs;
}

void TcpProxy::on_upstream_connected() {
  state_ = State::kOpen;
  upstream_.stream = tunnel_ != nullptr ? tunnel_.get() : &upstream_connection_->stream();
  const MonotonicNs now = worker_.loop().now();
  stream_info_.upstream_pool_wait_ns = now - connect_start_;
  stream_info_.upstream_local_address = upstream_.stream->local_address();
  stream_info_.upstream_connection_id = tunnel_ != nullptr ? tunnel_->connection_id() : upstream_connection_->id();
  stream_info_.upstream_tls = upstream_.stream->tls();
  last_activity_ = now;
  if (spec_->idle_timeout_ms > 0) idle_timer_.arm(spec_->idle_timeout_ms);
  if (spec_->logs_when_connected) write_log(format::LogType::kTcpUpstreamConnected);
  stream_->start();
}

void TcpProxy::on_connect_failure(const net::StreamFailure& failure) {
  using Kind = net::StreamFailure::Kind;
  if (failure.kind != Kind::kLocal) stream_info_.flags.set(ResponseFlag::kUpstreamConnectionFailure);
  if (failure.kind == Kind::kConnect) {
    failure_reason_ = "delayed connect error: " + failure.reason;
    stream_info_.upstream_transport_failure_reason = failure_reason_;
  } else if (failure.kind == Kind::kTransport || failure.kind == Kind::kLocal) {
    failure_reason_ = failure.reason;
    stream_info_.upstream_transport_failure_reason = failure_reason_;
  }
  // They are still telling us this.
  if (upstream_connection_ != nullptr) worker_.loop().dispose(std::move(upstream_connection_));
  if (tunnel_ != nullptr) worker_.loop().dispose(std::move(tunnel_));
  connect_later();
}

// --- passing on ---

void TcpProxy::pass_on(Side& from, std::string_view bytes) {
  if (state_ != State::kOpen) return;  // nobody is left to take them
  last_activity_ = worker_.loop().now();
  worker_.loop().patience().hurry();
  Side& to = other(from);
  to.stream->write(bytes);
  count_bytes();
  if (!to.stream->over_limit() || from.paused) return;
  from.paused = true;
  from.stream->pause();
  (&from == &downstream_ ? stats_.downstream_flow_control_paused_reading_total
                         : cluster_->stats().upstream_flow_control_paused_reading_total)
      .add();
}

void TcpProxy::on_drained(Side& to) {
  Side& from = other(to);
  if (state_ != State::kOpen || !from.paused) return;
  from.paused = false;
  from.stream->resume();
  (&from == &downstream_ ? stats_.downstream_flow_control_resumed_reading_total
                         : cluster_->stats().upstream_flow_control_resumed_reading_total)
      .add();
}

/// Half-close is passed on, after all that was sent before it.
void TcpProxy::on_end(Side& from) {
  if (state_ != State::kOpen) return;
  last_activity_ = worker_.loop().now();
  from.ended = true;
  other(from).stream->finish();
}

void TcpProxy::on_finished(Side& to) {
  to.finished = true;
  if (state_ == State::kFlushing || (downstream_.finished && upstream_.finished)) gone(&to == &downstream_);
}

/// The other side still gets what was sent to it, then it is closed too.
void TcpProxy::on_failure(Side& side, const net::StreamFailure& failure) {
  if (&side == &downstream_) {
    using Kind = net::StreamFailure::Kind;
    if (failure.kind == Kind::kTransport) info_.transport_failure_reason = failure.reason;
    if (failure.kind == Kind::kConnectTimeout) {
      listener_->stats().downstream_cx_transport_socket_connect_timeout.add();
      info_.termination_details = "transport socket timeout was reached";
    }
    if (state_ == State::kConnecting) return gone(false);
  }
  if (state_ == State::kConnecting) return on_connect_failure(failure);
  Side& left = other(side);
  if (state_ == State::kFlushing || left.stream->unsent() == 0) return gone(&side == &upstream_);
  state_ = State::kFlushing;
  if (&left == &upstream_) {
    stats_.upstream_flush_total.add();
    flush_hold_ = stats::GaugeHold(stats_.upstream_flush_active);
  }
  left.stream->pause();
  left.stream->finish();
}

// --- time and the end ---

void TcpProxy::on_idle() {
  const int64_t idle_ms = (worker_.loop().now() - last_activity_) / kNsPerMs;
  if (idle_ms < spec_->idle_timeout_ms) {
    idle_timer_.arm(spec_->idle_timeout_ms - idle_ms);
    return;
  }
  stats_.idle_timeout.add();
  gone(false);
}

void TcpProxy::on_max_duration() {
  stats_.max_downstream_connection_duration.add();
  stream_info_.flags.set(ResponseFlag::kDurationTimeout);
  gone(false);
}

void TcpProxy::count_bytes() {
  const uint64_t received = stream_->bytes_received();
  const uint64_t sent = stream_->bytes_sent();
  stats_.downstream_cx_rx_bytes_total.add(received - std::exchange(counted_received_, received));
  stats_.downstream_cx_tx_bytes_total.add(sent - std::exchange(counted_sent_, sent));
}

void TcpProxy::gone(bool by_upstream) {
  if (std::exchange(state_, State::kGone) == State::kGone) return;
  count_bytes();
  idle_timer_.cancel();
  duration_timer_.reset();
  retry_timer_.reset();
  log_timer_.reset();
  NextTurn::unlink();
  flush_hold_ = {};
  if (upstream_connection_ != nullptr) upstream_connection_->close(by_upstream);
  if (tunnel_ != nullptr) tunnel_->close();
  stream_info_.end = worker_.loop().now();
  write_log(format::LogType::kTcpConnectionEnd);
  stream_->close();
  listener_->on_connection_gone(*this, stream_info_.start, &stream_info_);
  if (serving_ != nullptr) --std::exchange(serving_, nullptr)->users;
  if (cluster_ != nullptr) --std::exchange(cluster_, nullptr)->users;
  worker_.remove(*this);
}

void TcpProxy::on_log_interval() {
  write_log(format::LogType::kTcpPeriodic);
  log_timer_->arm(spec_->log_interval_ms);
}

void TcpProxy::note_traffic() {
  stream_info_.bytes_received = stream_info_.traffic.received.wire = stream_->bytes_received();
  stream_info_.bytes_sent = stream_info_.traffic.sent.wire = stream_->bytes_sent();
  http::StreamTraffic& upstream = stream_info_.upstream_traffic;
  if (upstream_connection_ != nullptr) {
    upstream.sent.wire = upstream_connection_->bytes_sent();
    upstream.received.wire = upstream_connection_->stream().bytes_received();
  } else if (tunnel_ != nullptr) {
    upstream.sent.wire = tunnel_->wire_bytes_sent();
    upstream.received.wire = tunnel_->wire_bytes_received();
  }
}

void TcpProxy::write_log(format::LogType type) {
  note_traffic();
  const format::FormatContext context{nullptr, nullptr, nullptr, stream_info_, type};
  for (const auto& log : spec_->access_logs) log->log(context, worker_.index());
}

}  // namespace weir::proxy
