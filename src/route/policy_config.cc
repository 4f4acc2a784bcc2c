#include "route/policy_config.h"

#include <algorithm>

#include "base/text.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config.pb.h"
#include "envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config.pb.h"
#include "envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts.pb.h"
#include "envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "format/lb_criteria_config.h"
#include "route/header_changes.h"
#include "route/retry_conditions.h"

namespace weir::route {

namespace v3 = envoy::config::route::v3;
namespace core = envoy::config::core::v3;
using Path = ConfigReader::Path;

namespace {

constexpr const char* kRetryHostPredicates = "envoy.retry_host_predicates";
constexpr const char* kRetryPriorities = "envoy.retry_priorities";
constexpr const char* kRedirectPredicates = "envoy.internal_redirect_predicates";

std::shared_ptr<const RetryPolicy> retry_policy(ConfigReader& reader, const v3::RetryPolicy& config, const Path& at) {
  auto result = std::make_shared<RetryPolicy>();
  result->retry_on = config.retry_on();
  result->conditions = parse_retry_on(config.retry_on()) | parse_retry_grpc_on(config.retry_on());
  if (config.has_num_retries()) result->num_retries = config.num_retries().value();
  if (config.has_per_try_timeout())
    result->per_try_timeout_ms = reader.milliseconds(config.per_try_timeout(), {&at, "per_try_timeout"});
  if (config.has_per_try_idle_timeout())
    result->per_try_idle_timeout_ms = reader.milliseconds(config.per_try_idle_timeout(), {&at, "per_try_idle_timeout"});
  result->retriable_status_codes.assign(config.retriable_status_codes().begin(), config.retriable_status_codes().end());
  const Path headers{&at, "retriable_headers"};
  for (int i = 0; i < config.retriable_headers_size(); ++i) {
    result->retriable_headers.push_back(reader.header_matcher(config.retriable_headers(i), {&headers, {}, i}));
  }
  const Path request_headers{&at, "retriable_request_headers"};
  for (int i = 0; i < config.retriable_request_headers_size(); ++i) {
    result->retriable_request_headers.push_back(
        reader.header_matcher(config.retriable_request_headers(i), {&request_headers, {}, i}));
  }
  if (config.has_retry_back_off()) {
    const v3::RetryPolicy::RetryBackOff& back_off = config.retry_back_off();
    result->base_interval_ms = std::max<uint64_t>(reader.milliseconds(back_off.base_interval(), {&at, "retry_back_off"}), 1);
    if (back_off.has_max_interval()) {
      result->max_interval_ms = std::max<uint64_t>(reader.milliseconds(back_off.max_interval(), {&at, "retry_back_off"}), 1);
      if (*result->max_interval_ms < *result->base_interval_ms) {
        const Path retry_back_off{&at, "retry_back_off"};
        reader.error({&retry_back_off, "max_interval"}, "is shorter than base_interval");
      }
    }
  }
  if (config.host_selection_retry_max_attempts() != 0) {
    result->host_selection_max_attempts = config.host_selection_retry_max_attempts();
  }
  for (const v3::RetryPolicy::RetryHostPredicate& predicate : config.retry_host_predicate()) {
    const std::string_view type = config::type_name(predicate.typed_config().type_url());
    result->avoid_previous_hosts |= type == "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    result->omit_canary_hosts |= type == "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate";
    envoy::extensions::retry::host::omit_host_metadata::v3::OmitHostMetadataConfig omit;
    if (predicate.typed_config().UnpackTo(&omit)) {
      result->omit_metadata.push_back(format::read_lb_criteria(omit.metadata_match()).items);
    }
  }
  envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig priorities;
  if (config.retry_priority().typed_config().UnpackTo(&priorities)) {
    result->new_priority_after = static_cast<uint32_t>(priorities.update_frequency());
  }
  for (const v3::RetryPolicy::ResetHeader& header : config.rate_limited_retry_back_off().reset_headers()) {
    result->reset_headers.push_back({http::HeaderName(header.name()), header.format() == v3::RetryPolicy::UNIX_TIMESTAMP});
  }
  if (config.rate_limited_retry_back_off().has_max_interval()) {
    result->reset_max_interval_ms =
        reader.milliseconds(config.rate_limited_retry_back_off().max_interval(), {&at, "rate_limited_retry_back_off"});
  }
  return result;
}

HashPolicy hash_policy(ConfigReader& reader, const v3::RouteAction::HashPolicy& config, const Path& at) {
  HashPolicy result;
  result.terminal = config.terminal();
  switch (config.policy_specifier_case()) {
    case v3::RouteAction::HashPolicy::kHeader: {
      result.kind = HashPolicy::Kind::kHeader;
      result.header = http::HeaderName(config.header().header_name());
      const Path header{&at, "header"};
      if (config.header().has_regex_rewrite()) {
        result.header_rewrite = reader.regex_rewrite(config.header().regex_rewrite(), {&header, "regex_rewrite"});
      }
      break;
    }
    case v3::RouteAction::HashPolicy::kCookie:
      result.kind = HashPolicy::Kind::kCookie;
      result.name = config.cookie().name();
      if (config.cookie().has_ttl()) result.cookie_ttl_s = reader.milliseconds(config.cookie().ttl(), {&at, "cookie"}) / 1000;
      result.cookie_path = config.cookie().path();
      for (const auto& attribute : config.cookie().attributes())
        result.cookie_attributes.push_back({attribute.name(), attribute.value()});
      break;
    case v3::RouteAction::HashPolicy::kConnectionProperties:
      result.kind = HashPolicy::Kind::kSourceIp;
      break;
    case v3::RouteAction::HashPolicy::kQueryParameter:
      result.kind = HashPolicy::Kind::kQueryParameter;
      result.name = config.query_parameter().name();
      break;
    case v3::RouteAction::HashPolicy::kFilterState:
      result.kind = HashPolicy::Kind::kFilterState;
      result.name = config.filter_state().key();
      break;
    case v3::RouteAction::HashPolicy::POLICY_SPECIFIER_NOT_SET:
      break;
  }
  return result;
}

std::vector<UpgradeConfig> upgrades(ConfigReader& reader, const v3::RouteAction& config, const Path& at) {
  std::vector<UpgradeConfig> result;
  for (int i = 0; i < config.upgrade_configs_size(); ++i) {
    const v3::RouteAction::UpgradeConfig& upgrade = config.upgrade_configs(i);
    const Path here{&at, {}, i};
    UpgradeConfig value{.type = lower(upgrade.upgrade_type()), .enabled = !upgrade.has_enabled() || upgrade.enabled().value()};
    value.connect = upgrade.has_connect_config();
    value.allow_post = upgrade.connect_config().allow_post();
    using ProxyHeader = envoy::config::core::v3::ProxyProtocolConfig;
    if (upgrade.connect_config().has_proxy_protocol_config()) {
      value.connect_proxy_header = upgrade.connect_config().proxy_protocol_config().version() == ProxyHeader::V2 ? 2 : 1;
    }
    if (std::ranges::find(result, value.type, &UpgradeConfig::type) != result.end()) {
      reader.error({&here, "upgrade_type"}, "'" + upgrade.upgrade_type() + "' is listed twice");
    }
    if (value.connect && value.type != "connect" && value.type != "connect-udp") {
      reader.error({&here, "connect_config"},
                   "is only possible for CONNECT and CONNECT-UDP, not for '" + upgrade.upgrade_type() + "'");
    }
    result.push_back(std::move(value));
  }
  return result;
}

MirrorPolicy mirror_policy(ConfigReader& reader, const v3::RouteAction::RequestMirrorPolicy& config, const Path& at) {
  MirrorPolicy result;
  if (config.cluster().empty() == config.cluster_header().empty()) {
    reader.error(at,
                 config.cluster().empty() ? "needs a cluster or a cluster_header" : "has both a cluster and a cluster_header");
  } else if (!config.cluster().empty()) {
    result.cluster = reader.cluster(config.cluster(), {&at, "cluster"});
  } else {
    result.cluster = http::HeaderName(config.cluster_header());
  }
  if (config.has_runtime_fraction()) result.fraction = reader.fraction(config.runtime_fraction());
  if (config.has_trace_sampled()) result.trace_sampled = config.trace_sampled().value();
  read_header_changes(config.request_headers_mutations(), {&at, "request_headers_mutations"}, reader.diagnostics(), true,
                      result.changes);
  result.host = config.host_rewrite_literal();
  result.append_shadow_suffix = !config.disable_shadow_host_suffix_append();
  return result;
}

void read_predicate(ConfigReader& reader, const core::TypedExtensionConfig& config, const Path& at,
                    InternalRedirectPolicy& policy) {
  using Listed = envoy::extensions::internal_redirect::allow_listed_routes::v3::AllowListedRoutesConfig;
  if (Listed listed; config.typed_config().UnpackTo(&listed)) {
    policy.allowed_route_names.emplace(listed.allowed_route_names().begin(), listed.allowed_route_names().end());
    return;
  }
  const std::string_view type = config::type_name(config.typed_config().type_url());
  if (type == "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig") {
    policy.never_the_same_way_twice = true;
  } else if (type == "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig") {
    policy.safe_cross_scheme = true;
  } else {
    reader.error({&at, "typed_config"}, "is no known predicate of internal redirects");
  }
}

InternalRedirectPolicy internal_redirects(ConfigReader& reader, const v3::InternalRedirectPolicy& config, const Path& at) {
  InternalRedirectPolicy result;
  if (config.has_max_internal_redirects()) result.max_internal_redirects = config.max_internal_redirects().value();
  if (config.redirect_response_codes_size() != 0) {
    result.response_codes.clear();
    for (uint32_t code : config.redirect_response_codes()) {
      for (uint32_t redirect : {301u, 302u, 303u, 307u, 308u}) {
        if (code == redirect) result.response_codes.push_back(code);
      }
    }
  }
  result.allow_cross_scheme_redirect = config.allow_cross_scheme_redirect();
  const Path copied{&at, "response_headers_to_copy"};
  for (int i = 0; i < config.response_headers_to_copy_size(); ++i) {
    const std::string& name = config.response_headers_to_copy(i);
    if (name.starts_with(':') || iequals(name, "host")) {
      reader.error({&copied, {}, i}, "pseudo-headers and Host cannot be copied");
    }
    result.response_headers_to_copy.emplace_back(name);
  }
  const Path predicates{&at, "predicates"};
  for (int i = 0; i < config.predicates_size(); ++i) read_predicate(reader, config.predicates(i), {&predicates, {}, i}, result);
  return result;
}

std::shared_ptr<const HedgePolicy> hedge_policy(const v3::HedgePolicy& config) {
  auto result = std::make_shared<HedgePolicy>();
  if (config.has_initial_requests()) result->initial_requests = config.initial_requests().value();
  result->hedge_on_per_try_timeout = config.hedge_on_per_try_timeout();
  return result;
}

}  // namespace

std::vector<MirrorPolicy> mirror_policies(ConfigReader& reader,
                                          const google::protobuf::RepeatedPtrField<v3::RouteAction::RequestMirrorPolicy>& config,
                                          const Path& at) {
  std::vector<MirrorPolicy> result;
  for (int i = 0; i < config.size(); ++i) result.push_back(mirror_policy(reader, config[i], {&at, {}, i}));
  return result;
}

void check_cors(ConfigReader& reader, const v3::CorsPolicy& config, const Path& at) {
  const Path origins{&at, "allow_origin_string_match"};
  for (int i = 0; i < config.allow_origin_string_match_size(); ++i) {
    reader.text_matcher(config.allow_origin_string_match(i), {&origins, {}, i});
  }
}

InheritedPolicies inherited_policies(ConfigReader& reader, const v3::VirtualHost& config, const InheritedPolicies& from,
                                     const Path& at) {
  InheritedPolicies result;
  if (config.has_retry_policy()) result.retry = retry_policy(reader, config.retry_policy(), {&at, "retry_policy"});
  if (config.has_hedge_policy()) result.hedge = hedge_policy(config.hedge_policy());
  result.mirrors = config.request_mirror_policies().empty()
                       ? from.mirrors
                       : mirror_policies(reader, config.request_mirror_policies(), {&at, "request_mirror_policies"});
  return result;
}

void read_policies(ConfigReader& reader, const v3::RouteAction& config, const InheritedPolicies& inherited, const Path& at,
                   Forward& forward) {
  forward.retry_policy =
      config.has_retry_policy() ? retry_policy(reader, config.retry_policy(), {&at, "retry_policy"}) : inherited.retry;
  forward.hedge_policy = config.has_hedge_policy() ? hedge_policy(config.hedge_policy()) : inherited.hedge;
  check_cors(reader, config.cors(), {&at, "cors"});
  const Path hashes{&at, "hash_policy"};
  for (int i = 0; i < config.hash_policy_size(); ++i) {
    const auto& policy = config.hash_policy(i);
    if (policy.has_connection_properties() && !policy.connection_properties().source_ip()) continue;  // asks for nothing
    forward.hash_policies.push_back(hash_policy(reader, config.hash_policy(i), {&hashes, {}, i}));
  }
  forward.mirror_policies = config.request_mirror_policies().empty()
                                ? inherited.mirrors
                                : mirror_policies(reader, config.request_mirror_policies(), {&at, "request_mirror_policies"});
  forward.upgrades = upgrades(reader, config, {&at, "upgrade_configs"});
  if (config.has_internal_redirect_policy())
    forward.internal_redirects = internal_redirects(reader, config.internal_redirect_policy(), {&at, "internal_redirect_policy"});
}

void declare_policies(config::SupportTable& table) {
  table.message<v3::RouteConfiguration>().fields({"request_mirror_policies"});
  table.message<v3::VirtualHost>().fields({"retry_policy", "hedge_policy", "request_mirror_policies",
                                           "per_request_buffer_limit_bytes", "request_body_buffer_limit",
                                           "include_attempt_count_in_response", "include_is_timeout_retry_header"});
  table.message<v3::Route>().fields({"per_request_buffer_limit_bytes", "request_body_buffer_limit"});
  table.message<v3::RouteAction>().fields(
      {"retry_policy", "hedge_policy", "request_mirror_policies", "internal_redirect_policy"});
  table.message<v3::RetryPolicy>()
      .fields({"retry_on", "num_retries", "per_try_timeout", "per_try_idle_timeout", "host_selection_retry_max_attempts",
               "retriable_status_codes", "retry_back_off", "rate_limited_retry_back_off", "retriable_headers",
               "retriable_request_headers"})
      .extensions("retry_host_predicate", kRetryHostPredicates)
      .extensions("retry_priority", kRetryPriorities);
  table.message<v3::RetryPolicy::RetryBackOff>().all_fields();
  table.message<v3::RetryPolicy::RateLimitedRetryBackOff>().all_fields();
  table.message<v3::RetryPolicy::ResetHeader>().all_fields();
  table.message<v3::RetryPolicy::RetryHostPredicate>().all_fields();
  table
      .extension<envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate>(
          kRetryHostPredicates, "envoy.retry_host_predicates.previous_hosts")
      .all_fields();
  table
      .extension<envoy::extensions::retry::host::omit_canary_hosts::v3::OmitCanaryHostsPredicate>(
          kRetryHostPredicates, "envoy.retry_host_predicates.omit_canary_hosts")
      .all_fields();
  table
      .extension<envoy::extensions::retry::host::omit_host_metadata::v3::OmitHostMetadataConfig>(
          kRetryHostPredicates, "envoy.retry_host_predicates.omit_host_metadata")
      .all_fields();
  table.message<v3::RetryPolicy::RetryPriority>().all_fields();
  table
      .extension<envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig>(
          kRetryPriorities, "envoy.retry_priorities.previous_priorities")
      .all_fields();
  // Envoy starts one request, too, whatever initial_requests and additional_request_chance say.
  table.message<v3::HedgePolicy>().fields({"initial_requests", "additional_request_chance", "hedge_on_per_try_timeout"});
  table.message<v3::RouteAction::RequestMirrorPolicy>()
      .fields({"cluster", "cluster_header", "runtime_fraction", "disable_shadow_host_suffix_append", "request_headers_mutations",
               "host_rewrite_literal"})
      .harmless({"trace_sampled"});
  declare_header_changes(table);
  table.message<v3::InternalRedirectPolicy>()
      .fields({"max_internal_redirects", "redirect_response_codes", "allow_cross_scheme_redirect", "response_headers_to_copy"})
      .extensions("predicates", kRedirectPredicates);
  table
      .extension<envoy::extensions::internal_redirect::allow_listed_routes::v3::AllowListedRoutesConfig>(
          kRedirectPredicates, "envoy.internal_redirect_predicates.allow_listed_routes")
      .all_fields();
  table
      .extension<envoy::extensions::internal_redirect::previous_routes::v3::PreviousRoutesConfig>(
          kRedirectPredicates, "envoy.internal_redirect_predicates.previous_routes")
      .all_fields();
  table
      .extension<envoy::extensions::internal_redirect::safe_cross_scheme::v3::SafeCrossSchemeConfig>(
          kRedirectPredicates, "envoy.internal_redirect_predicates.safe_cross_scheme")
      .all_fields();
}

}  // namespace weir::route
