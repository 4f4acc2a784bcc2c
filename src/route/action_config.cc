#include <algorithm>
#include <limits>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite.pb.h"
#include "format/lb_criteria_config.h"
#include "route/config_reader.h"
#include "route/policy_config.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::route {

namespace v3 = envoy::config::route::v3;
namespace core = envoy::config::core::v3;
using Path = ConfigReader::Path;

namespace {

WeightedCluster weighted_cluster(ConfigReader& reader, const v3::WeightedCluster::ClusterWeight& config,
                                 const std::string& prefix, const Path& at) {
  WeightedCluster result;
  if (config.name().empty() == config.cluster_header().empty()) {
    reader.error(at, config.name().empty() ? "needs a name or a cluster_header" : "has both a name and a cluster_header");
  } else if (!config.name().empty()) {
    result.cluster = reader.cluster(config.name(), {&at, "name"});
  } else {
    result.header = http::HeaderName(config.cluster_header());
  }
  if (!config.has_weight()) reader.error({&at, "weight"}, "is missing", "a weight of 0 has to be said, too");
  result.weight = config.weight().value();
  if (!prefix.empty()) result.runtime_weight = reader.runtime_key(prefix + "." + config.name());
  if (config.has_metadata_match()) {
    if (auto criteria = format::read_lb_criteria(config.metadata_match()); !criteria.empty()) {
      result.criteria = std::make_shared<const format::LbCriteria>(std::move(criteria));
    }
  }
  result.mutations = reader.mutations(config, at);
  result.filters = reader.filter_overrides(config.typed_per_filter_config(), {&at, "typed_per_filter_config"});
  if (config.host_rewrite_specifier_case() == v3::WeightedCluster::ClusterWeight::kHostRewriteLiteral) {
    result.host_rewrite = config.host_rewrite_literal();
  }
  return result;
}

WeightedClusters weighted_clusters(ConfigReader& reader, const v3::WeightedCluster& config, const Path& at) {
  WeightedClusters result;
  const Path clusters{&at, "clusters"};
  uint64_t weights = 0;  // with what the runtime says of them now
  for (int i = 0; i < config.clusters_size(); ++i) {
    result.entries.push_back(weighted_cluster(reader, config.clusters(i), config.runtime_key_prefix(), {&clusters, {}, i}));
    const WeightedCluster& entry = result.entries.back();
    result.total_weight += entry.weight;
    weights += entry.runtime_weight.integer(entry.weight);
  }
  if (weights == 0) {
    reader.error(clusters, "the weights sum up to 0", "give at least one cluster a weight");
  } else if (weights > std::numeric_limits<uint32_t>::max()) {
    reader.error(clusters, "the weights sum up to " + std::to_string(weights) + ", more than 4294967295");
  }
  result.total_weight = std::max<uint64_t>(result.total_weight, 1);
  result.weights_change = !config.runtime_key_prefix().empty();
  if (!config.header_name().empty()) result.random_header = http::HeaderName(config.header_name());
  result.use_hash_policy = config.use_hash_policy().value();
  return result;
}

ClusterSpecifier cluster_specifier(ConfigReader& reader, const v3::RouteAction& config, const Path& at) {
  switch (config.cluster_specifier_case()) {
    case v3::RouteAction::kCluster:
      return reader.cluster(config.cluster(), {&at, "cluster"});
    case v3::RouteAction::kClusterHeader:
      return http::HeaderName(config.cluster_header());
    case v3::RouteAction::kWeightedClusters:
      return weighted_clusters(reader, config.weighted_clusters(), {&at, "weighted_clusters"});
    case v3::RouteAction::kClusterSpecifierPlugin: {
      const auto found = reader.cluster_plugins.find(config.cluster_specifier_plugin());
      if (found != reader.cluster_plugins.end()) return found->second;
      std::vector<std::string_view> names;
      for (const auto& [name, plugin] : reader.cluster_plugins) names.push_back(name);
      const std::string near = config::nearest(config.cluster_specifier_plugin(), names);
      reader.error(
          {&at, "cluster_specifier_plugin"},
          "'" + config.cluster_specifier_plugin() + "' is none of the cluster_specifier_plugins of this route configuration",
          near.empty() ? "" : "did you mean '" + near + "'?");
      return ClusterRef();
    }
    case v3::RouteAction::kInlineClusterSpecifierPlugin:
      return reader.cluster_plugin(config.inline_cluster_specifier_plugin(), {&at, "inline_cluster_specifier_plugin"});
    case v3::RouteAction::CLUSTER_SPECIFIER_NOT_SET:
      break;
  }
  reader.error(at, "needs a cluster, cluster_header, weighted_clusters or a cluster specifier plugin");
  return ClusterRef();
}

/// A weighted cluster's criteria win over the route's.
void read_criteria(const v3::RouteAction& config, Forward& forward) {
  format::LbCriteria criteria = format::read_lb_criteria(config.metadata_match());
  if (criteria.empty()) return;
  forward.criteria = std::make_shared<const format::LbCriteria>(std::move(criteria));
  auto* clusters = std::get_if<Boxed<WeightedClusters>>(&forward.cluster);
  if (clusters == nullptr) return;
  for (WeightedCluster& entry : (*clusters)->entries) {
    entry.criteria = entry.criteria == nullptr
                         ? forward.criteria
                         : std::make_shared<const format::LbCriteria>(merged(*forward.criteria, *entry.criteria));
  }
}

HostRewrite host_rewrite(ConfigReader& reader, const v3::RouteAction& config, const Path& at) {
  HostRewrite result;
  switch (config.host_rewrite_specifier_case()) {
    case v3::RouteAction::kHostRewriteLiteral:
      if (config.host_rewrite_literal().empty()) break;
      result.kind = HostRewrite::Kind::kLiteral;
      result.literal = config.host_rewrite_literal();
      break;
    case v3::RouteAction::kAutoHostRewrite:
      if (config.auto_host_rewrite().value()) result.kind = HostRewrite::Kind::kAuto;
      break;
    case v3::RouteAction::kHostRewriteHeader:
      result.kind = HostRewrite::Kind::kHeader;
      result.header = http::HeaderName(config.host_rewrite_header());
      break;
    case v3::RouteAction::kHostRewritePathRegex:
      result.kind = HostRewrite::Kind::kPathRegex;
      result.path_regex = reader.regex_rewrite(config.host_rewrite_path_regex(), {&at, "host_rewrite_path_regex"});
      break;
    case v3::RouteAction::HOST_REWRITE_SPECIFIER_NOT_SET:
      break;
  }
  return result;
}

void read_path_rewrites(ConfigReader& reader, const v3::RouteAction& config, const PathMatch& match, const Path& at,
                        Forward& forward) {
  const int rewrites = !config.prefix_rewrite().empty() + config.has_regex_rewrite() + config.has_path_rewrite_policy();
  if (rewrites > 1) reader.error(at, "has more than one of prefix_rewrite, regex_rewrite and path_rewrite_policy");
  if (!config.prefix_rewrite().empty() && match.kind == PathMatch::Kind::kTemplate) {
    reader.error({&at, "prefix_rewrite"}, "does not go with path_match_policy", "use path_rewrite_policy or regex_rewrite");
  }
  if (!config.prefix_rewrite().empty()) forward.prefix_rewrite = config.prefix_rewrite();
  if (config.has_regex_rewrite()) forward.regex_rewrite = reader.regex_rewrite(config.regex_rewrite(), {&at, "regex_rewrite"});
  if (!config.has_path_rewrite_policy()) return;
  const Path policy{&at, "path_rewrite_policy"};
  envoy::extensions::path::rewrite::uri_template::v3::UriTemplateRewriteConfig rewrite;
  if (!config.path_rewrite_policy().typed_config().UnpackTo(&rewrite)) {
    reader.error({&policy, "typed_config"}, "is no known kind of path rewrite", "envoy.path.rewrite.uri_template is");
  } else if (match.kind != PathMatch::Kind::kTemplate) {
    reader.error(policy, "needs a match by path_match_policy", "use prefix_rewrite or regex_rewrite with other matches");
  } else {
    forward.template_rewrite = reader.take(Path{&policy, "typed_config"},
                                           TemplateRewrite::compile(rewrite.path_template_rewrite(), match.path_template));
  }
}

void read_timeouts(ConfigReader& reader, const v3::RouteAction& config, const Path& at, Forward& forward) {
  TimeLimits limits;
  auto set = [&](bool given, const google::protobuf::Duration& duration, const Path& where, std::optional<uint64_t>& to) {
    if (given) to = reader.milliseconds(duration, where);
  };
  if (config.has_timeout()) forward.timeout_ms = reader.milliseconds(config.timeout(), {&at, "timeout"});
  set(config.has_idle_timeout(), config.idle_timeout(), {&at, "idle_timeout"}, limits.idle_timeout_ms);
  set(config.has_flush_timeout(), config.flush_timeout(), {&at, "flush_timeout"}, limits.flush_timeout_ms);
  set(config.has_max_grpc_timeout(), config.max_grpc_timeout(), {&at, "max_grpc_timeout"}, limits.max_grpc_timeout_ms);
  set(config.has_grpc_timeout_offset(), config.grpc_timeout_offset(), {&at, "grpc_timeout_offset"},
      limits.grpc_timeout_offset_ms);
  const auto& stream = config.max_stream_duration();
  const Path here{&at, "max_stream_duration"};
  set(stream.has_max_stream_duration(), stream.max_stream_duration(), {&here, "max_stream_duration"},
      limits.max_stream_duration_ms);
  set(stream.has_grpc_timeout_header_max(), stream.grpc_timeout_header_max(), {&here, "grpc_timeout_header_max"},
      limits.grpc_timeout_header_max_ms);
  set(stream.has_grpc_timeout_header_offset(), stream.grpc_timeout_header_offset(), {&here, "grpc_timeout_header_offset"},
      limits.grpc_timeout_header_offset_ms);
  // Where the stream's duration is limited, the older limits are not even looked at.
  if (config.has_max_stream_duration()) {
    forward.timeout_ms = 0;
    limits.max_grpc_timeout_ms.reset();
  }
  if (limits != TimeLimits()) forward.time_limits = limits;
}

Forward forward(ConfigReader& reader, const v3::RouteAction& config, const InheritedPolicies& inherited, const PathMatch& match,
                const Path& at) {
  Forward result;
  result.cluster = cluster_specifier(reader, config, at);
  result.cluster_not_found_status = config.cluster_not_found_response_code() == v3::RouteAction::NOT_FOUND               ? 404
                                    : config.cluster_not_found_response_code() == v3::RouteAction::INTERNAL_SERVER_ERROR ? 500
                                                                                                                         : 503;
  read_path_rewrites(reader, config, match, at, result);
  if (HostRewrite rewrite = host_rewrite(reader, config, at); rewrite.kind != HostRewrite::Kind::kNone) {
    result.host_rewrite = std::move(rewrite);
  }
  result.append_x_forwarded_host = config.append_x_forwarded_host();
  read_timeouts(reader, config, at, result);
  result.priority = config.priority() == core::HIGH ? Priority::kHigh : Priority::kDefault;
  read_policies(reader, config, inherited, at, result);
  read_criteria(config, result);
  result.rate_limits = reader.rate_limits(config.rate_limits(), {&at, "rate_limits"});
  result.include_vh_rate_limits = config.include_vh_rate_limits().value();
  return result;
}

Redirect redirect(ConfigReader& reader, const v3::RedirectAction& config, const Path& at) {
  constexpr int kStatus[] = {301, 302, 303, 307, 308};
  Redirect result;
  result.status = kStatus[config.response_code()];
  result.https = config.scheme_rewrite_specifier_case() == v3::RedirectAction::kHttpsRedirect && config.https_redirect();
  result.scheme = config.scheme_redirect();
  result.host = config.host_redirect();
  result.port = config.port_redirect();
  result.path = config.path_redirect();
  result.prefix_rewrite = config.prefix_rewrite();
  if (config.has_regex_rewrite()) result.regex_rewrite = reader.regex_rewrite(config.regex_rewrite(), {&at, "regex_rewrite"});
  result.strip_query = config.strip_query();
  return result;
}

}  // namespace

ClusterRef ConfigReader::cluster(const std::string& name, const Path& at) {
  if (validates_clusters && !context_.has_cluster(name)) error(at, "there is no cluster '" + name + "'");
  return {context_.clusters.intern(name), name};
}

Action ConfigReader::action(const v3::Route& config, const InheritedPolicies& inherited, const PathMatch& match,
                            uint32_t max_body_size, const Path& at) {
  switch (config.action_case()) {
    case v3::Route::kRoute:
      return forward(*this, config.route(), inherited, match, {&at, "route"});
    case v3::Route::kRedirect:
      return redirect(*this, config.redirect(), {&at, "redirect"});
    case v3::Route::kDirectResponse: {
      const Path direct{&at, "direct_response"};
      DirectResponse result;
      result.status = static_cast<int>(config.direct_response().status());
      if (config.direct_response().has_body()) {
        result.body = data(config.direct_response().body(), max_body_size, {&direct, "body"});
      }
      return result;
    }
    case v3::Route::kNonForwardingAction:
      return NonForwarding();
    default:
      error(at, "needs one of route, redirect, direct_response and non_forwarding_action");
      return NonForwarding();
  }
}

}  // namespace weir::route
