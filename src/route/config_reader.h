// ConfigReader: what turning protobuf into route values needs: where to intern clusters, how to unpack extensions, where to
// put errors. Only *_config.cc files include this.
#pragma once

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/map.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/names.h"
#include "base/result.h"
#include "base/runtime.h"
#include "config/data_source.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/schema.h"
#include "format/matcher_config.h"
#include "format/matcher_tree_config.h"
#include "route/spec.h"

namespace envoy::config::core::v3 {
class DataSource;
class HeaderValueOption;
class RuntimeFractionalPercent;
}  // namespace envoy::config::core::v3
namespace envoy::config::route::v3 {
class ClusterSpecifierPlugin;
class HeaderMatcher;
class QueryParameterMatcher;
class RateLimit;
class Route;
class RouteMatch;
}  // namespace envoy::config::route::v3
namespace envoy::type::matcher::v3 {
class RegexMatchAndSubstitute;
class RegexMatcher;
class StringMatcher;
}  // namespace envoy::type::matcher::v3

namespace weir::route {

/// For who has no filters.
FilterSettingsPtr refuse_filter_settings(const google::protobuf::Any& config, const config::FieldPath& at,
                                         config::Diagnostics& diagnostics);

/// What a route configuration is read against. All references outlive the reading.
struct ReadContext {
  config::Schema& schema;
  Names& clusters;
  /// Whether a cluster of that name exists now.
  std::function<bool(std::string_view)> has_cluster;
  /// Whether routes to unknown clusters are refused if `validate_clusters` does not say: so in the bootstrap and in LDS, not in
  /// RDS.
  bool validates_clusters = true;
  /// Reads what a route says to a filter; null after reporting an error.
  std::function<FilterSettingsPtr(const google::protobuf::Any&, const config::FieldPath&, config::Diagnostics&)>
      read_filter_settings = refuse_filter_settings;
  /// The runtime key re2.max_program_size.error_level.
  uint32_t max_regex_program_size = format::kMaxRegexProgramSize;
  /// Whose keys values may follow; null: they follow none.
  RuntimeValues* runtime = nullptr;
  /// Where virtual clusters and routes find their counters; null: nobody counts.
  RouteStats* stats = nullptr;
  /// The same for conditions of matchers.
  stats::Scopes* condition_stats = nullptr;
};

/// What a route takes from its virtual host, or that from the route configuration, if it says nothing itself.
struct InheritedPolicies {
  std::shared_ptr<const RetryPolicy> retry;
  std::shared_ptr<const HedgePolicy> hedge;
  std::vector<MirrorPolicy> mirrors;
};

enum class Direction : uint8_t { kRequest, kResponse };

/// What becomes of lines that are there already; `append` is the older way to say it.
AppendAction append_action(const envoy::config::core::v3::HeaderValueOption& config);

/// One header of a headers_to_add list. Errors are reported; `direction` says whose repeated lines it may join.
HeaderAddition read_header_addition(const envoy::config::core::v3::HeaderValueOption& config, Direction direction,
                                    const config::FieldPath& at, config::Diagnostics& diagnostics);

/// Reads one value after the other; errors are collected, so that a user sees all of them at once.
class ConfigReader {
 public:
  using Path = config::FieldPath;

  ConfigReader(const ReadContext& context, config::Diagnostics& diagnostics)
      : validates_clusters(context.validates_clusters && context.has_cluster), context_(context), diagnostics_(diagnostics) {}

  void error(const Path& at, std::string message, std::string hint = {}) {
    diagnostics_.error({{}, at.text(), std::move(message), std::move(hint)});
  }
  /// The value; a default one after reporting the error.
  template <class T>
  T take(const Path& at, Result<T> result) {
    if (result) return std::move(*result);
    error(at, result.error().message);
    return T();
  }

  /// Whole milliseconds, rounded down, as Envoy counts them.
  uint64_t milliseconds(const google::protobuf::Duration& duration, const Path& at) {
    if (duration.seconds() < 0 || duration.nanos() < 0) error(at, "must not be negative");
    return static_cast<uint64_t>(duration.seconds()) * 1000 + static_cast<uint64_t>(duration.nanos()) / 1'000'000;
  }

  // match_config.cc
  Regex regex(const envoy::type::matcher::v3::RegexMatcher& config, const Path& at) { return matchers().regex(config, at); }
  RegexRewrite regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& config, const Path& at);
  TextMatcher text_matcher(const envoy::type::matcher::v3::StringMatcher& config, const Path& at) {
    return matchers().text(config, at);
  }
  HeaderMatcher header_matcher(const envoy::config::route::v3::HeaderMatcher& config, const Path& at) {
    return matchers().header(config, at);
  }
  QueryMatcher query_matcher(const envoy::config::route::v3::QueryParameterMatcher& config, const Path& at);
  Fraction fraction(const envoy::config::core::v3::RuntimeFractionalPercent& config) {
    return format::read_fraction(config, context_.runtime);
  }
  RouteMatch route_match(const envoy::config::route::v3::RouteMatch& config, const Path& at);

  // mutation_config.cc
  /// `M` has {request,response}_headers_to_{add,remove}.
  template <class M>
  Mutations mutations(const M& config, const Path& at) {
    return {
        {additions(config.request_headers_to_add(), Direction::kRequest, {&at, "request_headers_to_add"}),
         removals(config.request_headers_to_remove(), {&at, "request_headers_to_remove"})},
        {additions(config.response_headers_to_add(), Direction::kResponse, {&at, "response_headers_to_add"}),
         removals(config.response_headers_to_remove(), {&at, "response_headers_to_remove"})},
    };
  }
  template <class List>
  std::vector<HeaderAddition> additions(const List& list, Direction direction, const Path& at) {
    std::vector<HeaderAddition> result;
    result.reserve(static_cast<size_t>(list.size()));
    for (int i = 0; i < list.size(); ++i) result.push_back(addition(list[i], direction, {&at, {}, i}));
    return result;
  }
  template <class List>
  std::vector<http::HeaderName> removals(const List& list, const Path& at) {
    std::vector<http::HeaderName> result;
    result.reserve(static_cast<size_t>(list.size()));
    for (int i = 0; i < list.size(); ++i) result.push_back(removal(list[i], {&at, {}, i}));
    return result;
  }
  HeaderAddition addition(const envoy::config::core::v3::HeaderValueOption& config, Direction direction, const Path& at) {
    return read_header_addition(config, direction, at, diagnostics_);
  }
  http::HeaderName removal(const std::string& name, const Path& at);

  // filter_overrides_config.cc
  FilterOverrides filter_overrides(const google::protobuf::Map<std::string, google::protobuf::Any>& config, const Path& at);

  // action_config.cc
  Action action(const envoy::config::route::v3::Route& config, const InheritedPolicies& inherited, const PathMatch& match,
                uint32_t max_body_size, const Path& at);
  ClusterRef cluster(const std::string& name, const Path& at);
  /// The bytes that a DataSource names; at most `max_size`.
  std::string data(const envoy::config::core::v3::DataSource& config, size_t max_size, const Path& at) {
    return config::read_data_source(config, max_size, at, diagnostics_);
  }

  // cluster_plugin_config.cc
  /// Null without an error: the plugin is optional and unknown.
  std::shared_ptr<const MatchedCluster> cluster_plugin(const envoy::config::route::v3::ClusterSpecifierPlugin& config,
                                                       const Path& at);
  /// The plugins that routes name.
  std::map<std::string, std::shared_ptr<const MatchedCluster>, std::less<>> cluster_plugins;

  // rate_limit_config.cc
  std::vector<RateLimit> rate_limits(const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>& config,
                                     const Path& at);
  RuntimeKey runtime_key(const std::string& name) {
    return context_.runtime == nullptr ? RuntimeKey() : context_.runtime->key(name);
  }

  const ReadContext& context() const { return context_; }
  config::Diagnostics& diagnostics() { return diagnostics_; }
  format::MatcherReader matchers() {
    return {diagnostics_, context_.max_regex_program_size, context_.runtime, context_.condition_stats};
  }

  /// Whether clusters that routes name must exist; not those in actions of matchers.
  bool validates_clusters = true;

 private:
  const ReadContext& context_;
  config::Diagnostics& diagnostics_;
};

}  // namespace weir::route
