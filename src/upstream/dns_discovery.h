// DnsDiscovery: keeps the endpoints of a STRICT_DNS or LOGICAL_DNS cluster what DNS says. Main thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "net/resolver.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

/// Asks for every name of the cluster, again and again. What was known is kept while a server fails to answer; a name that
/// does not exist (any more) has no endpoints.
class DnsDiscovery {
 public:
  /// The cluster's endpoints are new.
  using OnEndpoints = std::function<void(EndpointSetPtr)>;

  /// `on_warm` is called once, in a later turn: when a name was found, or when an answer came for each.
  DnsDiscovery(loop::EventLoop& loop, net::Resolver& resolver, ClusterState& cluster, OnEndpoints on_endpoints,
               std::function<void()> on_warm);

  bool warm() const { return warm_; }

 private:
  struct Name {
    Name(DnsDiscovery& owner, size_t locality, const EndpointSpec& spec);
    void refresh() { owner.ask(*this); }

    DnsDiscovery& owner;
    size_t locality;  // in the assignment
    const EndpointSpec& spec;
    bool second_family = false;  // under way: the family that is asked when the first one has nothing
    bool answered = false;
    uint32_t failures = 0;  // in a row
    std::vector<net::AddressPtr> addresses;
    net::Resolver::QueryPtr query;
    loop::Timer timer;
  };

  void ask(Name& name);
  void start_query(Name& name, net::AddressFamily family);
  void on_answer(Name& name, Result<net::Resolver::Answer> answer);
  void take(Name& name, const net::Resolver::Answer& answer);
  void publish();
  void become_warm(bool found);
  int64_t next_refresh_ms(const Name& name, const Result<net::Resolver::Answer>& answer);

  loop::EventLoop& loop_;
  net::Resolver& resolver_;
  ClusterState& cluster_;
  const ClusterSpec& spec_;
  OnEndpoints on_endpoints_;
  std::function<void()> on_warm_;
  bool warm_ = false;
  std::vector<std::unique_ptr<Name>> names_;
};

}  // namespace weir::upstream
