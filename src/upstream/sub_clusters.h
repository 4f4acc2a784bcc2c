// SubClusters: the clusters that a dynamic forward proxy has, one for each host that requests name. Workers say which one they
// want and wait until it is there; main makes them and lets go of those that nobody uses.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "upstream/forward_proxy.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Whoever waits for a sub cluster. On its own thread.
class SubClusterWaiter {
 public:
  /// `there`: it can be used now; else there are too many.
  virtual void on_sub_cluster(bool there) = 0;

 protected:
  ~SubClusterWaiter() = default;
};

class SubClusters : public std::enable_shared_from_this<SubClusters> {
 public:
  struct Callbacks {
    /// A cluster of that name is wanted; made() says when workers can use it.
    std::function<void(const std::string& name, const HostPort& target)> make;
    /// Nobody has used it for long.
    std::function<void(const std::string& name)> drop;
  };

  /// Main thread. `loop` is main's and outlives this.
  SubClusters(loop::EventLoop& loop, SubClustersSpec spec, Callbacks callbacks);
  ~SubClusters();

  // --- any worker ---

  /// A wish to hear of a cluster; destroying it withdraws it.
  class Wait;
  struct WaitDeleter {
    void operator()(Wait* wait) const;
  };
  using WaitPtr = std::unique_ptr<Wait, WaitDeleter>;
  enum class State : uint8_t { kReady, kAwaited, kTooMany };
  struct Found {
    State state;
    WaitPtr wait;  // of what is awaited
  };
  /// `loop`: of the worker, where `waiter` will be told.
  Found want(const HostPort& target, loop::EventLoop& loop, SubClusterWaiter& waiter);
  /// The number of the cluster of that name, if it can be used.
  std::optional<uint32_t> find(const std::string& name) const;

  // --- main ---

  /// All workers were told of it.
  void made(const std::string& name, uint32_t id);
  /// It is gone; whoever wants it again gets a new one.
  void forget(const std::string& name);
  std::vector<std::string> names() const;
  /// The cluster that these belong to is gone: no more are made.
  void close() { closed_ = true; }

 private:
  struct Waiting;
  struct Known {
    std::optional<uint32_t> id;  // nothing: it is being made
    std::shared_ptr<std::atomic<MonotonicNs>> used;
  };
  struct Entry {
    Known known;
    std::vector<std::shared_ptr<Waiting>> waiting;
  };
  using AllKnown = std::unordered_map<std::string, Known>;

  void make(const std::string& name, const HostPort& target, std::shared_ptr<Waiting> waiting);
  void tell(std::vector<std::shared_ptr<Waiting>>& waiting, bool there);
  void on_sweep();
  void publish();

  loop::EventLoop& loop_;
  const SubClustersSpec spec_;
  const Callbacks callbacks_;
  std::map<std::string, Entry> entries_;
  std::atomic<std::shared_ptr<const AllKnown>> known_;
  loop::Timer sweep_timer_;
  bool closed_ = false;
};
using SubClustersPtr = std::shared_ptr<SubClusters>;

}  // namespace weir::upstream
