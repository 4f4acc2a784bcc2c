// Pool: one worker's connections to one endpoint over one protocol, and the requests that wait for them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/list.h"
#include "http/codec.h"
#include "http/stream.h"
#include "loop/event_loop.h"
#include "upstream/client_connection.h"
#include "upstream/cluster_state.h"
#include "upstream/transport.h"

namespace weir::upstream {

/// Why no connection could be had.
struct PoolFailure {
  http::Reset reason;                 // kConnectFailure, kConnectTimeout, kOverflow or kConnectionTermination
  std::string_view transport_reason;  // e.g. "delayed connect error: Connection refused"
};

/// A request that wants a connection. Destroying it (or leaving the list) withdraws the wish.
class PoolWaiter : public ListNode<PoolWaiter> {
 public:
  /// A connection is ready: open the stream now.
  virtual void on_pool_ready(ClientConnection& connection) = 0;
  virtual void on_pool_failure(const PoolFailure& failure) = 0;

 protected:
  ~PoolWaiter() = default;

 private:
  friend class Pool;
  Budget::Lease pending_lease_;
  stats::GaugeHold pending_hold_;
};

/// Listeners within this process that endpoints may lead to.
class InternalListeners {
 public:
  /// A connection to the listener of that address; null if there is none.
  virtual std::unique_ptr<net::ByteStream> connect(const net::AddressPtr& address) = 0;

 protected:
  ~InternalListeners() = default;
};

/// What a pool needs from its surroundings; one for each worker and cluster.
struct PoolContext {
  loop::EventLoop& loop;
  const ClusterState& cluster;
  ClusterStats& stats;
  size_t worker;
  uint64_t& next_connection_id;
  InternalListeners* internal_listeners = nullptr;  // null: there are none
};

class Pool {
 public:
  /// Without a protocol the handshake of TLS decides for each connection. `transport` outlives the pool.
  Pool(const PoolContext& context, EndpointPtr endpoint, std::optional<http::Protocol> protocol, Priority priority,
       const Transport& transport, ConnectionWishes wishes = {});
  ~Pool();
  Pool(const Pool&) = delete;

  /// A connection that can take a stream at once, or null: then `waiter` has been queued, and will hear.
  /// A refusal by a circuit breaker is told by `overflow` (nothing queued).
  ClientConnection* acquire(PoolWaiter& waiter, bool& overflow);
  /// Opens one more connection if the whole cluster has `ratio` times less than it will soon need.
  bool preconnect(double ratio);
  /// What this pool has, in requests: waiting, under way, and that could begin at once or when connections are there.
  struct Load {
    size_t waiting = 0, active = 0, capacity = 0;
    /// Whether so much, and `more` requests, needs another connection.
    bool wants_connection(double ratio, size_t more) const {
      return static_cast<double>(waiting + active + more) * ratio > static_cast<double>(capacity + active);
    }
  };
  Load load();
  /// The waiter wants no more.
  void withdraw(PoolWaiter& waiter);

  /// Idle connections are closed, busy ones after their streams; whoever still waits is served first.
  void drain();
  /// The connections there are now end when nobody uses them; others may take their place.
  void drain_existing();
  bool empty() const { return connections_ == 0; }
  /// A connection is there that could take a stream.
  bool has_ready() const { return !ready_.empty(); }
  /// Nobody waits either.
  bool unused() const { return connections_ == 0 && waiting_ == 0; }
  /// Whether it is one of the pools that circuit breakers count.
  bool counted() const { return pool_lease_.held(); }

  const PoolContext& context() const { return context_; }
  const ClusterSpec& spec() const { return *context_.cluster.spec; }
  const Endpoint& endpoint() const { return *endpoint_; }
  EndpointStats& endpoint_stats() { return endpoint_stats_; }
  std::optional<http::Protocol> protocol() const { return protocol_; }
  const Transport& transport() const { return transport_; }
  const ConnectionWishes& wishes() const { return wishes_; }

 private:
  friend class ClientConnection;
  /// `arriving`: requests that are about to begin on a ready connection.
  void maybe_connect(size_t arriving = 0);
  bool connect();
  size_t streams_of_new_connection() const {
    return expected_ == http::Protocol::kHttp2 ? spec().http2.max_concurrent_streams : 1;
  }
  void serve_waiters();
  PoolWaiter& take_first(List<PoolWaiter>& waiters);
  void stop_counting(PoolWaiter& waiter);
  void use();
  void rest();
  // From the connections:
  void on_connection_connected(ClientConnection& connection);
  void on_connection_ready(ClientConnection& connection);
  void on_connection_failed(ClientConnection& connection, const PoolFailure& failure);
  void on_connection_gone(ClientConnection& connection);

  PoolContext context_;
  const EndpointPtr endpoint_;  // as it was described when the pool was made
  EndpointStats& endpoint_stats_;
  const std::optional<http::Protocol> protocol_;
  const Transport& transport_;
  const ConnectionWishes wishes_;
  http::Protocol expected_ = http::Protocol::kHttp11;  // what the next connection will probably speak
  CircuitBreakers& breakers_;
  const uint32_t most_connections_per_host_;
  Budget::Lease pool_lease_;      // while it has connections, or somebody waits for one
  List<ClientConnection> ready_;  // most recently used first
  List<ClientConnection> others_;
  List<PoolWaiter> waiters_;
  size_t waiting_ = 0;
  size_t connections_ = 0;
  size_t connecting_ = 0;
  bool leaving_ = false;  // connections end when nobody needs them any more
  bool ending_ = false;   // no further connection is opened
};

}  // namespace weir::upstream
