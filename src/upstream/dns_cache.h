// DnsCache: addresses of hosts that requests name, for dynamic forward proxies. Main looks names up and keeps them fresh; workers
// read what is known, and wait for what is not.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/resolver.h"
#include "stats/registry.h"
#include "upstream/budget.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Counted by main but for the overflows.
struct DnsCacheStats {
  stats::Counter dns_query_attempt, dns_query_failure, dns_query_success, dns_query_timeout, host_added, host_address_changed,
      host_removed, cache_load;
  stats::Gauge num_hosts;
};
struct DnsCacheWorkerStats {
  stats::Counter host_overflow, dns_rq_pending_overflow;
};

/// What is known of one host; immutable but for when it was used.
struct CachedHost {
  std::string name;         // "host:port"
  net::AddressPtr address;  // null: it could not be found
  std::string details;      // why not
  std::shared_ptr<std::atomic<MonotonicNs>> used;
};
using CachedHostPtr = std::shared_ptr<const CachedHost>;

/// Whoever waits for a name. On its own thread.
class DnsWaiter {
 public:
  virtual void on_resolved(const CachedHost& host) = 0;

 protected:
  ~DnsWaiter() = default;
};

class DnsCache : public std::enable_shared_from_this<DnsCache> {
 public:
  /// Main thread. `resolver` and `loop` outlive the cache; `loop` is main's.
  DnsCache(loop::EventLoop& loop, net::Resolver& resolver, DnsCacheSpec spec, stats::Registry& registry, size_t workers);
  ~DnsCache();

  const DnsCacheSpec& spec() const { return spec_; }

  // --- any worker ---

  /// One request's part in the limit of requests that look names up.
  Budget::Lease enter() { return pending_.take(); }
  /// Whether there is room for another one; counted if not.
  bool has_room(size_t worker);

  /// A wish to hear of a name; destroying it withdraws it.
  class Wait;
  struct WaitDeleter {
    void operator()(Wait* wait) const;
  };
  using WaitPtr = std::unique_ptr<Wait, WaitDeleter>;
  struct Found {
    CachedHostPtr host;  // null: it is not known yet
    WaitPtr wait;        // while it is looked up; null if there are too many hosts
  };
  /// `loop`: of the worker, where `waiter` will be told.
  Found look_up(const std::string& name, loop::EventLoop& loop, size_t worker, DnsWaiter& waiter);

  // --- main ---

  /// Looks up what the configuration names.
  void start();
  /// Called whenever a host came, went, or moved, until the subscription is destroyed.
  using Subscription = std::shared_ptr<std::function<void()>>;
  Subscription subscribe(std::function<void()> on_change);
  /// All hosts with an address, by name.
  std::vector<CachedHostPtr> hosts() const;

 private:
  struct Waiting;
  struct Entry;
  using Known = std::unordered_map<std::string, CachedHostPtr>;

  void want(const std::string& name, std::shared_ptr<Waiting> waiting);
  void ask(Entry& entry);
  void start_query(Entry& entry, net::AddressFamily family);
  void on_answer(Entry& entry, Result<net::Resolver::Answer> answer);
  void on_timeout(Entry& entry);
  void settle(Entry& entry, net::AddressPtr address, std::string details, int64_t next_ms);
  void on_refresh(Entry& entry);
  void tell(Entry& entry);
  int64_t failed_again_ms(Entry& entry);
  void publish(bool moved);

  loop::EventLoop& loop_;
  net::Resolver& resolver_;
  const DnsCacheSpec spec_;
  DnsCacheStats stats_;
  stats::Sharded<DnsCacheWorkerStats> worker_stats_;
  Budget pending_;
  std::vector<stats::Registry::Registration> registrations_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::atomic<size_t> count_ = 0;  // of entries
  std::atomic<std::shared_ptr<const Known>> known_;
  std::vector<std::weak_ptr<std::function<void()>>> subscribers_;
};
using DnsCachePtr = std::shared_ptr<DnsCache>;

}  // namespace weir::upstream
