#include "route/table.h"

#include <algorithm>

#include "base/prefetch.h"
#include "base/text.h"
#include "route/request_hash.h"

namespace weir::route {

namespace {

using http::HeaderId;
using http::HeaderMap;

/// CONNECT proper, or CONNECT-UDP (RFC 9298) in either version's spelling.
bool is_connect(const HeaderMap& request) {
  return (request.method() == "CONNECT" && request.protocol().empty()) || request.protocol() == "connect-udp" ||
         iequals(request.get(HeaderId::kUpgrade), "connect-udp");
}

std::string_view without_query(std::string_view path) { return path.substr(0, path.find_first_of("?#")); }

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
    case PathMatch::Kind::kTemplate:  // knows nothing of path parameters, so they are never ignored
      return match.path_template.matches(without_query(request.path()));
    case PathMatch::Kind::kConnect:
    case PathMatch::Kind::kNever:
      break;
  }
  return false;
}

/// What filters noted; without `info` they noted nothing.
bool notes_match(const RouteMatch& match, const format::StreamInfo* info) {
  const format::DynamicMetadata metadata = info == nullptr ? format::DynamicMetadata() : info->metadata;
  const format::FilterState state = info == nullptr ? format::FilterState() : info->filter_state;
  return std::ranges::all_of(match.dynamic_metadata, [&](const MetadataMatcher& each) { return each.matches(metadata); }) &&
         std::ranges::all_of(match.filter_state, [&](const FilterStateMatcher& each) { return each.matches(state); });
}

bool tls_required(const VirtualHost& virtual_host, const HeaderMap& request, const MatchContext& context) {
  if (virtual_host.require_tls == TlsRequirement::kNone) return false;
  const http::Header* proto = request.find(HeaderId::kForwardedProto);
  if (proto == nullptr || proto->value == "https") return false;
  return virtual_host.require_tls == TlsRequirement::kAll || !context.internal_request;
}

/// By the weights that the runtime gives, against their own sum; a sum of 0 says nothing, so the configured ones count.
const WeightedCluster* by_runtime_weight(const WeightedClusters& clusters, uint64_t selected) {
  const auto weight = [](const WeightedCluster& entry) {
    return std::min<uint64_t>(entry.runtime_weight.integer(entry.weight), UINT32_MAX);
  };
  uint64_t total = 0;
  for (const WeightedCluster& entry : clusters.entries) total += weight(entry);
  if (total == 0) return nullptr;
  selected %= total;
  for (const WeightedCluster& entry : clusters.entries) {
    if (selected < weight(entry)) return &entry;
    selected -= weight(entry);
  }
  return nullptr;  // they changed meanwhile
}

const WeightedCluster& by_weight(const WeightedClusters& clusters, const HeaderMap& request, uint64_t random) {
  uint64_t selected = random;
  if (clusters.random_header) {
    selected = parse_number<uint64_t>(http::first_value(request, *clusters.random_header)).value_or(random);
  }
  if (clusters.weights_change) {
    if (const WeightedCluster* entry = by_runtime_weight(clusters, selected)) return *entry;
  }
  selected %= clusters.total_weight;
  for (const WeightedCluster& entry : clusters.entries) {
    if (selected < entry.weight) return entry;
    selected -= entry.weight;
  }
  return clusters.entries.back();
}

/// Whether any virtual host is for other hosts than all.
bool names_hosts(const RouteConfig& config) {
  return std::ranges::any_of(config.virtual_hosts, [](const VirtualHost& host) {
    return std::ranges::any_of(host.domains, [](const std::string& domain) { return domain != "*"; });
  });
}

}  // namespace

Result<std::shared_ptr<const RouteTable>> RouteTable::build(RouteConfig config) {
  std::shared_ptr<RouteTable> table(new RouteTable(std::move(config)));
  const std::vector<VirtualHost>& hosts = table->config_.virtual_hosts;
  table->paths_.reserve(hosts.size());
  for (uint32_t i = 0; i < hosts.size(); ++i) {
    const size_t count = hosts[i].routes.size();
    const Route* first_route = count > 0 && count < PathIndex::kFewRoutes ? hosts[i].routes.data() : nullptr;
    for (const std::string& domain : hosts[i].domains) {
      if (!table->hosts_.add(domain, {i, first_route})) {
        return failure("virtual host '" + hosts[i].name + "': the domain '" + domain +
                       "' is claimed twice in this route configuration");
      }
    }
    std::vector<PathIndex>& lists = table->matcher_paths_.emplace_back();
    for (const MatcherRoutes& list : hosts[i].matcher_routes) {
      lists.emplace_back(std::span(hosts[i].routes).subspan(list.first, list.count));
    }
    table->paths_.emplace_back(hosts[i].matcher.empty() ? std::span(hosts[i].routes) : std::span<const Route>());
  }
  table->https_redirect_.action = Redirect{.https = true, .keep_port = true};
  return table;
}

const VirtualHost* RouteTable::virtual_host(const HeaderMap& request) const {
  std::string_view authority = request.authority();
  if (!request.has_pseudo(HeaderId::kAuthority) && names_hosts(config_))
    return nullptr;  // refused: only its answer is looked for
  if (config_.ignore_port_in_host_matching) authority = authority.substr(0, port_position(authority));
  const DomainTarget target = hosts_.find(authority);
  if (!target.found()) return nullptr;
  const VirtualHost& host = config_.virtual_hosts[target.virtual_host];
  prefetch(host);
  if (target.first_route != nullptr) prefetch(*target.first_route);
  return &host;
}

Match RouteTable::find(const HeaderMap& request, const MatchContext& context) const {
  Match match{virtual_host(request), nullptr};
  if (match.virtual_host != nullptr) choose_route(match, request, context);
  const auto changes = [](const Mutations& level) { return !level.response.empty(); };
  match.changes_responses = changes(config_.mutations);
  if (match.virtual_host != nullptr) {
    match.changes_responses |= changes(*match.virtual_host->mutations);
    match.tells_attempts = match.virtual_host->include_attempt_count_in_response;
  }
  if (match.route != nullptr) match.changes_responses |= changes(*match.route->mutations);
  return match;
}

void RouteTable::choose_route(Match& match, const HeaderMap& request, const MatchContext& context) const {
  if (const http::Header* scheme = request.find(HeaderId::kForwardedProto); scheme != nullptr && scheme->value.empty()) return;
  if (tls_required(*match.virtual_host, request, context)) {
    match.route = &https_redirect_;
    match.tls_required = true;
    return;
  }
  const auto index = static_cast<uint32_t>(match.virtual_host - config_.virtual_hosts.data());
  match.route = matched_route(index, matched_path(config_, request.path()), request, context);
}

const Route* RouteTable::matched_route(uint32_t host, std::string_view path, const HeaderMap& request,
                                       const MatchContext& context) const {
  const PathIndex* index = &paths_[host];
  if (const format::MatcherTree& matcher = config_.virtual_hosts[host].matcher; !matcher.empty()) {
    const auto outcome = matcher.match(match_data(request, context.info));
    if (outcome.state != format::MatcherTree::State::kMatch) return nullptr;
    index = &matcher_paths_[host][outcome.action];
  }
  return index->first(path, [&](const Route& route) { return route_matches(route.match, path, request, context); });
}

/// No query, no fragment, and no ";parameters" if those are to be ignored.
std::string_view matched_path(const RouteConfig& config, std::string_view path) {
  path = without_query(path);
  return config.ignore_path_parameters_in_path_matching ? path.substr(0, path.find(';')) : path;
}

format::MatchData match_data(const HeaderMap& request, const format::StreamInfo* info) {
  return {.request = &request, .info = info};
}

std::string path_of(const VirtualHost& host, size_t route) {
  for (const MatcherRoutes& list : host.matcher_routes) {
    if (route < list.first || route >= list.first + list.count) continue;
    return list.is_list ? list.at + ".routes[" + std::to_string(route - list.first) + "]" : list.at;
  }
  return "routes[" + std::to_string(route) + "]";
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
  if (!match.dynamic_metadata.empty() || !match.filter_state.empty()) [[unlikely]]
    return notes_match(match, context.info);
  return true;
}

ClusterChoice choose_cluster(const Forward& forward, const HeaderMap& request, uint64_t random, const format::StreamInfo& info) {
  if (const auto* cluster = std::get_if<ClusterRef>(&forward.cluster)) return {cluster, cluster->name, nullptr};
  if (const auto* header = std::get_if<http::HeaderName>(&forward.cluster)) {
    return {nullptr, http::first_value(request, *header), nullptr};
  }
  if (const auto* plugin = std::get_if<std::shared_ptr<const MatchedCluster>>(&forward.cluster)) {
    const auto outcome = (*plugin)->matcher.match(match_data(request, &info));
    if (outcome.state != format::MatcherTree::State::kMatch) return {};
    const ClusterRef& cluster = (*plugin)->clusters[outcome.action];
    return {&cluster, cluster.name, nullptr};
  }
  const WeightedClusters& clusters = *forward.weighted_clusters();
  if (clusters.use_hash_policy) random = request_hash(forward.hash_policies, request, info).value_or(random);
  const WeightedCluster& entry = by_weight(clusters, request, random);
  if (entry.header) return {nullptr, http::first_value(request, *entry.header), &entry};
  return {&entry.cluster, entry.cluster.name, &entry};
}

const VirtualCluster* virtual_cluster(const VirtualHost& virtual_host, const HeaderMap& request) {
  if (virtual_host.virtual_clusters.empty()) return nullptr;
  for (const VirtualCluster& cluster : virtual_host.virtual_clusters) {
    const bool fits = std::ranges::all_of(cluster.headers, [&](const HeaderMatcher& header) { return header.matches(request); });
    if (fits) return &cluster;
  }
  return &*virtual_host.other_virtual_cluster;
}

}  // namespace weir::route
