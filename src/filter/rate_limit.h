// ratelimit: asks a service over gRPC whether a request is one too many (envoy.service.ratelimit.v3).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filter/call.h"
#include "filter/catalog.h"
#include "filter/descriptors.h"
#include "filter/filter.h"
#include "format/fraction.h"

namespace weir::filter {

struct RateLimitSpec {
  enum class Requests : uint8_t { kAll, kInternal, kExternal };

  CallSpec service;
  std::string domain;
  uint32_t stage = 0;
  Requests requests = Requests::kAll;
  bool failure_mode_deny = false;
  std::optional<format::Fraction> failure_mode_deny_share;  // takes its place
  bool resource_exhausted = false;
  bool tells_limits = false;  // x-ratelimit-limit, -remaining, -reset
  bool tells_limited = true;  // x-envoy-ratelimited
  int status = 429;
  int status_on_error = 500;
  route::HeaderMutations response_headers;
  std::vector<route::RateLimit> rate_limits;  // instead of the route's
  RuntimeKey enabled, enforcing;
  std::optional<format::Fraction> filter_enabled, filter_enforced;
  std::string service_cluster;
};

/// What a route says.
struct RateLimitSettings : route::FilterSettings {
  VirtualHostLimits from_host = VirtualHostLimits::kIfRouteHasNone;
  std::vector<route::RateLimit> rate_limits;
  std::string domain;
};

/// What the service said of one descriptor's limit.
struct LimitStatus {
  uint32_t requests_per_unit = 0;
  uint64_t window_s = 0;  // 0: unknown
  std::string name;
  uint32_t remaining = 0;
  int64_t reset_s = 0;
};

struct RateLimitAnswer {
  bool over_limit = false;
  std::vector<LimitStatus> limits;
  std::vector<std::pair<std::string, std::string>> response_headers, request_headers;
  std::string body;
};

std::string encode_rate_limit_request(std::string_view domain, const std::vector<Descriptor>& descriptors);
/// Nothing if the bytes are no such message.
std::optional<RateLimitAnswer> decode_rate_limit_answer(std::string_view message);

FilterFactoryPtr make_rate_limit(RateLimitSpec spec);

/// envoy.extensions.filters.http.ratelimit.v3.RateLimit and RateLimitPerRoute, see CatalogEntry.
FilterFactoryPtr read_rate_limit(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                 const FilterContext& context, config::Diagnostics& diagnostics);
route::FilterSettingsPtr read_rate_limit_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                  const FilterContext& context, config::Diagnostics& diagnostics);
void declare_rate_limit(config::SupportTable& table);

}  // namespace weir::filter
