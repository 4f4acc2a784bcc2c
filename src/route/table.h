// RouteTable: a route configuration made searchable: which virtual host and which route a request belongs to.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "route/host_index.h"
#include "route/path_index.h"
#include "route/spec.h"

namespace weir::route {

/// What else than its headers decides where a request goes.
struct MatchContext {
  uint64_t random = 0;  // the same for all questions about one request
  bool tls = false;
  bool peer_certificate_presented = false;
  bool peer_certificate_validated = false;
  bool internal_request = false;
  const format::StreamInfo* info = nullptr;  // what filters noted; null: nothing
};

struct Match {
  const VirtualHost* virtual_host = nullptr;  // null: no domain matches
  const Route* route = nullptr;               // null: no route of the virtual host matches
  bool tls_required = false;                  // the route is the redirect to https that require_tls stands for

  // What the answer will ask of both: by then they would have to be fetched from cold memory again.
  bool changes_responses = true;  // headers of responses are changed at some level
  bool tells_attempts = false;    // include_attempt_count_in_response
};

/// Where a forwarded request goes.
struct ClusterChoice {
  const ClusterRef* cluster = nullptr;     // null if the request names the cluster
  std::string_view name;                   // "" if the header that should name it is missing
  const WeightedCluster* entry = nullptr;  // of weighted clusters
};

/// Immutable; safe for all threads.
class RouteTable {
 public:
  /// Fails if two virtual hosts claim the same domain.
  static Result<std::shared_ptr<const RouteTable>> build(RouteConfig config);

  /// The first route in order that matches, of the virtual host with the closest domain. Does not allocate but from the
  /// request's arena (joined headers); a virtual host that requires TLS answers with a redirect to https.
  Match find(const http::HeaderMap& request, const MatchContext& context) const;

  /// Whose request it is, whatever its path; null if no domain matches.
  const VirtualHost* virtual_host(const http::HeaderMap& request) const;
  const RouteConfig& config() const { return config_; }

 private:
  RouteTable(RouteConfig config) : config_(std::move(config)) {}

  RouteConfig config_;
  void choose_route(Match& match, const http::HeaderMap& request, const MatchContext& context) const;
  const Route* matched_route(uint32_t host, std::string_view path, const http::HeaderMap& request,
                             const MatchContext& context) const;

  HostIndex hosts_;
  std::vector<PathIndex> paths_;                       // one for each virtual host
  std::vector<std::vector<PathIndex>> matcher_paths_;  // of each virtual host: one for each of its matcher_routes
  Route https_redirect_;
};

/// The start of a request's path that routes look at.
std::string_view matched_path(const RouteConfig& config, std::string_view path);

/// What matchers of routes see.
format::MatchData match_data(const http::HeaderMap& request, const format::StreamInfo* info);

/// Whether `route` itself accepts the request, whatever stands before it. `path` is without query.
bool route_matches(const RouteMatch& match, std::string_view path, const http::HeaderMap& request, const MatchContext& context);

/// `random` is the one of the MatchContext, `info` what is known of the request.
ClusterChoice choose_cluster(const Forward& forward, const http::HeaderMap& request, uint64_t random,
                             const format::StreamInfo& info);

/// The first virtual cluster whose conditions hold, `other_virtual_cluster` if there are some but none fits, null if there are
/// none.
const VirtualCluster* virtual_cluster(const VirtualHost& virtual_host, const http::HeaderMap& request);

}  // namespace weir::route
