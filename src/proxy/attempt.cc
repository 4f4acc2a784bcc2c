#include "proxy/attempt.h"

#include <utility>

#include "proxy/pipeline.h"
#include "proxy/worker.h"

namespace weir::proxy {

void Attempt::start(upstream::Cluster& cluster, upstream::Priority priority) {
  forget();
  cluster_ = &cluster;
  ++cluster.users;
  priority_ = priority;
  format::StreamInfo& info = pipeline_.info;
  ++info.attempts;
  host_ = cluster.choose();
  if (host_ == nullptr) {
    cluster.stats().upstream_cx_none_healthy.add();
    fail({http::Reset::kConnectFailure, "", true});
    return;
  }
  info.upstream_remote_address = host_->endpoint->address;
  info.upstream_host_name = host_->endpoint->hostname;
  pool_ = &cluster.pool(*host_, pipeline_.downstream_protocol(), priority);
  bool overflow = false;
  info.upstream_connect_start = pipeline_.worker().loop().now();
  if (upstream::ClientConnection* ready = pool_->acquire(*this, overflow)) {
    on_pool_ready(*ready);
  } else if (overflow) {
    fail({http::Reset::kOverflow, ""});
  }
}

void Attempt::on_pool_ready(upstream::ClientConnection& connection) {
  format::StreamInfo& info = pipeline_.info;
  upstream::ClusterStats& stats = cluster_->stats();
  const MonotonicNs now = pipeline_.worker().loop().now();
  stats.upstream_rq_total.add();
  stats.upstream_rq_active.add();
  host_->stats.rq_total.add();
  host_->stats.rq_active.add();
  host_->endpoint->active_requests.fetch_add(1, std::memory_order_relaxed);
  counted_active_ = true;
  request_lease_ = cluster_->state()->breakers_for(priority_).requests.take();
  info.upstream_connect_complete = connection.connected_at() > info.upstream_connect_start ? connection.connected_at() : now;
  info.upstream_request_start = now;
  info.upstream_local_address = connection.local_address();
  info.upstream_connection_id = connection.id();
  stream_ = &connection.open_stream(*this);
  info.upstream_protocol = stream_->protocol();
  pipeline_.on_upstream_connected();
}

void Attempt::on_pool_failure(const upstream::PoolFailure& failure) { fail({failure.reason, failure.transport_reason}); }

http::HeaderMap& Attempt::incoming_headers() { return pipeline_.response_headers(); }
http::HeaderMap& Attempt::incoming_trailers() { return pipeline_.response_trailers(); }
void Attempt::on_informational() { pipeline_.on_upstream_informational(); }
void Attempt::on_room() { pipeline_.on_upstream_room(); }

void Attempt::on_headers(bool end_stream) {
  if (end_stream) end_of_response();
  pipeline_.on_upstream_headers(end_stream);
}

void Attempt::on_body(std::string_view bytes, bool end_stream) {
  if (end_stream) end_of_response();
  pipeline_.on_upstream_body(bytes, end_stream);
}

void Attempt::on_trailers() {
  end_of_response();
  pipeline_.on_upstream_trailers();
}

/// With both directions ended the codec lets go of the stream by itself. A response that came before the request was through
/// leaves a stream on which we would go on sending for nothing.
void Attempt::end_of_response() {
  http::Stream* stream = std::exchange(stream_, nullptr);
  if (stream != nullptr && !pipeline_.request_ended()) stream->reset(http::Reset::kLocal);
}

void Attempt::on_reset(http::Reset reason, std::string_view) {
  stream_ = nullptr;
  host_->stats.rq_error.add();
  if (reason == http::Reset::kRemote || reason == http::Reset::kRemoteRefused) cluster_->stats().upstream_rq_rx_reset.add();
  fail({reason, ""});
}

void Attempt::fail(const UpstreamFailure& failure) {
  release();
  pipeline_.on_upstream_failure(failure);
}

void Attempt::complete(int status) {
  (status >= 500 ? host_->stats.rq_error : host_->stats.rq_success).add();
  release();
}

void Attempt::count_timeout() {
  if (host_ != nullptr) host_->stats.rq_timeout.add();
  if (cluster_ != nullptr) cluster_->stats().upstream_rq_timeout.add();
}

void Attempt::abort() {
  if (pool_ != nullptr) pool_->withdraw(*this);
  if (stream_ != nullptr) {
    cluster_->stats().upstream_rq_tx_reset.add();
    std::exchange(stream_, nullptr)->reset(http::Reset::kLocal);
  }
  release();
}

/// Gives back what was held.
void Attempt::release() {
  pool_ = nullptr;
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
