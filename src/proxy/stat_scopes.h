// StatScopes: the counters that several configurations share because they have the same stat_prefix.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "proxy/http_stats.h"
#include "proxy/tcp_proxy_spec.h"
#include "stats/registry.h"
#include "stats/scopes.h"

namespace weir::proxy {

struct ListenerFilterStats;

/// Gives everybody who names the same prefix the same counters, and shows them in the registry for as long as somebody holds
/// them. Main thread only; the registry must outlive all counters given out.
class StatScopes {
 public:
  StatScopes(stats::Registry& registry, size_t workers) : registry_(registry), workers_(workers), all_(registry, workers) {}

  /// `http.<prefix>.*`
  std::shared_ptr<stats::Sharded<HttpStats>> http(const std::string& prefix);
  /// `tcp.<prefix>.*`
  std::shared_ptr<stats::Sharded<TcpProxyStats>> tcp(const std::string& prefix);

  /// What a router counts, for requests that Weir makes itself, below `prefix`: nothing, but the names are looked for.
  void router_names(const std::string& prefix);

  /// Counters by any other name.
  stats::Scopes& all() { return all_; }
  /// `tls_inspector.*`, `http_inspector.*`, `proxy_proto.*` or `proxy_proto.<prefix>.*`.
  std::shared_ptr<stats::Sharded<ListenerFilterStats>> listener_filter(const std::string& name);

  size_t workers() const { return workers_; }

 private:
  stats::Registry& registry_;
  const size_t workers_;
  stats::Scopes all_;
  std::map<std::string, stats::Registry::Registration> router_names_;
  std::map<std::string, std::weak_ptr<stats::Sharded<HttpStats>>> http_;
  std::map<std::string, std::weak_ptr<stats::Sharded<TcpProxyStats>>> tcp_;
  std::map<std::string, std::weak_ptr<stats::Sharded<ListenerFilterStats>>> listener_filters_;
};

}  // namespace weir::proxy
