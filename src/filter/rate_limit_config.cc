// Reading ratelimit, and the messages of its service.
#include "route/rate_limit_config.h"

#include "config/duration.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "filter/rate_limit.h"
#include "filter/rate_limit_service.h"
#include "format/matcher_tree_config.h"
#include "route/config_reader.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::ratelimit::v3;
namespace core = envoy::config::core::v3;
namespace service = envoy::service::ratelimit::v3;
using config::FieldPath;

namespace {

constexpr int64_t kUsualTimeoutMs = 20;

uint64_t window_of(service::RateLimitResponse::RateLimit::Unit unit) {
  using Limit = service::RateLimitResponse::RateLimit;
  switch (unit) {
    case Limit::SECOND:
      return 1;
    case Limit::MINUTE:
      return 60;
    case Limit::HOUR:
      return 3600;
    case Limit::DAY:
      return 86'400;
    case Limit::MONTH:
      return 86'400 * 30;
    case Limit::YEAR:
      return 86'400 * 365;
    default:
      return 0;
  }
}

/// Where a gRPC service is called; reports errors.
void read_service(const core::GrpcService& from, const FieldPath& at, config::Diagnostics& diagnostics, CallSpec& into) {
  if (!from.has_envoy_grpc()) {
    diagnostics.error({{}, at.text(), "only envoy_grpc is implemented", "name a cluster"});
    return;
  }
  into.cluster = from.envoy_grpc().cluster_name();
  into.authority = from.envoy_grpc().authority();
  const FieldPath metadata{&at, "initial_metadata"};
  for (int i = 0; i < from.initial_metadata_size(); ++i) {
    auto value = format::Formatter::compile(from.initial_metadata(i).value(), {});
    if (value) {
      into.metadata.push_back({http::HeaderName(from.initial_metadata(i).key()).text, std::move(*value)});
    } else {
      diagnostics.error({{}, FieldPath{&metadata, {}, i}.text(), value.error().message, ""});
    }
  }
}

}  // namespace

void read_rate_limit_service(const envoy::config::ratelimit::v3::RateLimitServiceConfig& from, const FieldPath& at,
                             config::Diagnostics& diagnostics, CallSpec& into) {
  read_service(from.grpc_service(), FieldPath{&at, "grpc_service"}, diagnostics, into);
  if (from.transport_api_version() == core::V2) {
    diagnostics.error({{}, FieldPath{&at, "transport_api_version"}.text(), "only V3 is spoken", "set V3"});
  }
  into.path = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
  into.timeout_ms = kUsualTimeoutMs;
}

FilterFactoryPtr read_rate_limit(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                                 config::Diagnostics& diagnostics) {
  v3::RateLimit from;
  configuration.UnpackTo(&from);
  const size_t errors = diagnostics.errors().size();
  RateLimitSpec spec;
  const FieldPath rls{&at, "rate_limit_service"};
  read_rate_limit_service(from.rate_limit_service(), rls, diagnostics, spec.service);
  if (from.has_timeout()) spec.service.timeout_ms = config::milliseconds(from.timeout());
  spec.domain = from.domain();
  spec.stage = from.stage();
  if (from.request_type() == "internal") spec.requests = RateLimitSpec::Requests::kInternal;
  if (from.request_type() == "external") spec.requests = RateLimitSpec::Requests::kExternal;
  spec.failure_mode_deny = from.failure_mode_deny();
  spec.resource_exhausted = from.rate_limited_as_resource_exhausted();
  spec.tells_limits = from.enable_x_ratelimit_headers() == v3::RateLimit::DRAFT_VERSION_03;
  spec.tells_limited = !from.disable_x_envoy_ratelimited_header();
  if (from.rate_limited_status().code() >= 400) spec.status = from.rate_limited_status().code();
  if (from.has_status_on_error()) spec.status_on_error = from.status_on_error().code();
  const FieldPath headers{&at, "response_headers_to_add"};
  for (int i = 0; i < from.response_headers_to_add_size(); ++i) {
    spec.response_headers.add.push_back(route::read_header_addition(from.response_headers_to_add(i), route::Direction::kResponse,
                                                                    {&headers, {}, i}, diagnostics));
  }
  spec.rate_limits =
      route::read_rate_limits(from.rate_limits(), {&at, "rate_limits"}, {.diagnostics = diagnostics, .runtime = context.runtime});
  spec.enabled = context.runtime_key("ratelimit.http_filter_enabled");
  spec.enforcing = context.runtime_key("ratelimit.http_filter_enforcing");
  if (from.has_filter_enabled()) spec.filter_enabled = format::read_fraction(from.filter_enabled(), context.runtime);
  if (from.has_filter_enforced()) spec.filter_enforced = format::read_fraction(from.filter_enforced(), context.runtime);
  if (from.has_failure_mode_deny_percent()) {
    spec.failure_mode_deny_share = format::read_fraction(from.failure_mode_deny_percent(), context.runtime);
  }
  spec.service_cluster = context.service_cluster;
  return diagnostics.errors().size() == errors ? make_rate_limit(std::move(spec)) : nullptr;
}

route::FilterSettingsPtr read_rate_limit_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                  const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::RateLimitPerRoute from;
  configuration.UnpackTo(&from);
  const size_t errors = diagnostics.errors().size();
  auto settings = std::make_shared<RateLimitSettings>();
  settings->from_host = from.vh_rate_limits() == v3::RateLimitPerRoute::INCLUDE  ? VirtualHostLimits::kToo
                        : from.vh_rate_limits() == v3::RateLimitPerRoute::IGNORE ? VirtualHostLimits::kNever
                                                                                 : VirtualHostLimits::kIfRouteHasNone;
  settings->rate_limits =
      route::read_rate_limits(from.rate_limits(), {&at, "rate_limits"}, {.diagnostics = diagnostics, .runtime = context.runtime});
  settings->domain = from.domain();
  return diagnostics.errors().size() == errors ? settings : nullptr;
}

std::string encode_rate_limit_request(std::string_view domain, const std::vector<Descriptor>& descriptors) {
  service::RateLimitRequest request;
  request.set_domain(std::string(domain));
  for (const Descriptor& from : descriptors) {
    auto& descriptor = *request.add_descriptors();
    for (const Descriptor::Entry& entry : from.entries) {
      auto& into = *descriptor.add_entries();
      into.set_key(std::string(entry.key));
      into.set_value(std::string(entry.value));
    }
    if (from.limit) {
      descriptor.mutable_limit()->set_requests_per_unit(from.limit->requests_per_unit);
      descriptor.mutable_limit()->set_unit(static_cast<envoy::type::v3::RateLimitUnit>(from.limit->unit));
    }
    if (from.hits) descriptor.mutable_hits_addend()->set_value(*from.hits);
  }
  return request.SerializeAsString();
}

std::optional<RateLimitAnswer> decode_rate_limit_answer(std::string_view message) {
  service::RateLimitResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) return std::nullopt;
  RateLimitAnswer answer;
  answer.over_limit = response.overall_code() == service::RateLimitResponse::OVER_LIMIT;
  for (const auto& status : response.statuses()) {
    if (!status.has_current_limit()) continue;
    answer.limits.push_back({status.current_limit().requests_per_unit(), window_of(status.current_limit().unit()),
                             status.current_limit().name(), status.limit_remaining(), status.duration_until_reset().seconds()});
  }
  for (const core::HeaderValue& header : response.response_headers_to_add()) {
    answer.response_headers.emplace_back(http::HeaderName(header.key()).text, header.value());
  }
  for (const core::HeaderValue& header : response.request_headers_to_add()) {
    answer.request_headers.emplace_back(http::HeaderName(header.key()).text, header.value());
  }
  answer.body = response.raw_body();
  return answer;
}

void declare_rate_limit(config::SupportTable& table) {
  table.extension<v3::RateLimit>(kHttpFilters, "envoy.filters.http.ratelimit")
      .fields({"domain", "stage", "request_type", "timeout", "failure_mode_deny", "rate_limited_as_resource_exhausted",
               "rate_limit_service", "enable_x_ratelimit_headers", "disable_x_envoy_ratelimited_header", "rate_limited_status",
               "response_headers_to_add", "status_on_error", "rate_limits", "filter_enabled", "filter_enforced",
               "failure_mode_deny_percent"});
  table.extension<v3::RateLimitPerRoute>(route::kFilterSettings, "envoy.filters.http.ratelimit")
      .fields({"vh_rate_limits", "rate_limits", "domain"});
  table.message<envoy::config::ratelimit::v3::RateLimitServiceConfig>().all_fields();
  table.message<core::GrpcService>().fields({"envoy_grpc", "initial_metadata", "timeout"});  // each has its own timeout
  table.message<core::GrpcService::EnvoyGrpc>()
      .fields({"cluster_name", "authority", "retry_policy"})  // the last one for streams of discovery only, as in Envoy
      .harmless({"max_receive_message_length"});
  table.message<core::HeaderValue>().fields({"key", "value"});
}

}  // namespace weir::filter
