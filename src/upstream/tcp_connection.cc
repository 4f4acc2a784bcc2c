#include "upstream/tcp_connection.h"

#include <utility>

#include "upstream/transport.h"

namespace weir::upstream {

TcpConnection::TcpConnection(Cluster& cluster, const Host& host, Priority priority, const ConnectionWishes& wishes,
                             net::ByteStream::Handler& user)
    : cluster_(cluster),
      endpoint_(host.endpoint),
      endpoint_stats_(host.stats),
      user_(user),
      breakers_(cluster.state()->breakers_for(priority)),
      priority_(priority),
      id_(cluster.context().next_connection_id++),
      connect_start_(cluster.context().loop.now()),
      connection_lease_(breakers_.connections.take()),
      pending_lease_(breakers_.pending_requests.take()),
      pending_hold_(cluster.stats().upstream_rq_pending_active) {
  const ClusterSpec& spec = cluster_.spec();
  stream_ = connect_to(cluster_.context(), *endpoint_, spec.transport_for(endpoint_->transport_match), wishes, "");
  preamble_bytes_ = stream_->unsent();
  stream_->set_handler(*this);
  stream_->set_buffer_limit(spec.buffer_limit);
  ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_total.add();
  stats.upstream_cx_active.add();
  stats.upstream_rq_pending_total.add();
  endpoint_stats_.cx_total.add();
  endpoint_stats_.cx_active.add();
  cluster_.watch_for_failure(*this);
}

void TcpConnection::on_connected() {
  state_ = State::kOpen;
  pending_lease_.give_back();
  pending_hold_ = {};
  cluster_.stats().upstream_cx_connect_ms.record((cluster_.context().loop.now() - connect_start_) / kNsPerMs);
  request_.begin(cluster_, endpoint_, endpoint_stats_, priority_);
  user_.on_connected();
}

void TcpConnection::on_bytes(std::string_view bytes) {
  count_bytes();
  user_.on_bytes(bytes);
}

void TcpConnection::on_failure(const net::StreamFailure& failure) {
  if (state_ == State::kConnecting) {
    ClusterStats& stats = cluster_.stats();
    stats.upstream_cx_connect_fail.add();
    stats.upstream_rq_pending_failure_eject.add();
    endpoint_stats_.cx_connect_fail.add();
    if (failure.kind == net::StreamFailure::Kind::kConnectTimeout) stats.upstream_cx_connect_timeout.add();
  }
  close(failure.kind != net::StreamFailure::Kind::kConnectTimeout && failure.kind != net::StreamFailure::Kind::kLocal);
  user_.on_failure(failure);
}

void TcpConnection::end() {
  if (state_ == State::kClosed) return;
  close(false);
  user_.on_failure({net::StreamFailure::Kind::kLocal, ""});
}

void TcpConnection::close(bool by_peer) {
  const State before = std::exchange(state_, State::kClosed);
  if (before == State::kClosed) return;
  unlink();
  count_bytes();
  ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_active.subtract();
  stats.upstream_cx_destroy.add();
  (by_peer ? stats.upstream_cx_destroy_remote : stats.upstream_cx_destroy_local).add();
  stats.upstream_cx_length_ms.record((cluster_.context().loop.now() - connect_start_) / kNsPerMs);
  endpoint_stats_.cx_active.subtract();
  if (before == State::kOpen) {
    stats.upstream_cx_destroy_with_active_rq.add();
    (by_peer ? stats.upstream_cx_destroy_remote_with_active_rq : stats.upstream_cx_destroy_local_with_active_rq).add();
    request_.end();
  }
  connection_lease_.give_back();
  pending_lease_.give_back();
  pending_hold_ = {};
  stream_->close();
}

void TcpConnection::count_bytes() {
  const uint64_t received = stream_->bytes_received();
  const uint64_t sent = stream_->bytes_sent();
  ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_rx_bytes_total.add(received - std::exchange(counted_received_, received));
  stats.upstream_cx_tx_bytes_total.add(sent - std::exchange(counted_sent_, sent));
}

}  // namespace weir::upstream
