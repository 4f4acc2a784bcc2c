// TcpConnection: a connection to an endpoint that carries whatever its only user sends: no codec, no pool.
#pragma once

#include <algorithm>
#include <memory>

#include "loop/event_loop.h"
#include "net/byte_stream.h"
#include "upstream/active_request.h"
#include "upstream/cluster.h"

namespace weir::upstream {

/// kConnecting ─▶ kOpen ─▶ kClosed. Counts itself under the cluster's and the endpoint's statistics and holds a place in the
/// circuit breakers until it is closed. The cluster must outlive it (Cluster::users).
class TcpConnection final : public loop::Disposable, public ListNode<EndsWithEndpoint>, private net::ByteStream::Handler {
 public:
  /// Begins to connect. `user` hears on_connected() or on_failure(), then all that a stream tells.
  TcpConnection(Cluster& cluster, const Host& host, Priority priority, const ConnectionWishes& wishes,
                net::ByteStream::Handler& user);
  ~TcpConnection() override { close(false); }

  net::ByteStream& stream() { return *stream_; }
  bool closed() const { return state_ == State::kClosed; }
  uint64_t id() const { return id_; }
  /// Of what the user sent: without a PROXY header in front.
  uint64_t bytes_sent() const { return stream_->bytes_sent() - std::min(stream_->bytes_sent(), preamble_bytes_); }
  MonotonicNs connect_start() const { return connect_start_; }
  /// Ends now; the user hears nothing more. `by_peer` is for the statistics: who ended it.
  void close(bool by_peer);
  bool goes_to(const Endpoint& endpoint) const { return endpoint_->life == endpoint.life; }
  /// Ends now, and the user hears that this happened on our side.
  void end();

 private:
  enum class State : uint8_t { kConnecting, kOpen, kClosed };

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override { user_.on_end(); }
  void on_failure(const net::StreamFailure& failure) override;
  void on_drained() override { user_.on_drained(); }
  void on_finished() override { user_.on_finished(); }
  void count_bytes();

  Cluster& cluster_;
  const EndpointPtr endpoint_;
  EndpointStats& endpoint_stats_;
  net::ByteStream::Handler& user_;
  CircuitBreakers& breakers_;
  const Priority priority_;
  const uint64_t id_;
  const MonotonicNs connect_start_;
  std::unique_ptr<net::ByteStream> stream_;
  Budget::Lease connection_lease_, pending_lease_;
  ActiveRequest request_;
  stats::GaugeHold pending_hold_;
  uint64_t preamble_bytes_ = 0;
  State state_ = State::kConnecting;
  uint64_t counted_sent_ = 0;
  uint64_t counted_received_ = 0;
};

}  // namespace weir::upstream
