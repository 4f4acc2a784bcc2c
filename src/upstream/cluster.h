// Cluster: one worker's view of a cluster: its hosts with their connection pools, and the choice among them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/list.h"
#include "upstream/balancer.h"
#include "upstream/cluster_state.h"
#include "upstream/pool.h"

namespace weir::upstream {

class Cluster;
class TcpConnection;

/// The list of connections that end when their endpoint is found failing.
struct EndsWithEndpoint;

/// One endpoint as one worker uses it.
struct Host {
  /// `zone`: what is counted of answers from the endpoint's zone; null where the proxy does not know its own.
  Host(Cluster& owner, EndpointPtr endpoint, EndpointStats& stats, AnswerStats* zone)
      : owner(owner), endpoint(std::move(endpoint)), stats(stats), zone(zone) {}
  Cluster& owner;
  EndpointPtr endpoint;  // as it is described now
  EndpointStats& stats;
  AnswerStats* zone;
  bool failed = false;                          // checks say so: no use of its connections any more
  std::unique_ptr<Pool> pools[3][kPriorities];  // by protocol (HTTP/1, HTTP/2, ALPN decides) and priority
  std::map<std::string, std::unique_ptr<Pool>, std::less<>> named_pools;  // for requests with wishes of their own

  template <class F>
  void for_each_pool(F&& f) {
    for (auto& row : pools) {
      for (auto& pool : row) {
        if (pool != nullptr) f(*pool);
      }
    }
    for (auto& [key, pool] : named_pools) f(*pool);
  }
  bool idle() {
    bool result = true;
    for_each_pool([&](Pool& pool) { result = result && pool.empty(); });
    return result;
  }
};

class Cluster {
 public:
  /// The worker's cluster with a number; null if there is none.
  using Find = std::function<Cluster*(uint32_t)>;

  /// Only an aggregate cluster needs `find`.
  Cluster(loop::EventLoop& loop, ClusterStatePtr state, size_t worker, uint64_t& next_connection_id,
          InternalListeners* internal_listeners = nullptr, Find find = {});
  ~Cluster();

  const ClusterSpec& spec() const { return *state_->spec; }
  const ClusterStatePtr& state() const { return state_; }
  ClusterStats& stats() { return stats_; }
  const PoolContext& context() const { return context_; }

  /// Where answers from that zone are counted; null where the proxy does not know its own.
  AnswerStats* zone_stats(std::string_view zone) {
    const Locality* own = spec().own_locality.get();
    return own == nullptr || own->zone.empty() ? nullptr : &stats_.zones.of(zone);
  }

  /// The host for the next request; null if there is none that may be used. It may belong to another cluster, for which this one
  /// stands.
  Host* choose(PickContext& context);
  /// The share of all requests that shall be refused, for the service is overloaded.
  double drop_share() const { return endpoints_ == nullptr ? 0 : endpoints_->drop_share; }
  /// The pool to reach a host by; made when first asked for. `downstream` decides for clusters that follow it.
  /// Null if the circuit breaker for pools forbids another one.
  Pool* pool(Host& host, http::Protocol downstream, Priority priority, const ConnectionWishes& wishes = {});

  /// The endpoints changed: hosts that stay keep their connections, those that went drain.
  void update(EndpointSetPtr endpoints);
  /// The cluster was removed or replaced: finish what is under way.
  void drain();
  /// Nothing is left that could still call us.
  bool idle() const;

  /// Requests that hold on to this cluster.
  size_t users = 0;
  /// If the cluster asks for that.
  void watch_for_failure(TcpConnection& connection);

 private:
  /// A host that only exists because a request wants to go there.
  struct Dialled {
    std::unique_ptr<Host> host;
    bool used = true;  // since the last sweep
  };
  /// A priority of a cluster that this one stands for.
  struct MemberLevel {
    Cluster* cluster = nullptr;
    uint32_t priority = 0;
  };
  Host* choose_of_members(PickContext& context);
  void look_at_members();
  Host* choose_by_name(PickContext& context);
  Host* choose_of_sub_cluster(const std::string& wanted, PickContext& context);
  Host* host_named(std::string_view name);
  Host* dial(PickContext& context);
  EndpointPtr dialled_before(const net::AddressPtr& address);
  void sweep_dialled();
  void follow(const std::vector<EndpointPtr>& before, const std::vector<EndpointPtr>& endpoints);
  void leave(std::unique_ptr<Host> host);
  void leave_failed();
  Host* host_at(std::string_view address);
  Host* overridden(PickContext& context);
  Pool* named_pool(Host& host, size_t kind, std::optional<http::Protocol> protocol, Priority priority,
                   const ConnectionWishes& wishes);
  bool may_use_another_pool(Priority priority);
  void preconnect(http::Protocol downstream, Priority priority);

  loop::EventLoop& loop_;
  ClusterStatePtr state_;
  ClusterStats& stats_;
  PoolContext context_;
  EndpointSetPtr endpoints_;
  BalancingPlanPtr plan_;
  std::vector<std::unique_ptr<Host>> hosts_;  // in the order of the set
  std::vector<std::unique_ptr<Host>> leaving_;
  std::unordered_map<std::string_view, Host*> by_address_;  // filled when a host is first asked for by its address
  std::unordered_map<std::string_view, Host*> by_name_;     // of a dynamic forward proxy
  std::unordered_map<std::string, Dialled> dialled_;
  MonotonicNs last_sweep_ = 0;
  const Find find_;
  std::vector<std::pair<Cluster*, const void*>> seen_members_;  // with their plans, when the following was worked out
  std::vector<MemberLevel> member_levels_;                      // one after the other
  PriorityLoad member_load_;                                    // of these
  std::unique_ptr<Balancer> balancer_;
  bool preconnecting_ = false;
  std::deque<Host*> peeked_;  // chosen in advance, to have connections ready
  List<TcpConnection, EndsWithEndpoint> end_with_endpoints_;
};

}  // namespace weir::upstream
