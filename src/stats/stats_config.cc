#include "stats/stats_config.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "envoy/config/metrics/v3/stats.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"

namespace weir::stats {

namespace {

namespace metrics = envoy::config::metrics::v3;
namespace matcher = envoy::type::matcher::v3;

std::shared_ptr<const RE2> read_regex(const std::string& text, const config::FieldPath& at, config::Diagnostics& diagnostics) {
  auto regex = std::make_shared<const RE2>(text, RE2::Quiet);
  if (regex->ok()) return regex;
  diagnostics.error({{}, at.text(), "invalid regular expression " + config::quoted(text) + ": " + regex->error(), {}});
  return nullptr;
}

NameMatcher read_matcher(const matcher::StringMatcher& config, const config::FieldPath& at, config::Diagnostics& diagnostics) {
  NameMatcher result;
  result.ignore_case = config.ignore_case();
  switch (config.match_pattern_case()) {
    case matcher::StringMatcher::kExact:
      result.kind = NameMatcher::Kind::kExact;
      result.text = config.exact();
      break;
    case matcher::StringMatcher::kPrefix:
      result.kind = NameMatcher::Kind::kPrefix;
      result.text = config.prefix();
      break;
    case matcher::StringMatcher::kSuffix:
      result.kind = NameMatcher::Kind::kSuffix;
      result.text = config.suffix();
      break;
    case matcher::StringMatcher::kContains:
      result.kind = NameMatcher::Kind::kContains;
      result.text = config.contains();
      break;
    case matcher::StringMatcher::kSafeRegex: {
      const config::FieldPath regex_at{&at, "safe_regex"};
      result.kind = NameMatcher::Kind::kRegex;
      result.regex = read_regex(config.safe_regex().regex(), regex_at, diagnostics);
      if (result.regex == nullptr) result.kind = NameMatcher::Kind::kExact;  // the configuration is refused anyway
      break;
    }
    default:
      diagnostics.error({{}, at.text(), "this kind of matcher is not supported for names of statistics", {}});
  }
  if (result.ignore_case) result.text = lower(result.text);
  return result;
}

NameFilter read_filter(const metrics::StatsMatcher& config, const config::FieldPath& at, config::Diagnostics& diagnostics) {
  NameFilter filter;
  const matcher::ListStringMatcher* list = nullptr;
  std::string_view field;
  switch (config.stats_matcher_case()) {
    case metrics::StatsMatcher::kRejectAll:
      filter.mode = config.reject_all() ? NameFilter::Mode::kNone : NameFilter::Mode::kAll;
      return filter;
    case metrics::StatsMatcher::kExclusionList:
      filter.mode = NameFilter::Mode::kExceptMatching;
      list = &config.exclusion_list();
      field = "exclusion_list";
      break;
    case metrics::StatsMatcher::kInclusionList:
      filter.mode = NameFilter::Mode::kOnlyMatching;
      list = &config.inclusion_list();
      field = "inclusion_list";
      break;
    default:
      return filter;
  }
  const config::FieldPath list_at{&at, field};
  const config::FieldPath patterns_at{&list_at, "patterns"};
  for (int i = 0; i < list->patterns_size(); ++i) {
    filter.matchers.push_back(read_matcher(list->patterns(i), config::FieldPath{&patterns_at, {}, i}, diagnostics));
  }
  return filter;
}

/// The tags that statistics get without being asked, those of Envoy that Weir has nothing to say about among them.
constexpr std::string_view kDefaultTags[] = {"envoy.clientssl_prefix",
                                             "envoy.cluster_name",
                                             "envoy.connection_limit_prefix",
                                             "envoy.dns_filter_prefix",
                                             "envoy.dynamo_operation",
                                             "envoy.dynamo_partition_id",
                                             "envoy.dynamo_table",
                                             "envoy.ext_authz_prefix",
                                             "envoy.fault_downstream_cluster",
                                             "envoy.google_grpc_client_prefix",
                                             "envoy.grpc_bridge_method",
                                             "envoy.grpc_bridge_service",
                                             "envoy.http_conn_manager_prefix",
                                             "envoy.http_user_agent",
                                             "envoy.listener_address",
                                             "envoy.local_http_ratelimit_prefix",
                                             "envoy.local_listener_ratelimit_prefix",
                                             "envoy.local_network_ratelimit_prefix",
                                             "envoy.mongo_callsite",
                                             "envoy.mongo_cmd",
                                             "envoy.mongo_collection",
                                             "envoy.mongo_prefix",
                                             "envoy.proxy_protocol_prefix",
                                             "envoy.proxy_protocol_version",
                                             "envoy.ratelimit_prefix",
                                             "envoy.rbac_http_prefix",
                                             "envoy.rbac_policy_name",
                                             "envoy.rbac_prefix",
                                             "envoy.rds_route_config",
                                             "envoy.redis_prefix",
                                             "envoy.response_code",
                                             "envoy.response_code_class",
                                             "envoy.route",
                                             "envoy.scoped_rds_config",
                                             "envoy.ssl_cipher",
                                             "envoy.ssl_curve",
                                             "envoy.ssl_sigalg",
                                             "envoy.ssl_version",
                                             "envoy.tcp_prefix",
                                             "envoy.thrift_prefix",
                                             "envoy.tls_certificate",
                                             "envoy.udp_prefix",
                                             "envoy.virtual_cluster",
                                             "envoy.virtual_host",
                                             "envoy.worker_id"};

TagExtractor read_tags(const metrics::StatsConfig& config, const std::vector<std::string>& command_line_tags,
                       const config::FieldPath& at, config::Diagnostics& diagnostics) {
  TagRules rules;
  rules.all_default_tags = !config.has_use_all_default_tags() || config.use_all_default_tags().value();
  for (std::string_view text : command_line_tags) {
    const std::string_view name = next_token(text, ':');
    rules.custom.push_back({std::string(name), nullptr, std::string(text)});
  }
  const config::FieldPath list_at{&at, "stats_tags"};
  for (int i = 0; i < config.stats_tags_size(); ++i) {
    const metrics::TagSpecifier& tag = config.stats_tags(i);
    const config::FieldPath tag_at{&list_at, {}, i};
    if (tag.tag_name().empty() && !tag.regex().empty()) {
      diagnostics.error({{}, config::FieldPath{&tag_at, "tag_name"}.text(), "is missing", ""});
    }
    if (tag.tag_value_case() == metrics::TagSpecifier::kFixedValue) {
      rules.custom.push_back({tag.tag_name(), nullptr, tag.fixed_value()});
    } else if (!tag.regex().empty()) {
      const config::FieldPath regex_at{&tag_at, "regex"};
      if (auto regex = read_regex(tag.regex(), regex_at, diagnostics))
        rules.custom.push_back({tag.tag_name(), std::move(regex), ""});
    } else if (std::ranges::find(kDefaultTags, tag.tag_name()) != std::end(kDefaultTags)) {
      rules.default_tags.push_back(tag.tag_name());
    } else {
      diagnostics.error({{},
                         tag_at.text(),
                         config::quoted(tag.tag_name()) + " is none of the tags there are by default, so it needs a regex",
                         "give a regex or a fixed_value"});
    }
  }
  return TagExtractor(std::move(rules));
}

}  // namespace

StatsSettings read_stats_config(const metrics::StatsConfig& config, const std::vector<std::string>& command_line_tags,
                                const config::FieldPath& at, config::Diagnostics& diagnostics) {
  StatsSettings settings{.tags = read_tags(config, command_line_tags, at, diagnostics)};
  const config::FieldPath matcher_at{&at, "stats_matcher"};
  settings.filter = read_filter(config.stats_matcher(), matcher_at, diagnostics);
  const config::FieldPath list_at{&at, "histogram_bucket_settings"};
  for (int i = 0; i < config.histogram_bucket_settings_size(); ++i) {
    const config::FieldPath item_at{&list_at, {}, i};
    const config::FieldPath match_at{&item_at, "match"};
    const auto& item = config.histogram_bucket_settings(i);
    BoundsRule rule{read_matcher(item.match(), match_at, diagnostics), {item.buckets().begin(), item.buckets().end()}};
    std::sort(rule.bounds.begin(), rule.bounds.end());
    settings.bounds.push_back(std::move(rule));
  }
  return settings;
}

void declare_stats_config(config::SupportTable& table) {
  table.message<metrics::StatsConfig>().all_fields();
  table.message<metrics::TagSpecifier>().all_fields();
  table.message<metrics::StatsMatcher>().all_fields();
  table.message<metrics::HistogramBucketSettings>().fields({"match", "buckets"});
  table.message<matcher::ListStringMatcher>().all_fields();
  table.message<matcher::StringMatcher>().fields({"exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"});
}

}  // namespace weir::stats
