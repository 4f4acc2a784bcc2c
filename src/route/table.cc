#include "route/table.h"

#include <algorithm>

#include "base/text.h"

namespace weir::route {

namespace {

using http::HeaderId;
using http::HeaderMap;

/// CONNECT proper, or CONNECT-UDP (RFC 9298) in either version's spelling.
bool is_connect(const HeaderMap& request) {
  return (request.method() == "CONNECT" && request.protocol().empty()) || request.protocol() == "connect-udp" ||
         iequals(request.get(HeaderId::kUpgrade), "connect-udp");
}

bool path_matches(const PathMatch& match, std::string_view path, const HeaderMap& request) {
  if (match.kind == PathMatch::Kind::kConnect) return is_connect(request);
  if (!request.has_pseudo(HeaderId::kPath)) return false;
  switch (match.kind) {
    case PathMatch::Kind::kPrefix:
      return match.case_sensitive ? path.starts_with(match.text) : starts_ignoring_case(path, match.text);
    case PathMatch::Kind::kExact:
      return match.case_sensitive ? path == match.text : equals_ignoring_case(path, match.text);
    case PathMatch::Kind::kSeparatedPrefix:
      if (path.size() > match.text.size() && path[match.text.size()] != '/') return false;
      return match.case_sensitive ? path.starts_with(match.text) : starts_ignoring_case(path, match.text);
    case PathMatch::Kind::kRegex:
      return match.regex.full_match(path);
    case PathMatch::Kind::kTemplate:
      return match.path_template.matches(path);
    case PathMatch::Kind::kConnect:
      break;
  }
  return false;
}

bool tls_required(const VirtualHost& virtual_host, const HeaderMap& request, const MatchContext& context) {
  if (virtual_host.require_tls == TlsRequirement::kNone) return false;
  const http::Header* proto = request.find(HeaderId::kForwardedProto);
  if (proto == nullptr || proto->value == "https") return false;
  return virtual_host.require_tls == TlsRequirement::kAll || !context.internal_request;
}

/// The start of `path` that routes look at: no query, no fragment, and no ";parameters" if those are to be ignored.
std::string_view matched_path(std::string_view path, bool ignore_parameters) {
  path = path.substr(0, path.find_first_of("?#"));
  return ignore_parameters ? path.substr(0, path.find(';')) : path;
}

const WeightedCluster& by_weight(const WeightedClusters& clusters, const HeaderMap& request, uint64_t random) {
  uint64_t selected = random;
  if (clusters.random_header) {
    selected = parse_number<uint64_t>(http::first_value(request, *clusters.random_header)).value_or(random);
  }
  selected %= clusters.total_weight;
  for (const WeightedCluster& entry : clusters.entries) {
    if (selected < entry.weight) return entry;
    selected -= entry.weight;
  }
  return clusters.entries.back();
}

}  // namespace

Result<std::shared_ptr<const RouteTable>> RouteTable::build(RouteConfig config) {
  std::shared_ptr<RouteTable> table(new RouteTable(std::move(config)));
  const std::vector<VirtualHost>& hosts = table->config_.virtual_hosts;
  table->paths_.reserve(hosts.size());
  for (uint32_t i = 0; i < hosts.size(); ++i) {
    for (const std::string& domain : hosts[i].domains) {
      if (!table->hosts_.add(domain, i)) {
        return failure("virtual host '" + hosts[i].name + "': the domain '" + domain +
                       "' is claimed twice in this route configuration");
      }
    }
    table->paths_.emplace_back(hosts[i].routes);
  }
  table->https_redirect_.action = Redirect{.https = true, .keep_port = true};
  return table;
}

Match RouteTable::find(const HeaderMap& request, const MatchContext& context) const {
  std::string_view authority = request.authority();
  if (config_.ignore_port_in_host_matching) authority = authority.substr(0, port_position(authority));
  const uint32_t index = hosts_.find(authority);
  if (index == HostIndex::kNone) return {};
  if (const http::Header* scheme = request.find(HeaderId::kForwardedProto); scheme != nullptr && scheme->value.empty()) return {};
  Match match{&config_.virtual_hosts[index], nullptr};
  if (tls_required(*match.virtual_host, request, context)) {
    match.route = &https_redirect_;
    match.tls_required = true;
    return match;
  }
  const std::string_view path = matched_path(request.path(), config_.ignore_path_parameters_in_path_matching);
  match.route = paths_[index].first(path, [&](const Route& route) { return route_matches(route.match, path, request, context); });
  return match;
}

bool route_matches(const RouteMatch& match, std::string_view path, const HeaderMap& request, const MatchContext& context) {
  if (!path_matches(match.path, path, request)) return false;
  if (match.runtime_fraction && !match.runtime_fraction->holds(context.random)) return false;
  if (match.grpc && !http::is_grpc(request)) return false;
  for (const HeaderMatcher& header : match.headers) {
    if (!header.matches(request)) return false;
  }
  for (const QueryMatcher& parameter : match.query_parameters) {
    if (!parameter.matches(request.path())) return false;
  }
  if (match.tls_presented && *match.tls_presented != context.peer_certificate_presented) return false;
  if (match.tls_validated && *match.tls_validated != context.peer_certificate_validated) return false;
  return true;
}

ClusterChoice choose_cluster(const Forward& forward, const HeaderMap& request, uint64_t random) {
  if (const auto* cluster = std::get_if<ClusterRef>(&forward.cluster)) return {cluster, cluster->name, nullptr};
  if (const auto* header = std::get_if<http::HeaderName>(&forward.cluster)) {
    return {nullptr, http::first_value(request, *header), nullptr};
  }
  const WeightedCluster& entry = by_weight(std::get<WeightedClusters>(forward.cluster), request, random);
  if (entry.header) return {nullptr, http::first_value(request, *entry.header), &entry};
  return {&entry.cluster, entry.cluster.name, &entry};
}

std::string_view virtual_cluster_name(const VirtualHost& virtual_host, const HeaderMap& request) {
  if (virtual_host.virtual_clusters.empty()) return {};
  for (const VirtualCluster& cluster : virtual_host.virtual_clusters) {
    const bool fits = std::ranges::all_of(cluster.headers, [&](const HeaderMatcher& header) { return header.matches(request); });
    if (fits) return cluster.name;
  }
  return "other";
}

}  // namespace weir::route
