// Worker: one thread with its loop, its listeners' sockets, its connections and its view of the clusters. Shares nothing it
// writes.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/list.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "observe/log_file.h"
#include "proxy/connection.h"
#include "proxy/http_stats.h"
#include "proxy/listener.h"
#include "proxy/mirror.h"
#include "proxy/overload.h"
#include "proxy/pipeline.h"
#include "proxy/request_rules.h"
#include "proxy/snapshot.h"
#include "upstream/cluster.h"

namespace weir::proxy {

class Worker final : private upstream::InternalListeners {
 public:
  /// `identity`, `logs` and `overload` outlive the worker. `connections` counts those of all workers.
  Worker(size_t index, uint64_t random_seed, const LocalIdentity& identity, observe::LogFiles& logs, const Overload& overload,
         std::atomic<int64_t>& connections);
  ~Worker();

  // --- from the main thread ---
  void start(int64_t log_flush_interval_ms);
  /// Ends the thread; connections still open are closed.
  void stop();
  /// These post to the worker's mailbox.
  void adopt(SnapshotPtr snapshot);
  void adopt_endpoints(uint32_t cluster_id, upstream::EndpointSetPtr endpoints);
  void listen(ListenerStatePtr listener);
  /// Another worker accepted a socket of an exactly balanced listener for us.
  void take_balanced(ListenerStatePtr listener, int fd);
  /// Stops accepting for a listener; its connections go on, or drain. `close_sockets`: nobody will take the sockets over.
  /// For a drain, see Drain.
  void stop_listening(ListenerStatePtr listener, std::optional<Drain> drain, bool close_sockets);
  /// Ends what connections a listener still has.
  void close_connections(ListenerStatePtr listener);
  /// While set, every response says that its connection ends (a failed health check).
  void set_draining(bool draining);
  /// While not, new connections wait in the backlog of their sockets.
  void set_accepting(bool accepting);
  /// Everything drains: responses say close, GOAWAYs are sent.
  void drain(Drain drain);
  loop::EventLoop& loop() { return loop_; }
  /// What is counted about the copies for mirrors, as if a proxy of their own had sent them (http.async-client.*).
  HttpStats& mirror_stats() { return mirror_stats_; }

  // --- on the worker's own thread ---
  size_t index() const { return index_; }
  /// Whether the connection that is asking shall end.
  bool leaves() { return draining_ && draining_->strikes(loop_.now(), random_); }
  bool accepting() const { return accepting_; }
  /// The operator asked for it.
  bool fails_health_checks() const { return fails_health_checks_; }
  const Overload& overload() const { return overload_; }
  Random& random() { return random_; }
  uint64_t draw() { return random_.next(); }
  /// Connections of all workers.
  int64_t connections() const { return connection_count_.load(std::memory_order_relaxed); }
  const LocalIdentity& identity() const { return identity_; }
  uint64_t next_stream_id() { return random_.next(); }
  uint64_t next_connection_id() { return next_connection_id_++ * 1024 + index_; }
  /// Whose a connection to that address is: the listener of exactly that address, or else of all addresses with its port; or
  /// null.
  ActiveListener* listener_at(const net::Address& destination);
  /// The cluster with this number, made when first asked for; null if there is none.
  upstream::Cluster* cluster(uint32_t id);
  upstream::Cluster* cluster(std::string_view name);
  /// The DNS cache of that name; null if no cluster has it.
  std::shared_ptr<upstream::DnsCache> dns_cache(std::string_view name);
  Pipeline& take_pipeline();
  void give_back_pipeline(Pipeline& pipeline);
  /// The Date line's value (RFC 9110 §5.6.7), kept for a second.
  std::string_view date();
  void add(std::unique_ptr<Connection> connection);
  void remove(Connection& connection);
  Mirror& add(std::unique_ptr<Mirror> mirror);
  /// It has ended; destroyed when the turn ends.
  void remove(Mirror& mirror);
  observe::LogFiles& logs() { return logs_; }

 private:
  std::unique_ptr<net::ByteStream> connect(const net::AddressPtr& address) override;
  void run();
  void take_latest_snapshot();
  void retire(std::unique_ptr<upstream::Cluster> cluster);
  void sweep_later();
  void sweep();
  void flush_logs();

  const size_t index_;
  const LocalIdentity& identity_;
  observe::LogFiles& logs_;
  const Overload& overload_;
  HttpStats mirror_stats_;
  std::atomic<int64_t>& connection_count_;
  loop::EventLoop loop_;
  Random random_;
  uint64_t next_connection_id_ = 0;
  uint64_t next_upstream_connection_id_ = 1;

  std::atomic<SnapshotPtr> latest_;  // written by main
  SnapshotPtr snapshot_;
  std::vector<std::unique_ptr<upstream::Cluster>> clusters_;
  std::unordered_map<std::string_view, uint32_t> cluster_ids_;  // of snapshot_, filled when first needed
  std::unordered_map<std::string_view, std::shared_ptr<upstream::DnsCache>> dns_caches_;  // the same
  std::vector<std::unique_ptr<upstream::Cluster>> retired_;
  std::vector<std::unique_ptr<ActiveListener>> listeners_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;  // all there are
  std::vector<Pipeline*> free_pipelines_;
  List<Connection> connections_;
  List<Mirror> mirrors_;
  std::optional<Drain> draining_;
  bool accepting_ = true;
  bool fails_health_checks_ = false;

  int64_t date_second_ = 0;
  char date_[32];
  int64_t log_flush_interval_ms_ = 10'000;
  loop::Timer log_timer_, sweep_timer_;
  std::thread thread_;
};

}  // namespace weir::proxy
