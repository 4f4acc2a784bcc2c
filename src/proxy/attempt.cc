#include "proxy/attempt.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "proxy/connection_wishes.h"

namespace weir::proxy {

void Attempt::start(upstream::Cluster& cluster, upstream::Priority priority, http::Protocol downstream,
                    const http::HeaderMap& request) {
  if (!choose_host(cluster, priority)) return;
  grpc_ = http::is_grpc(request);
  pool_ = cluster.pool(*host_, downstream, priority, connection_wishes(cluster.spec(), request));
  if (pool_ == nullptr) return fail({.reason = http::Reset::kConnectFailure, .transport_reason = {}, .no_host = true});
  bool overflow = false;
  info_.upstream_connect_start = loop_.now();
  if (upstream::ClientConnection* ready = pool_->acquire(*this, overflow)) {
    on_pool_ready(*ready);
  } else if (overflow) {
    fail({.reason = http::Reset::kOverflow, .transport_reason = {}});
  }
}

bool Attempt::choose_host(upstream::Cluster& cluster, upstream::Priority priority) {
  forget();
  answered_ = false;
  cluster_ = &cluster;
  ++cluster.users;
  priority_ = priority;
  host_ = events_.choose_host(cluster);
  if (host_ == nullptr) {
    cluster.stats().upstream_cx_none_healthy.add();
    fail({.reason = http::Reset::kConnectFailure, .transport_reason = {}, .no_host = true});
    return false;
  }
  info_.upstream_remote_address = host_->endpoint->address;
  info_.upstream_host_name = host_->endpoint->hostname;
  info_.upstream_local_address = nullptr;
  return true;
}

void Attempt::start_tunnel(upstream::Cluster& cluster, upstream::Priority priority) {
  if (!choose_host(cluster, priority)) return;
  const upstream::CircuitBreakers& breakers = cluster.state()->breakers_for(priority);
  if (breakers.connections.open() || breakers.pending_requests.open()) {
    (breakers.connections.open() ? cluster.stats().upstream_cx_overflow : cluster.stats().upstream_rq_pending_overflow).add();
    return fail({.reason = http::Reset::kOverflow, .transport_reason = {}});
  }
  TunnelEvents& maker = *this;
  http::StreamEvents& user = *this;
  tunnel_ = std::make_unique<ConnectTunnel>(cluster, *host_, priority, maker, user);
  info_.upstream_connect_start = tunnel_->connect_start();
}

void Attempt::on_tunnel_open() {
  info_.upstream_connect_complete = info_.upstream_request_start = loop_.now();
  info_.upstream_local_address = tunnel_->local_address();
  info_.upstream_connection_id = tunnel_->connection_id();
  stream_ = tunnel_.get();
  events_.on_connected();
}

void Attempt::on_tunnel_failure(const net::StreamFailure& failure) {
  const bool timeout = failure.kind == net::StreamFailure::Kind::kConnectTimeout;
  std::string reason = failure.reason;
  if (timeout) reason.clear();
  if (failure.kind == net::StreamFailure::Kind::kConnect) reason = "delayed connect error: " + failure.reason;
  fail({.reason = timeout ? http::Reset::kConnectTimeout : http::Reset::kConnectFailure, .transport_reason = reason});
}

void Attempt::on_pool_ready(upstream::ClientConnection& connection) {
  upstream::ClusterStats& stats = cluster_->stats();
  const MonotonicNs now = loop_.now();
  stats.upstream_rq_total.add();
  stats.upstream_rq_active.add();
  host_->stats.rq_total.add();
  host_->stats.rq_active.add();
  host_->endpoint->active_requests.fetch_add(1, std::memory_order_relaxed);
  counted_active_ = true;
  request_lease_ = cluster_->state()->breakers_for(priority_).requests.take();
  info_.upstream_connect_complete = connection.connected_at() > info_.upstream_connect_start ? connection.connected_at() : now;
  info_.upstream_request_start = now;
  info_.upstream_local_address = connection.local_address();
  info_.upstream_connection_id = connection.id();
  info_.upstream_tls = connection.tls();
  report(upstream::OutlierResult::kConnected);
  stream_ = &connection.open_stream(*this);
  info_.upstream_protocol = stream_->protocol();
  events_.on_connected();
}

void Attempt::on_pool_failure(const upstream::PoolFailure& failure) {
  if (failure.reason != http::Reset::kOverflow) report(upstream::OutlierResult::kConnectFailed);
  fail({.reason = failure.reason, .transport_reason = failure.transport_reason});
}

http::HeaderMap& Attempt::incoming_headers() { return events_.response_headers(); }
http::HeaderMap& Attempt::incoming_trailers() { return events_.response_trailers(); }
void Attempt::on_informational() { events_.on_informational(); }
void Attempt::on_room() { events_.on_room(); }

void Attempt::on_headers(bool end_stream) {
  const http::HeaderMap& response = events_.response_headers();
  answered_ = true;
  std::optional<uint32_t> grpc_status;
  if (grpc_) grpc_status = parse_number<uint32_t>(response.get(http::HeaderId::kGrpcStatus));
  report(upstream::OutlierResult::kAnswered,
         grpc_status ? upstream::http_status_of_grpc(*grpc_status) : static_cast<uint32_t>(response.status()));
  if (response.has(http::HeaderId::kEnvoyImmediateHealthCheckFail) && cluster_->state()->tell_failed_check != nullptr) {
    cluster_->state()->tell_failed_check(host_->endpoint);
  }
  if (end_stream) end_of_response();
  events_.on_headers(end_stream);
}

void Attempt::on_body(std::string_view bytes, bool end_stream) {
  if (end_stream) end_of_response();
  events_.on_body(bytes, end_stream);
}

void Attempt::on_trailers() {
  end_of_response();
  events_.on_trailers();
}

/// With both directions ended the codec lets go of the stream by itself. A response that came before the request was through
/// leaves a stream on which we would go on sending for nothing.
void Attempt::end_of_response() {
  http::Stream* stream = std::exchange(stream_, nullptr);
  if (stream != nullptr && !events_.request_ended()) stream->reset(http::Reset::kLocal);
}

void Attempt::on_reset(http::Reset reason, std::string_view) {
  const bool multiplexed = stream_ != nullptr && stream_->protocol() == http::Protocol::kHttp2;
  stream_ = nullptr;
  report(upstream::OutlierResult::kConnectFailed);
  host_->stats.rq_error.add();
  if (multiplexed && (reason == http::Reset::kRemote || reason == http::Reset::kRemoteRefused))
    cluster_->stats().upstream_rq_rx_reset.add();
  // As Envoy counts: a request whose HTTP/2 connection went away had waited in vain.
  if (multiplexed && reason == http::Reset::kConnectionTermination) cluster_->stats().upstream_rq_pending_failure_eject.add();
  fail({.reason = reason, .transport_reason = {}, .connected = true});
}

void Attempt::fail(const UpstreamFailure& failure) {
  release();
  events_.on_failure(failure);
}

void Attempt::count_answer(int status) {
  if (cluster_ == nullptr) return;
  upstream::ClusterStats& stats = cluster_->stats();
  stats.codes.count(status);
  stats.upstream_rq_completed.add();
  (info_.internal_request ? stats.internal_codes : stats.external_codes).count(status);
}

int64_t Attempt::complete(int status) {
  const MonotonicNs since = info_.request_complete != 0 ? info_.request_complete : loop_.now();
  const int64_t elapsed_ms = (loop_.now() - since) / kNsPerMs;
  upstream::ClusterStats& stats = cluster_->stats();
  stats.upstream_rq_time.record(elapsed_ms);
  (info_.internal_request ? stats.internal_rq_time : stats.external_rq_time).record(elapsed_ms);
  (status >= 500 ? host_->stats.rq_error : host_->stats.rq_success).add();
  release();
  return elapsed_ms;
}

void Attempt::count_timeout() {
  if (host_ == nullptr) return;
  host_->stats.rq_timeout.add();
  if (!answered_) report(upstream::OutlierResult::kTimeout);
}

void Attempt::report(upstream::OutlierResult result, uint32_t code) {
  if (host_ != nullptr) upstream::report_outlier(*cluster_->state(), host_->endpoint, result, code);
}

void Attempt::abort() {
  if (pool_ != nullptr) pool_->withdraw(*this);
  if (stream_ != nullptr) {
    // Over HTTP/1 nothing is reset: the connection is closed.
    if (stream_->protocol() == http::Protocol::kHttp2) cluster_->stats().upstream_rq_tx_reset.add();
    std::exchange(stream_, nullptr)->reset(http::Reset::kLocal);
  }
  release();
}

/// Gives back what was held.
void Attempt::release() {
  pool_ = nullptr;
  if (tunnel_ != nullptr) {
    tunnel_->close();
    loop_.dispose(std::move(tunnel_));  // it may still be telling us what led here
  }
  if (std::exchange(counted_active_, false)) {
    cluster_->stats().upstream_rq_active.subtract();
    host_->stats.rq_active.subtract();
    host_->endpoint->active_requests.fetch_sub(1, std::memory_order_relaxed);
  }
  request_lease_.give_back();
}

void Attempt::forget() {
  if (cluster_ == nullptr) return;
  --std::exchange(cluster_, nullptr)->users;
  host_ = nullptr;
}

}  // namespace weir::proxy
