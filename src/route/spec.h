// What a route configuration says, as plain values; RouteTable makes it searchable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/boxed.h"
#include "base/names.h"
#include "format/formatter.h"
#include "format/lb_criteria.h"
#include "format/matcher_tree.h"
#include "format/static_metadata.h"
#include "http/header_name.h"
#include "route/conditions.h"
#include "route/path_template.h"
#include "route/rate_limit.h"
#include "route/route_stats.h"
#include "route/trace_shares.h"

namespace weir::route {

// --- what a request must look like ---

struct PathMatch {
  enum class Kind : uint8_t {
    kPrefix,
    kExact,
    kRegex,
    kSeparatedPrefix,
    kConnect,
    kTemplate,
    kNever,  // the route is left out: it needs an optional extension that does not exist here
  };

  Kind kind = Kind::kPrefix;
  bool case_sensitive = true;
  std::string text;  // prefix, exact, separated prefix; in lower case unless case_sensitive
  Regex regex;
  PathTemplate path_template;
};

struct RouteMatch {
  PathMatch path;
  RareList<HeaderMatcher> headers;
  RareList<QueryMatcher> query_parameters;
  bool grpc = false;
  std::optional<bool> tls_presented;  // whether the client showed a certificate
  std::optional<bool> tls_validated;  // whether it was verified
  Boxed<Fraction> runtime_fraction;
  RareList<MetadataMatcher> dynamic_metadata;
  RareList<FilterStateMatcher> filter_state;
};

// --- what to do with headers ---

enum class AppendAction : uint8_t { kAppendIfExistsOrAdd, kAddIfAbsent, kOverwriteIfExistsOrAdd, kOverwriteIfExists };

struct HeaderAddition {
  http::HeaderName name;
  format::Formatter value;
  AppendAction action = AppendAction::kAppendIfExistsOrAdd;
  bool keep_empty_value = false;
  bool joins_lines = false;  // appending makes one line, see http/joined_lines.h
};

/// One of several changes that are made one after the other. Its value is computed from the headers as those before it left them.
struct HeaderChange {
  http::HeaderName name;                   // a pseudo-header can only be removed
  std::optional<format::Formatter> value;  // none: all lines of that name are removed
  AppendAction action = AppendAction::kAppendIfExistsOrAdd;
  bool keep_empty_value = false;
  bool joins_lines = false;  // appending makes one line, see http/joined_lines.h
};

struct HeaderMutations {
  std::vector<HeaderAddition> add;
  std::vector<http::HeaderName> remove;

  bool empty() const { return add.empty() && remove.empty(); }
};

/// The header changes of one level: weighted cluster, route, virtual host or route configuration.
struct Mutations {
  HeaderMutations request;
  HeaderMutations response;

  bool empty() const { return request.empty() && response.empty(); }
};

// --- what is said to filters ---

/// What a filter of the connection manager is told by a route (typed_per_filter_config). Only the filter knows what is in it.
struct FilterSettings {
  virtual ~FilterSettings() = default;
};
using FilterSettingsPtr = std::shared_ptr<const FilterSettings>;

struct FilterOverride {
  std::string filter;  // its name in the connection manager
  FilterSettingsPtr settings;
  bool disabled = false;
};
using FilterOverrides = RareList<FilterOverride>;

// --- where a request goes ---

/// A cluster by its number in `Names`, so that a worker finds it by index.
struct ClusterRef {
  uint32_t id = Names::kNone;
  std::string name;
};

struct WeightedCluster {
  ClusterRef cluster;                      // unless:
  std::optional<http::HeaderName> header;  // the request names the cluster
  uint64_t weight = 0;
  RuntimeKey runtime_weight;                           // may override the weight
  std::shared_ptr<const format::LbCriteria> criteria;  // metadata_match over the route's; null: none at all
  Mutations mutations;
  FilterOverrides filters;
  std::optional<std::string> host_rewrite;
};

struct WeightedClusters {
  std::vector<WeightedCluster> entries;
  uint64_t total_weight = 0;                      // of all entries; never 0
  bool weights_change = false;                    // whether they have runtime keys
  std::optional<http::HeaderName> random_header;  // whose number is used instead of chance
  bool use_hash_policy = false;                   // the hash policies' number is
};

/// A matcher chooses (envoy.router.cluster_specifier_plugin.matcher); its actions are numbers of `clusters`.
struct MatchedCluster {
  format::MatcherTree matcher;
  std::vector<ClusterRef> clusters;
};

/// Which cluster: named, named by the request, one of several by weight, or what a matcher says.
using ClusterSpecifier =
    std::variant<ClusterRef, http::HeaderName, Boxed<WeightedClusters>, std::shared_ptr<const MatchedCluster>>;

struct RetryPolicy {
  std::string retry_on;     // as written
  uint32_t conditions = 0;  // RetryOn bits
  uint32_t num_retries = 1;
  std::optional<uint64_t> per_try_timeout_ms;
  std::optional<uint64_t> per_try_idle_timeout_ms;
  std::vector<uint32_t> retriable_status_codes;
  std::vector<HeaderMatcher> retriable_headers;
  std::vector<HeaderMatcher> retriable_request_headers;
  std::optional<uint64_t> base_interval_ms;
  std::optional<uint64_t> max_interval_ms;
  int64_t host_selection_max_attempts = 1;

  bool avoid_previous_hosts = false;  // envoy.retry_host_predicates.previous_hosts
  bool omit_canary_hosts = false;     // envoy.retry_host_predicates.omit_canary_hosts
  /// envoy.retry_host_predicates.omit_host_metadata, each as canonical texts of what an endpoint must not have.
  std::vector<std::vector<std::pair<std::string, std::string>>> omit_metadata;
  /// envoy.retry_priorities.previous_priorities: after so many tries, and again after as many more, the next one goes to a
  /// priority that was not tried; 0: off.
  uint32_t new_priority_after = 0;

  struct ResetHeader {
    http::HeaderName name;
    bool unix_timestamp = false;  // else seconds from now
  };
  std::vector<ResetHeader> reset_headers;  // rate_limited_retry_back_off
  uint64_t reset_max_interval_ms = 300'000;
};

/// How much of a request's body may be kept for another try, in bytes.
struct BodyLimits {
  std::optional<uint64_t> beyond_connection;  // request_body_buffer_limit: takes the place of the connection's buffer limit
  std::optional<uint64_t> within_connection;  // per_request_buffer_limit_bytes: the smaller of both counts

  bool operator==(const BodyLimits&) const = default;
};

struct HashPolicy {
  enum class Kind : uint8_t { kHeader, kCookie, kSourceIp, kQueryParameter, kFilterState };
  struct CookieAttribute {
    std::string name;
    std::string value;
  };

  Kind kind = Kind::kHeader;
  bool terminal = false;
  http::HeaderName header;
  std::optional<RegexRewrite> header_rewrite;
  std::string name;  // of the cookie, the query parameter or the filter state object
  std::optional<uint64_t> cookie_ttl_s;
  std::string cookie_path;
  std::vector<CookieAttribute> cookie_attributes;
};

struct MirrorPolicy {
  std::variant<ClusterRef, http::HeaderName> cluster;
  Fraction fraction;
  std::optional<bool> trace_sampled;
  std::vector<HeaderChange> changes;  // of the copy alone
  std::string host;                   // instead of the request's own; "": that
  bool append_shadow_suffix = true;   // to the request's own
};

struct HedgePolicy {
  uint32_t initial_requests = 1;
  bool hedge_on_per_try_timeout = false;
};

struct InternalRedirectPolicy {
  uint32_t max_internal_redirects = 1;
  std::vector<uint32_t> response_codes = {302};
  bool allow_cross_scheme_redirect = false;
  std::vector<http::HeaderName> response_headers_to_copy;

  // Predicates; all must hold.
  std::optional<std::vector<std::string>> allowed_route_names;  // envoy.internal_redirect_predicates.allow_listed_routes
  bool never_the_same_way_twice = false;                        // envoy.internal_redirect_predicates.previous_routes
  bool safe_cross_scheme = false;                               // to http, but not from http to https
};

struct UpgradeConfig {
  std::string type;  // in lower case
  bool enabled = true;
  bool connect = false;  // connect_config is given: the proxy ends the CONNECT and forwards its payload
  bool allow_post = false;
  int connect_proxy_header = 0;  // version of the PROXY header in front of the payload; 0: none
};

enum class Priority : uint8_t { kDefault, kHigh };

/// The path or the host is what a regex makes of it.
struct HostRewrite {
  enum class Kind : uint8_t { kNone, kLiteral, kAuto, kHeader, kPathRegex };
  Kind kind = Kind::kNone;
  std::string literal;
  http::HeaderName header;
  RegexRewrite path_regex;
};

/// How long a request may take beside its timeout, in milliseconds. 0: however long.
struct TimeLimits {
  std::optional<uint64_t> idle_timeout_ms;   // absent: the connection manager's
  std::optional<uint64_t> flush_timeout_ms;  // the same
  std::optional<uint64_t> max_stream_duration_ms;
  std::optional<uint64_t> grpc_timeout_header_max_ms;     // max_stream_duration's; 0: whatever the client asks
  std::optional<uint64_t> grpc_timeout_header_offset_ms;  // max_stream_duration's
  std::optional<uint64_t> max_grpc_timeout_ms;            // the older way
  std::optional<uint64_t> grpc_timeout_offset_ms;

  bool operator==(const TimeLimits&) const = default;
};

struct Forward {
  ClusterSpecifier cluster;
  int cluster_not_found_status = 503;

  Rare<std::string> prefix_rewrite;  // "": none
  Boxed<RegexRewrite> regex_rewrite;
  Boxed<TemplateRewrite> template_rewrite;
  Rare<HostRewrite> host_rewrite;
  bool append_x_forwarded_host = false;

  uint64_t timeout_ms = 15'000;  // 0: off
  Rare<TimeLimits> time_limits;

  Priority priority = Priority::kDefault;
  std::shared_ptr<const RetryPolicy> retry_policy;  // the route's, else its virtual host's; null: none
  std::shared_ptr<const HedgePolicy> hedge_policy;
  RareList<HashPolicy> hash_policies;
  std::shared_ptr<const format::LbCriteria> criteria;  // metadata_match; null: none
  RareList<MirrorPolicy> mirror_policies;              // the route's, else the virtual host's, else the configuration's
  RareList<UpgradeConfig> upgrades;
  Boxed<InternalRedirectPolicy> internal_redirects;
  RareList<RateLimit> rate_limits;      // what filters of rate limits ask for
  bool include_vh_rate_limits = false;  // the virtual host's, too, though there are some here

  /// Null if the cluster is not chosen by weight.
  const WeightedClusters* weighted_clusters() const {
    const auto* boxed = std::get_if<Boxed<WeightedClusters>>(&cluster);
    return boxed == nullptr ? nullptr : &**boxed;
  }
};

struct Redirect {
  int status = 301;
  bool https = false;
  std::string scheme;
  std::string host;
  uint32_t port = 0;
  bool keep_port = false;  // even a default port that fits the new scheme no more
  std::string path;
  std::string prefix_rewrite;
  Boxed<RegexRewrite> regex_rewrite;
  bool strip_query = false;
};

struct DirectResponse {
  int status = 200;
  std::string body;
};

/// Matches, but is not for proxying (gRPC xDS clients read such routes).
struct NonForwarding {};

using Action = std::variant<Forward, Redirect, DirectResponse, NonForwarding>;

/// There may be ten thousand of them, and a request touches all of one: it is kept small, and what few routes have lies
/// elsewhere.
struct Route {
  std::string name;
  format::StaticMetadataPtr metadata;  // null: none
  RouteMatch match;
  Action action;
  Rare<Mutations> mutations;
  FilterOverrides filters;
  GroupCells stats;            // of its stat_prefix; null: none
  Boxed<TraceShares> tracing;  // null: as the connection manager says
  Rare<std::string> decorator_operation;
  bool decorator_propagate = true;
  Rare<BodyLimits> body_limits;

  const Forward* forward() const { return std::get_if<Forward>(&action); }
};

struct VirtualCluster {
  std::string name;
  std::vector<HeaderMatcher> headers;
  GroupCells stats;
};

enum class TlsRequirement : uint8_t { kNone, kExternalOnly, kAll };

/// Routes that a matcher leads to: a part of VirtualHost::routes, in which the first that matches wins.
struct MatcherRoutes {
  uint32_t first = 0;
  uint32_t count = 0;
  std::string at;        // the path of the action, below the virtual host's
  bool is_list = false;  // a RouteList; else the action is the only route
};

struct VirtualHost {
  std::string name;
  format::StaticMetadataPtr metadata;  // null: none
  std::vector<std::string> domains;
  std::vector<Route> routes;
  format::MatcherTree matcher;             // if there is one, it leads to the routes; its actions are numbers of
  RareList<MatcherRoutes> matcher_routes;  // these
  RareList<VirtualCluster> virtual_clusters;
  Rare<VirtualCluster> other_virtual_cluster;  // for requests that fit none of them, if there are any
  TlsRequirement require_tls = TlsRequirement::kNone;
  Rare<Mutations> mutations;
  FilterOverrides filters;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
  bool include_is_timeout_retry_header = false;
  Rare<BodyLimits> body_limits;
  RareList<RateLimit> rate_limits;
};

/// Where a route stands in its virtual host: `routes[3]`, or somewhere below `matcher`.
std::string path_of(const VirtualHost& host, size_t route);

struct RouteConfig {
  std::string name;
  std::vector<VirtualHost> virtual_hosts;
  Mutations mutations;
  FilterOverrides filters;
  std::vector<http::HeaderName> internal_only_headers;
  bool most_specific_header_mutations_wins = false;
  bool ignore_port_in_host_matching = false;
  bool ignore_path_parameters_in_path_matching = false;
};

}  // namespace weir::route
