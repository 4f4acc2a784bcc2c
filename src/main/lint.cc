#include "main/lint.h"

#include <algorithm>
#include <set>
#include <string>

#include "route/explain.h"
#include "route/shadow.h"

namespace weir::main {

namespace {

class Lint {
 public:
  Lint(const DryRun& configuration, config::Diagnostics& diagnostics)
      : configuration_(configuration), diagnostics_(diagnostics) {}

  void run() {
    admin();
    for (const auto& [name, cluster] : configuration_.clusters()) this->cluster(cluster);
    for (const DryRun::Listener& listener : configuration_.listeners()) {
      for (const proxy::FilterChain& chain : listener.spec->chains) {
        const auto* http = std::get_if<std::shared_ptr<const proxy::HttpConnectionSpec>>(&chain.terminal);
        if (http != nullptr) connections(**http, listener.place);
      }
    }
  }

 private:
  void warn(const DryRun::Place& place, const std::string& below, std::string message, std::string hint) {
    const std::string path = place.path + (below.empty() || place.path.empty() ? "" : ".") + below;
    diagnostics_.warning({DryRun::Place{path, place.positions}.position(), path, std::move(message), std::move(hint)});
  }

  void admin() {
    const net::AddressPtr& address = configuration_.bootstrap().admin_address;
    if (address == nullptr || (address->ip() != "0.0.0.0" && address->ip() != "::")) return;
    warn(configuration_.place_in_bootstrap("admin"), "address",
         "the admin pages listen on every interface: whoever reaches " + address->text() +
             " can read the configuration and end the process",
         "listen on 127.0.0.1 or on a unix socket");
  }

  void cluster(const DryRun::Cluster& cluster) {
    using upstream::DiscoveryType;
    const bool has_endpoints = std::ranges::any_of(
        cluster.assignment.localities, [](const upstream::LocalityEndpoints& each) { return !each.endpoints.empty(); });
    if (has_endpoints || cluster.spec->discovery == DiscoveryType::kEds ||
        cluster.spec->discovery == DiscoveryType::kOriginalDst || cluster.spec->discovery == DiscoveryType::kAggregate ||
        cluster.spec->discovery == DiscoveryType::kDynamicForwardProxy) {
      return;
    }
    warn(cluster.place, "",
         "the cluster " + config::quoted(cluster.spec->name) + " has no endpoints: every request to it gets 503",
         "give load_assignment endpoints");
  }

  void connections(const proxy::HttpConnectionSpec& spec, const DryRun::Place& listener) {
    if (spec.idle_timeout_ms == 0 && spec.max_connection_duration_ms == 0) {
      warn(listener, "",
           "idle connections of " + config::quoted(spec.stat_prefix) + " are never closed, also those of vanished clients",
           "give common_http_protocol_options.idle_timeout");
    }
    if (spec.routes != nullptr) return routes(spec, spec.routes->table());
    if (spec.scopes == nullptr || spec.scopes->scopes() == nullptr) return;
    for (const route::Scopes::Scope& scope : spec.scopes->scopes()->list()) routes(spec, scope.routes->table());
  }

  void routes(const proxy::HttpConnectionSpec& spec, const route::RouteTablePtr& table) {
    const DryRun::Place* place = table == nullptr ? nullptr : configuration_.place_of(table.get());
    if (place == nullptr) return;
    const bool stays_forever = spec.stream_idle_timeout_ms == 0 && spec.max_stream_duration_ms == 0;
    if (!seen_.insert({table.get(), stays_forever}).second) return;
    const bool first = !seen_.contains({table.get(), !stays_forever});
    const std::vector<route::VirtualHost>& hosts = table->config().virtual_hosts;
    for (size_t i = 0; i < hosts.size(); ++i) {
      const std::string host = "virtual_hosts[" + std::to_string(i) + "]";
      if (first) virtual_host(hosts[i], *place, host);
      for (size_t j = 0; j < hosts[i].routes.size(); ++j) {
        const std::string route = host + "." + route::path_of(hosts[i], j);
        timeouts(hosts[i].routes[j], stays_forever, *place, route);
        if (first) clusters(hosts[i].routes[j], *place, route);
      }
    }
  }

  void virtual_host(const route::VirtualHost& host, const DryRun::Place& place, const std::string& below) {
    if (host.routes.empty() && host.matcher.empty() && host.require_tls == route::TlsRequirement::kNone) {
      warn(place, below, "the virtual host " + config::quoted(host.name) + " has no routes: every request for it gets 404",
           "give it routes, or remove it");
    }
    for (const route::Shadow& shadow : route::find_shadows(host)) {
      const route::Route& by = host.routes[shadow.by];
      warn(place, below + "." + route::path_of(host, shadow.route),
           "this route can never be reached: " + route::path_of(host, shadow.by) +
               (by.name.empty() ? "" : " (" + config::quoted(by.name) + ")") + " comes first and takes all that it matches, " +
               route::describe(by.match),
           "put it before that route, or remove it");
    }
  }

  void timeouts(const route::Route& route, bool streams_stay_forever, const DryRun::Place& place, const std::string& below) {
    const route::Forward* forward = route.forward();
    if (forward == nullptr || forward->timeout_ms != 0) return;
    const route::TimeLimits& limits = *forward->time_limits;
    if (limits.max_stream_duration_ms.value_or(0) != 0) return;
    const bool stays_forever = limits.idle_timeout_ms ? *limits.idle_timeout_ms == 0 : streams_stay_forever;
    if (!stays_forever) return;
    warn(place, below + ".route.timeout",
         "neither a timeout nor an idle timeout: a request whose upstream never answers stays for ever",
         "give idle_timeout here or stream_idle_timeout in the connection manager");
  }

  /// Where routes may come before their clusters (RDS), a misspelt name is no error.
  void clusters(const route::Route& route, const DryRun::Place& place, const std::string& below) {
    const route::Forward* forward = route.forward();
    if (forward == nullptr) return;
    const auto ask = [&](const std::string& name, const std::string& where) {
      if (name.empty() || configuration_.cluster(name) != nullptr || configuration_.clusters().empty() ||
          configuration_.diagnostics().failed())
        return;
      std::vector<std::string_view> names;
      for (const auto& [known, cluster] : configuration_.clusters()) names.push_back(known);
      const std::string near = config::nearest(name, names);
      warn(place, below + where,
           "there is no cluster " + config::quoted(name) + ": these requests get " +
               std::to_string(forward->cluster_not_found_status),
           near.empty() ? "" : "did you mean " + near + "?");
    };
    if (const auto* cluster = std::get_if<route::ClusterRef>(&forward->cluster)) ask(cluster->name, ".route.cluster");
    if (const auto* several = forward->weighted_clusters()) {
      for (size_t i = 0; i < several->entries.size(); ++i) {
        ask(several->entries[i].cluster.name, ".route.weighted_clusters.clusters[" + std::to_string(i) + "].name");
      }
    }
  }

  const DryRun& configuration_;
  config::Diagnostics& diagnostics_;
  std::set<std::pair<const route::RouteTable*, bool>> seen_;  // tables that several connection managers share
};

}  // namespace

void lint(const DryRun& configuration, config::Diagnostics& diagnostics) { Lint(configuration, diagnostics).run(); }

}  // namespace weir::main
