#include "route/route_config.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"
#include "config/support.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/early_data/v3/default_early_data_policy.pb.h"
#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb.h"
#include "envoy/extensions/router/cluster_specifiers/matcher/v3/matcher.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/metadata/v3/metadata.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "envoy/type/v3/range.pb.h"
#include "format/static_metadata_config.h"
#include "route/policy_config.h"

namespace weir::route {

namespace v3 = envoy::config::route::v3;
namespace core = envoy::config::core::v3;
namespace matcher_plugin = envoy::extensions::router::cluster_specifiers::matcher::v3;
using Path = ConfigReader::Path;

namespace {

constexpr uint32_t kDefaultMaxBody = 4096;  // RouteConfiguration.max_direct_response_body_size_bytes

TraceShares read_trace_shares(const v3::Tracing& config, RuntimeValues* runtime) {
  const auto share = [](bool given, const envoy::type::v3::FractionalPercent& percent) {
    return given ? format::read_share(percent) : RuntimeShare{100, 100};
  };
  return trace_shares(share(config.has_client_sampling(), config.client_sampling()),
                      share(config.has_random_sampling(), config.random_sampling()),
                      share(config.has_overall_sampling(), config.overall_sampling()), runtime);
}

Route route(ConfigReader& reader, const v3::Route& config, const std::string& virtual_host, const InheritedPolicies& inherited,
            uint32_t max_body_size, const Path& at) {
  Route result;
  result.name = config.name();
  result.match = reader.route_match(config.match(), {&at, "match"});
  result.action = reader.action(config, inherited, result.match.path, max_body_size, at);
  if (Mutations mutations = reader.mutations(config, at); !mutations.empty()) result.mutations = std::move(mutations);
  result.filters = reader.filter_overrides(config.typed_per_filter_config(), {&at, "typed_per_filter_config"});
  result.metadata = format::read_static_metadata(config.metadata());
  if (RouteStats* stats = reader.context().stats; stats != nullptr && !config.stat_prefix().empty())
    result.stats = stats->route(virtual_host, config.stat_prefix());
  if (!config.decorator().operation().empty()) result.decorator_operation = config.decorator().operation();
  result.decorator_propagate = !config.decorator().has_propagate() || config.decorator().propagate().value();
  if (config.has_tracing()) result.tracing = read_trace_shares(config.tracing(), reader.context().runtime);
  result.body_limits = body_limits(config);
  const Forward* forward = result.forward();
  const auto* plugin = forward == nullptr ? nullptr : std::get_if<std::shared_ptr<const MatchedCluster>>(&forward->cluster);
  if (plugin != nullptr && *plugin == nullptr) result.match.path.kind = PathMatch::Kind::kNever;
  return result;
}

VirtualCluster virtual_cluster(ConfigReader& reader, const v3::VirtualCluster& config, const Path& at) {
  VirtualCluster result{.name = config.name(), .headers = {}, .stats = {}};
  if (config.headers().empty()) reader.error(at, "needs headers to match");
  const Path headers{&at, "headers"};
  for (int i = 0; i < config.headers_size(); ++i)
    result.headers.push_back(reader.header_matcher(config.headers(i), {&headers, {}, i}));
  return result;
}

/// The routes that the virtual host's matcher leads to. Unlike others they may name clusters that do not exist (yet).
void read_matcher(ConfigReader& reader, const v3::VirtualHost& config, const InheritedPolicies& inherited, uint32_t max_body_size,
                  const Path& at, VirtualHost& result) {
  if (!config.routes().empty())
    reader.error({&at, "matcher"}, "is given together with routes", "a virtual host has one of the two");
  const bool validates_clusters = std::exchange(reader.validates_clusters, false);
  format::MatcherOwner owner;
  owner.may_keep_matching = false;
  owner.refusal = [](format::MatchInput::Kind kind) -> std::string {
    using Kind = format::MatchInput::Kind;
    const bool fits = kind == Kind::kRequestHeader || kind == Kind::kFilterState || kind == Kind::kFixed;
    return fits ? "" : "routes are matched by request headers and filter state";
  };
  owner.read_action = [&](const google::protobuf::Any& action, const Path& where) -> std::optional<uint32_t> {
    MatcherRoutes routes{.first = static_cast<uint32_t>(result.routes.size()), .at = where.text().substr(at.text().size() + 1)};
    v3::Route single;
    v3::RouteList list;
    if (action.UnpackTo(&single)) {
      result.routes.push_back(route(reader, single, config.name(), inherited, max_body_size, where));
    } else if (action.UnpackTo(&list)) {
      routes.is_list = true;
      const Path items{&where, "routes"};
      for (int i = 0; i < list.routes_size(); ++i) {
        result.routes.push_back(route(reader, list.routes(i), config.name(), inherited, max_body_size, {&items, {}, i}));
      }
    } else {
      reader.error(where, "is neither an envoy.config.route.v3.Route nor a RouteList");
      return std::nullopt;
    }
    routes.count = static_cast<uint32_t>(result.routes.size()) - routes.first;
    result.matcher_routes.push_back(std::move(routes));
    return static_cast<uint32_t>(result.matcher_routes.size() - 1);
  };
  format::MatcherReader matchers = reader.matchers();
  result.matcher = format::read_matcher_tree(config.matcher(), {&at, "matcher"}, matchers, owner);
  reader.validates_clusters = validates_clusters;
}

VirtualHost virtual_host(ConfigReader& reader, const v3::VirtualHost& config, const InheritedPolicies& from,
                         uint32_t max_body_size, const Path& at) {
  VirtualHost result;
  result.name = config.name();
  result.metadata = format::read_static_metadata(config.metadata());
  result.domains.assign(config.domains().begin(), config.domains().end());
  const InheritedPolicies inherited = inherited_policies(reader, config, from, at);
  result.routes.reserve(static_cast<size_t>(config.routes_size()));
  const Path routes{&at, "routes"};
  for (int i = 0; i < config.routes_size(); ++i) {
    result.routes.push_back(route(reader, config.routes(i), config.name(), inherited, max_body_size, {&routes, {}, i}));
  }
  if (config.has_matcher()) read_matcher(reader, config, inherited, max_body_size, at, result);
  check_cors(reader, config.cors(), {&at, "cors"});
  const Path clusters{&at, "virtual_clusters"};
  for (int i = 0; i < config.virtual_clusters_size(); ++i) {
    result.virtual_clusters.push_back(virtual_cluster(reader, config.virtual_clusters(i), {&clusters, {}, i}));
  }
  if (!result.virtual_clusters.empty()) result.other_virtual_cluster.edit().name = "other";
  if (RouteStats* stats = reader.context().stats; stats != nullptr && !result.virtual_clusters.empty()) {
    for (VirtualCluster& each : result.virtual_clusters) each.stats = stats->virtual_cluster(result.name, each.name);
    result.other_virtual_cluster.edit().stats = stats->virtual_cluster(result.name, "other");
  }
  result.require_tls = config.require_tls() == v3::VirtualHost::ALL             ? TlsRequirement::kAll
                       : config.require_tls() == v3::VirtualHost::EXTERNAL_ONLY ? TlsRequirement::kExternalOnly
                                                                                : TlsRequirement::kNone;
  if (Mutations mutations = reader.mutations(config, at); !mutations.empty()) result.mutations = std::move(mutations);
  result.filters = reader.filter_overrides(config.typed_per_filter_config(), {&at, "typed_per_filter_config"});
  result.include_request_attempt_count = config.include_request_attempt_count();
  result.include_attempt_count_in_response = config.include_attempt_count_in_response();
  result.include_is_timeout_retry_header = config.include_is_timeout_retry_header();
  result.body_limits = body_limits(config);
  result.rate_limits = reader.rate_limits(config.rate_limits(), {&at, "rate_limits"});
  return result;
}

/// Every domain may be claimed once in a route configuration; only here the place of the second claim is still known.
void check_domains(ConfigReader& reader, const v3::RouteConfiguration& config, const Path& hosts) {
  std::unordered_set<std::string> seen;
  for (int i = 0; i < config.virtual_hosts_size(); ++i) {
    const Path host{&hosts, {}, i};
    const Path domains{&host, "domains"};
    for (int j = 0; j < config.virtual_hosts(i).domains_size(); ++j) {
      const std::string& domain = config.virtual_hosts(i).domains(j);
      if (seen.insert(lower(domain)).second) continue;
      reader.error({&domains, {}, j},
                   "the domain '" + domain + "' is claimed twice in this route configuration (case does not count)");
    }
  }
}

}  // namespace

std::shared_ptr<const RouteTable> compile(const v3::RouteConfiguration& config, const ReadContext& context,
                                          config::Diagnostics& diagnostics, const config::FieldPath& at) {
  const size_t errors_before = diagnostics.errors().size();
  ReadContext own = context;
  if (config.has_validate_clusters()) own.validates_clusters = config.validate_clusters().value();
  ConfigReader reader(own, diagnostics);
  RouteConfig result;
  result.name = config.name();
  result.mutations = reader.mutations(config, at);
  result.filters = reader.filter_overrides(config.typed_per_filter_config(), {&at, "typed_per_filter_config"});
  result.most_specific_header_mutations_wins = config.most_specific_header_mutations_wins();
  result.ignore_port_in_host_matching = config.ignore_port_in_host_matching();
  result.ignore_path_parameters_in_path_matching = config.ignore_path_parameters_in_path_matching();
  for (const std::string& name : config.internal_only_headers()) result.internal_only_headers.emplace_back(name);
  const uint32_t max_body_size =
      config.has_max_direct_response_body_size_bytes() ? config.max_direct_response_body_size_bytes().value() : kDefaultMaxBody;

  InheritedPolicies inherited;
  inherited.mirrors = mirror_policies(reader, config.request_mirror_policies(), {&at, "request_mirror_policies"});
  const Path plugins{&at, "cluster_specifier_plugins"};
  for (int i = 0; i < config.cluster_specifier_plugins_size(); ++i) {
    const auto& plugin = config.cluster_specifier_plugins(i);
    reader.cluster_plugins.insert_or_assign(plugin.extension().name(), reader.cluster_plugin(plugin, {&plugins, {}, i}));
  }
  const Path hosts{&at, "virtual_hosts"};
  result.virtual_hosts.reserve(static_cast<size_t>(config.virtual_hosts_size()));
  for (int i = 0; i < config.virtual_hosts_size(); ++i) {
    result.virtual_hosts.push_back(virtual_host(reader, config.virtual_hosts(i), inherited, max_body_size, {&hosts, {}, i}));
  }
  check_domains(reader, config, hosts);
  if (diagnostics.errors().size() != errors_before || diagnostics.full()) return nullptr;
  return reader.take(at, RouteTable::build(std::move(result)));
}

namespace {

/// Filters of rate limits use them; those that do not exist yet are refused.
void declare_rate_limits(config::SupportTable& table) {
  using Limit = v3::RateLimit;
  table.message<Limit>().all_fields();
  table.message<Limit::Override>().all_fields();
  table.message<Limit::Override::DynamicMetadata>().all_fields();
  table.message<Limit::HitsAddend>().all_fields();
  table.message<Limit::Action>().fields({"source_cluster", "destination_cluster", "request_headers", "query_parameters",
                                         "remote_address", "masked_remote_address", "generic_key", "header_value_match",
                                         "dynamic_metadata", "metadata", "query_parameter_value_match"});
  table.message<Limit::Action::SourceCluster>();
  table.message<Limit::Action::DestinationCluster>();
  table.message<Limit::Action::RequestHeaders>().all_fields();
  table.message<Limit::Action::QueryParameters>().all_fields();
  table.message<Limit::Action::RemoteAddress>();
  table.message<Limit::Action::MaskedRemoteAddress>().all_fields();
  table.message<Limit::Action::GenericKey>().all_fields();
  table.message<Limit::Action::HeaderValueMatch>().all_fields();
  table.message<Limit::Action::DynamicMetaData>().all_fields();
  table.message<Limit::Action::MetaData>().all_fields();
  table.message<Limit::Action::QueryParameterValueMatch>().all_fields();
  table.message<envoy::type::metadata::v3::MetadataKey>().all_fields();
  table.message<envoy::type::metadata::v3::MetadataKey::PathSegment>().all_fields();
}

}  // namespace

void declare_support(config::SupportTable& table) {
  format::declare_matcher_trees(table);
  declare_policies(table);
  table.message<v3::RouteConfiguration>().fields(
      {"name", "virtual_hosts", "internal_only_headers", "response_headers_to_add", "response_headers_to_remove",
       "request_headers_to_add", "request_headers_to_remove", "most_specific_header_mutations_wins", "validate_clusters",
       "max_direct_response_body_size_bytes", "ignore_port_in_host_matching", "ignore_path_parameters_in_path_matching",
       "cluster_specifier_plugins"});
  table.message<v3::RouteConfiguration>().extensions("typed_per_filter_config", kFilterSettings).harmless({"metadata"});
  table.extension<v3::FilterConfig>(kFilterSettings, "envoy.config.route.v3.FilterConfig")
      .fields({"disabled", "is_optional"})
      .extensions("config", kFilterSettings);
  table.message<v3::ClusterSpecifierPlugin>().all_fields();
  table.message<matcher_plugin::MatcherClusterSpecifier>().all_fields();
  table.extension<matcher_plugin::ClusterAction>(format::kMatcherActions, "cluster").all_fields();
  table.extension<v3::Route>(format::kMatcherActions, "route");
  table.extension<v3::RouteList>(format::kMatcherActions, "route_list").all_fields();
  table.message<v3::VirtualHost>()
      .extensions("typed_per_filter_config", kFilterSettings)
      .fields({"name", "domains", "routes", "matcher", "rate_limits", "require_tls", "virtual_clusters", "request_headers_to_add",
               "request_headers_to_remove", "response_headers_to_add", "response_headers_to_remove",
               "include_request_attempt_count", "metadata"})
      .harmless({"cors"});
  table.message<v3::VirtualCluster>().all_fields();
  table.message<v3::Route>()
      .extensions("typed_per_filter_config", kFilterSettings)
      .fields({"name", "match", "route", "redirect", "direct_response", "non_forwarding_action", "request_headers_to_add",
               "request_headers_to_remove", "response_headers_to_add", "response_headers_to_remove", "stat_prefix", "metadata",
               "decorator", "tracing"});
  table.message<v3::Decorator>().all_fields();
  table.message<v3::Tracing>().fields({"client_sampling", "random_sampling", "overall_sampling"}).harmless({"custom_tags"});
  table.message<v3::RouteMatch>()
      .fields({"prefix", "path", "safe_regex", "connect_matcher", "path_separated_prefix", "case_sensitive", "runtime_fraction",
               "headers", "query_parameters", "grpc", "tls_context", "dynamic_metadata", "filter_state"})
      .extensions("path_match_policy", "envoy.path.match");
  table.message<v3::RouteMatch::ConnectMatcher>().all_fields();
  table.message<v3::RouteMatch::GrpcRouteMatchOptions>().all_fields();
  table.message<v3::RouteMatch::TlsContextMatchOptions>().all_fields();
  table
      .extension<envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig>("envoy.path.match",
                                                                                           "envoy.path.match.uri_template")
      .all_fields();
  table
      .extension<envoy::extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig>("envoy.path.rewrite",
                                                                                               "envoy.path.rewrite.uri_template")
      .all_fields();
  table.message<v3::QueryParameterMatcher>().all_fields();
  table.message<v3::RouteAction>()
      .fields({"cluster",
               "cluster_header",
               "weighted_clusters",
               "cluster_specifier_plugin",
               "inline_cluster_specifier_plugin",
               "hash_policy",
               "rate_limits",
               "include_vh_rate_limits",
               "cluster_not_found_response_code",
               "prefix_rewrite",
               "regex_rewrite",
               "host_rewrite_literal",
               "auto_host_rewrite",
               "host_rewrite_header",
               "host_rewrite_path_regex",
               "append_x_forwarded_host",
               "timeout",
               "idle_timeout",
               "flush_timeout",
               "priority",
               "max_grpc_timeout",
               "grpc_timeout_offset",
               "upgrade_configs",
               "max_stream_duration"})
      .extensions("path_rewrite_policy", "envoy.path.rewrite")
      .extensions("early_data_policy", "envoy.route.early_data_policy")
      .fields({"metadata_match"})
      .harmless({"cors"});
  table.extension<envoy::extensions::early_data::v3::DefaultEarlyDataPolicy>("envoy.route.early_data_policy",
                                                                             "envoy.route.early_data_policy.default");
  table.message<v3::RouteAction::HashPolicy>().all_fields();
  table.message<v3::RouteAction::HashPolicy::Header>().all_fields();
  table.message<v3::RouteAction::HashPolicy::Cookie>().all_fields();
  table.message<v3::RouteAction::HashPolicy::CookieAttribute>().all_fields();
  table.message<v3::RouteAction::HashPolicy::ConnectionProperties>().all_fields();
  table.message<v3::RouteAction::HashPolicy::QueryParameter>().all_fields();
  table.message<v3::RouteAction::HashPolicy::FilterState>().all_fields();
  declare_rate_limits(table);
  table.message<v3::RouteAction::UpgradeConfig>().fields({"upgrade_type", "enabled", "connect_config"});
  table.message<v3::RouteAction::UpgradeConfig::ConnectConfig>().all_fields();
  table.message<envoy::config::core::v3::ProxyProtocolConfig>().fields({"version"});
  table.message<v3::RouteAction::MaxStreamDuration>().all_fields();
  table.message<v3::WeightedCluster>().fields(
      {"clusters", "total_weight", "header_name", "use_hash_policy", "runtime_key_prefix"});
  table.message<v3::WeightedCluster::ClusterWeight>()
      .extensions("typed_per_filter_config", kFilterSettings)
      .fields({"name", "cluster_header", "weight", "request_headers_to_add", "request_headers_to_remove",
               "response_headers_to_add", "response_headers_to_remove", "host_rewrite_literal", "metadata_match"});
  table.message<v3::RedirectAction>().all_fields();
  table.message<v3::DirectResponseAction>().all_fields();
  table.message<v3::NonForwardingAction>().all_fields();
  table.message<core::HeaderValueOption>().all_fields();
  table.message<core::HeaderValue>().all_fields();
  table.message<core::DataSource>().fields({"filename", "inline_bytes", "inline_string", "environment_variable"});
  table.message<core::RuntimeFractionalPercent>().all_fields();
  table.message<core::TypedExtensionConfig>().all_fields();
  table.message<envoy::type::v3::FractionalPercent>().all_fields();
  table.message<envoy::type::matcher::v3::RegexMatchAndSubstitute>().all_fields();
}

}  // namespace weir::route
