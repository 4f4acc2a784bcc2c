// Reading cluster specifier plugins: those that are data.
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/router/cluster_specifiers/matcher/v3/matcher.pb.h"
#include "route/config_reader.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace weir::route {

namespace matcher = envoy::extensions::router::cluster_specifiers::matcher::v3;

std::shared_ptr<const MatchedCluster> ConfigReader::cluster_plugin(const envoy::config::route::v3::ClusterSpecifierPlugin& config,
                                                                   const Path& at) {
  const Path extension{&at, "extension"};
  const Path where{&extension, "typed_config"};
  matcher::MatcherClusterSpecifier specifier;
  if (!config.extension().typed_config().UnpackTo(&specifier)) {
    if (!config.is_optional()) {
      error(where, "'" + config.extension().typed_config().type_url() + "' is no cluster specifier plugin",
            "envoy.router.cluster_specifier_plugin.matcher is");
    }
    return nullptr;
  }
  auto result = std::make_shared<MatchedCluster>();
  format::MatcherOwner owner;
  owner.refusal = [](format::MatchInput::Kind kind) {
    using Kind = format::MatchInput::Kind;
    const bool of_chains = kind == Kind::kTransportProtocol || kind == Kind::kApplicationProtocol;
    return std::string(of_chains ? "only listeners match it, to choose a filter chain" : "");
  };
  owner.read_action = [&](const google::protobuf::Any& action, const Path& here) -> std::optional<uint32_t> {
    matcher::ClusterAction cluster;
    if (!action.UnpackTo(&cluster)) {
      error(here, "is no ClusterAction", "use envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction");
      return std::nullopt;
    }
    // The cluster need not exist, not even with validate_clusters.
    result->clusters.push_back({context_.clusters.intern(cluster.cluster()), cluster.cluster()});
    return static_cast<uint32_t>(result->clusters.size() - 1);
  };
  format::MatcherReader readers = matchers();
  result->matcher = format::read_matcher_tree(specifier.cluster_matcher(), {&where, "cluster_matcher"}, readers, owner);
  return result;
}

}  // namespace weir::route
