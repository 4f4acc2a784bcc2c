// Listeners: the sockets of a listener, what all workers share of it, and one worker's accepting.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/event_loop.h"
#include "net/tls/tls_stats.h"
#include "proxy/connection.h"
#include "proxy/http_stats.h"
#include "proxy/listener_spec.h"
#include "proxy/pending_connection.h"

namespace weir::proxy {

class Worker;

/// Bound sockets, one for each worker and address. Kept by every listener that uses them, so that a listener can be replaced
/// without losing a connection that waits to be accepted.
class ListenSockets {
 public:
  /// Binds and listens; on failure nothing stays open.
  static Result<std::shared_ptr<ListenSockets>> open(const ListenerSpec& spec, size_t workers);
  ~ListenSockets();

  const std::vector<int>& of_worker(size_t worker) const { return fds_[worker]; }
  /// On that worker's thread, when it accepts no more.
  void close_worker(size_t worker);
  /// Where they really are bound (a configured port 0 has become a real one).
  const std::vector<net::AddressPtr>& addresses() const { return addresses_; }
  /// Whether a new listener with this specification could use them.
  bool fit(const ListenerSpec& spec) const;

 private:
  ListenSockets() = default;
  std::vector<std::vector<int>> fds_;
  std::vector<net::AddressPtr> addresses_;
  std::vector<net::AddressPtr> configured_;
  bool reuse_port_ = true;
  bool bound_ = true;
};

/// Connections are asked to leave: all at once, or more and more of them until `spread` ns are over, so that their clients do not
/// all come back in one moment.
struct Drain {
  MonotonicNs began = 0;
  int64_t spread = 0;

  bool strikes(MonotonicNs now, Random& random) const {
    return spread <= 0 || now - began >= spread ||
           random.below(static_cast<uint64_t>(spread)) < static_cast<uint64_t>(now - began);
  }
};

/// One listener in operation, as all workers see it.
struct ListenerState {
  ListenerState(ListenerSpecPtr spec, std::shared_ptr<ListenSockets> sockets, size_t workers);

  const ListenerSpecPtr spec;
  const std::shared_ptr<ListenSockets> sockets;
  stats::Sharded<ListenerStats> stats;
  struct HttpShare {
    std::string stat_prefix;
    std::unique_ptr<stats::Sharded<ListenerHttpStats>> stats;
  };
  std::vector<HttpShare> http;                               // one for each stat_prefix used in it
  std::unique_ptr<stats::Sharded<net::TlsStats>> tls_stats;  // null if no filter chain has TLS
  std::atomic<int64_t> connections = 0;
  std::vector<std::atomic<int64_t>> connections_of_worker;  // for exact balance
  std::vector<Worker*> balance_among;                       // all workers, if the listener balances exactly
};
using ListenerStatePtr = std::shared_ptr<ListenerState>;

/// One worker's part of a listener.
class ActiveListener final : private loop::NextTurn {
 public:
  ActiveListener(Worker& worker, ListenerStatePtr state);
  ~ActiveListener();

  void start();
  /// Accepts no more; connections stay. With `close_sockets` those who wait are still taken, and then this worker's sockets are
  /// closed, so that new connections are refused.
  void stop(bool close_sockets);
  /// Stopped, and no connection is left that could refer to it.
  bool finished() const { return stopped() && open_connections_ == 0 && pending_.empty() && from_within_.empty(); }
  bool stopped() const { return stopped_; }

  const ListenerStatePtr& state() const { return state_; }
  const ListenerSpec& spec() const { return *state_->spec; }
  ListenerStats& stats() { return stats_; }
  size_t worker_index() const;
  ListenerHttpStats& http_stats(const HttpConnectionSpec& spec);

  /// Its connections are to leave.
  void drain(Drain drain) { draining_ = drain; }
  /// Whether the connection that is asking shall end.
  bool leaves();
  /// Those who had to wait while the worker did not accept.
  void accept_all();
  /// Whether it is the listener of connections to that address: exactly, or (`any`) of all addresses with that port.
  bool serves(const net::Address& destination, bool any) const;
  /// A socket that was accepted, here or by another worker on our behalf.
  void take_socket(int fd);
  /// A connection that another listener accepted and that is meant for this one (use_original_dst).
  void take_over(std::unique_ptr<net::ByteStream> stream, int fd, format::ConnectionInfo info);
  /// A connection from within the process, to `address`, which names this listener; what is returned is its other end.
  std::unique_ptr<net::ByteStream> connect_internal(const net::AddressPtr& address);
  /// `info`: what is known of it as a stream of its own, where it is one.
  void on_connection_gone(const Connection& connection, MonotonicNs opened_at, const format::StreamInfo* info = nullptr);
  /// The listener filters are through with a connection, or have given it up.
  void on_filtered(PendingConnection& pending, std::unique_ptr<net::ByteStream> stream, format::ConnectionInfo info,
                   const ListenerFindings& findings);
  void on_pending_gone(PendingConnection& pending);

 private:
  class Acceptor;
  bool has_room();
  void enter(Accepted accepted, const FilterChain& chain);
  template <class Opened>
  void let_in(Opened& connection, const FilterChain& chain);
  void turn_away(std::unique_ptr<net::ByteStream> stream);
  void encrypt(Accepted& accepted, const FilterChain& chain);
  void log(const format::ConnectionInfo& connection, MonotonicNs opened_at, bool matched,
           const format::StreamInfo* known = nullptr);
  void open_connection(int fd, net::AddressPtr local, net::AddressPtr remote);
  /// `handed_over`: another listener accepted it and found that it was meant for this one.
  void filter_connection(std::unique_ptr<net::ByteStream> stream, int fd, format::ConnectionInfo info, bool handed_over);
  void uncount_for_balance();
  void on_next_turn() override;
  void choose_chain(std::unique_ptr<net::ByteStream> stream, format::ConnectionInfo info, const ListenerFindings* findings);

  Worker& worker_;
  ListenerStatePtr state_;
  ListenerStats& stats_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  List<PendingConnection> pending_;
  std::vector<std::unique_ptr<net::ByteStream>> from_within_;  // to an internal listener, taken in the next turn
  Entrances entrances_;
  size_t open_connections_ = 0;
  bool stopped_ = false;
  std::optional<Drain> draining_;
};

}  // namespace weir::proxy
