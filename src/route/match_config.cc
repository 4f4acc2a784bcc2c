#include "base/text.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/path/match/uri_template/v3/uri_template_match.pb.h"
#include "envoy/type/matcher/v3/filter_state.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "route/config_reader.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::route {

namespace v3 = envoy::config::route::v3;
namespace matcher = envoy::type::matcher::v3;

RegexRewrite ConfigReader::regex_rewrite(const matcher::RegexMatchAndSubstitute& config, const Path& at) {
  const Path pattern{&at, "pattern"};
  Result<Regex> regex = Regex::compile(config.pattern().regex(), context_.max_regex_program_size);
  if (!regex) {
    error({&pattern, "regex"}, regex.error().message);
    return {};
  }
  return RegexRewrite::make(std::move(*regex), config.substitution());
}

RouteMatch ConfigReader::route_match(const v3::RouteMatch& config, const Path& at) {
  RouteMatch result;
  PathMatch& path = result.path;
  path.case_sensitive = !config.has_case_sensitive() || config.case_sensitive().value();
  auto text = [&](PathMatch::Kind kind, const std::string& value) {
    path.kind = kind;
    path.text = path.case_sensitive ? value : lower(value);
  };
  switch (config.path_specifier_case()) {
    case v3::RouteMatch::kPrefix:
      text(PathMatch::Kind::kPrefix, config.prefix());
      break;
    case v3::RouteMatch::kPath:
      text(PathMatch::Kind::kExact, config.path());
      break;
    case v3::RouteMatch::kPathSeparatedPrefix:
      text(PathMatch::Kind::kSeparatedPrefix, config.path_separated_prefix());
      break;
    case v3::RouteMatch::kSafeRegex:
      path.kind = PathMatch::Kind::kRegex;
      path.regex = regex(config.safe_regex(), {&at, "safe_regex"});
      break;
    case v3::RouteMatch::kConnectMatcher:
      path.kind = PathMatch::Kind::kConnect;
      break;
    case v3::RouteMatch::kPathMatchPolicy: {
      using Template = envoy::extensions::path::match::uri_template::v3::UriTemplateMatchConfig;
      const Path policy{&at, "path_match_policy"};
      Template policy_config;
      path.kind = PathMatch::Kind::kTemplate;
      if (!config.path_match_policy().typed_config().UnpackTo(&policy_config)) {
        error({&policy, "typed_config"}, "is no known kind of path match", "envoy.path.match.uri_template is");
        break;
      }
      path.path_template = take(Path{&policy, "typed_config"}, PathTemplate::compile(policy_config.path_template()));
      break;
    }
    case v3::RouteMatch::PATH_SPECIFIER_NOT_SET:
      break;  // required by the constraints of the .proto file
  }

  const Path headers{&at, "headers"};
  for (int i = 0; i < config.headers_size(); ++i) result.headers.push_back(header_matcher(config.headers(i), {&headers, {}, i}));
  const Path parameters{&at, "query_parameters"};
  for (int i = 0; i < config.query_parameters_size(); ++i) {
    result.query_parameters.push_back(query_matcher(config.query_parameters(i), {&parameters, {}, i}));
  }
  result.grpc = config.has_grpc();
  if (config.has_runtime_fraction()) result.runtime_fraction = fraction(config.runtime_fraction());
  if (config.has_tls_context()) {
    if (config.tls_context().has_presented()) result.tls_presented = config.tls_context().presented().value();
    if (config.tls_context().has_validated()) result.tls_validated = config.tls_context().validated().value();
  }
  format::MatcherReader reader = matchers();
  const Path metadata{&at, "dynamic_metadata"};
  for (int i = 0; i < config.dynamic_metadata_size(); ++i) {
    result.dynamic_metadata.push_back(format::read_metadata_matcher(config.dynamic_metadata(i), {&metadata, {}, i}, reader));
  }
  const Path state{&at, "filter_state"};
  for (int i = 0; i < config.filter_state_size(); ++i) {
    result.filter_state.push_back(format::read_filter_state_matcher(config.filter_state(i), {&state, {}, i}, reader));
  }
  return result;
}

}  // namespace weir::route
