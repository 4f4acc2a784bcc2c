// Fleet: all workers and the listeners they serve; what the configuration says becomes sockets and threads here.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "control/context.h"
#include "observe/log_file.h"
#include "proxy/listener.h"
#include "proxy/worker.h"
#include "stats/registry.h"

namespace weir::main {

/// Main thread only.
class Fleet final : public control::Publisher {
 public:
  /// Connections of listeners that are gone may stay for `drain_time` ns; if `gradually`, they are asked to leave little by
  /// little.
  Fleet(size_t workers, const proxy::LocalIdentity& identity, observe::LogFiles& logs, const proxy::Overload& overload,
        stats::Registry& registry, int64_t drain_time, bool gradually);
  ~Fleet() override;

  /// Starts the threads; they take connections once a snapshot was published.
  void start(int64_t log_flush_interval_ms);
  /// Ends them; connections still open are closed.
  void stop();

  // --- control::Publisher ---
  Result<> prepare(const proxy::ListenerSpecPtr& listener) override;
  void publish(proxy::SnapshotPtr snapshot) override;
  void accept_connections(bool accept) override;
  void publish_endpoints(uint32_t cluster_id, upstream::EndpointSetPtr endpoints) override;

  /// No more connections (of inbound listeners only, if `inbound_only`); those that are open go on. How many listeners stopped.
  size_t stop_listening(bool inbound_only);
  /// While set, every response says that its connection ends.
  void set_draining(bool draining);
  /// Responses say close, GOAWAYs are sent; `at_once`, or as it was said at the start.
  void drain(bool at_once);

  /// Closes what is left of listeners whose drain time is over. Call it now and then.
  void sweep(MonotonicNs now);

  const std::vector<proxy::ListenerStatePtr>& listeners() const { return listeners_; }
  int64_t connections() const { return connections_.load(); }
  size_t size() const { return workers_.size(); }

 private:
  struct Retired {
    proxy::ListenerStatePtr state;
    MonotonicNs deadline;
  };
  void open(const proxy::ListenerSpecPtr& spec);
  void retire(size_t index);

  stats::Registry& registry_;
  std::atomic<int64_t> connections_ = 0;
  std::vector<std::unique_ptr<proxy::Worker>> workers_;
  std::map<proxy::ListenerSpecPtr, std::shared_ptr<proxy::ListenSockets>> prepared_;
  std::vector<proxy::ListenerStatePtr> listeners_;
  std::set<proxy::ListenerStatePtr> stopped_;
  stats::Registry::Registration mirrors_registration_;
  std::vector<stats::Registry::Registration> registrations_;  // of listeners_
  std::vector<Retired> retired_;
  const int64_t drain_time_;
  const int64_t drain_spread_;
  bool listening_ = true;
};

}  // namespace weir::main
