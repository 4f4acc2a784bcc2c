#include "proxy/request_timeouts.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace weir::proxy {

namespace {

using http::HeaderId;

/// A cap of 0 means none; an offset shortens the deadline but never to nothing.
int64_t capped(int64_t asked_ms, uint64_t cap_ms, uint64_t offset_ms) {
  int64_t result = asked_ms;
  const auto offset = static_cast<int64_t>(offset_ms);
  if (offset > 0 && result > offset) result -= offset;
  if (cap_ms != 0) result = std::min(result, static_cast<int64_t>(cap_ms));
  return result;
}

/// What is left of a deadline; unlike the older way, which takes off only what leaves something.
int64_t left_of(int64_t asked_ms, uint64_t cap_ms, uint64_t offset_ms) {
  if (cap_ms != 0) asked_ms = std::min(asked_ms, static_cast<int64_t>(cap_ms));
  return std::max<int64_t>(asked_ms - static_cast<int64_t>(offset_ms), 0);
}

}  // namespace

std::optional<int64_t> parse_grpc_timeout(std::string_view text) {
  constexpr size_t kMostDigits = 8;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const auto value = parse_number<int64_t>(text.substr(0, text.size() - 1));
  if (!value || *value < 0) return std::nullopt;
  switch (text.back()) {
    case 'H':
      return *value * 3'600'000;
    case 'M':
      return *value * 60'000;
    case 'S':
      return *value * 1000;
    case 'm':
      return *value;
    case 'u':
      return (*value + 999) / 1000;
    case 'n':
      return (*value + 999'999) / 1'000'000;
    default:
      return std::nullopt;
  }
}

namespace {

/// As in Envoy, an upstream of gRPC is told how long its stream may last, whatever the client said.
void tell_stream_limit(const route::TimeLimits& configured, http::HeaderMap& request) {
  const uint64_t limit_ms = configured.max_stream_duration_ms.value_or(0);
  if (limit_ms == 0 || !http::is_grpc(request)) return;
  request.set(HeaderId::kGrpcTimeout, request.arena().join(std::to_string(limit_ms), "m"));
}

}  // namespace

RequestTimeouts request_timeouts(const route::Forward& forward, bool hedges, bool heeds_expected, http::HeaderMap& request) {
  const route::TimeLimits& configured = *forward.time_limits;
  RequestTimeouts limits;
  limits.response_ms = static_cast<int64_t>(forward.timeout_ms);
  if (configured.max_stream_duration_ms) limits.stream_ms = static_cast<int64_t>(*configured.max_stream_duration_ms);
  if (forward.retry_policy != nullptr) {
    limits.try_ms = static_cast<int64_t>(forward.retry_policy->per_try_timeout_ms.value_or(0));
    limits.try_idle_ms = static_cast<int64_t>(forward.retry_policy->per_try_idle_timeout_ms.value_or(0));
  }
  limits.empty_answer = request.has(HeaderId::kEnvoyUpstreamTimeoutAltResponse);
  request.remove(HeaderId::kEnvoyUpstreamTimeoutAltResponse);
  if (request.has(HeaderId::kEnvoyUpstreamStreamDurationMs)) {
    limits.try_stream_ms = parse_number<int64_t>(request.get(HeaderId::kEnvoyUpstreamStreamDurationMs));
    request.remove(HeaderId::kEnvoyUpstreamStreamDurationMs);
  }
  const auto grpc_timeout = parse_grpc_timeout(request.get(HeaderId::kGrpcTimeout));

  // The newer way: the deadline bounds the stream, whoever sets it, and an upstream of gRPC is told what is left of it.
  const bool bounds_stream = configured.grpc_timeout_header_max_ms && http::is_grpc(request);
  if (bounds_stream) limits.response_ms = 0;
  if (configured.grpc_timeout_header_max_ms && grpc_timeout) {
    const int64_t stream =
        left_of(*grpc_timeout, *configured.grpc_timeout_header_max_ms, configured.grpc_timeout_header_offset_ms.value_or(0));
    limits.stream_ms = stream > 0 ? stream : -1;
    if (bounds_stream && stream != *grpc_timeout) {
      request.set(HeaderId::kGrpcTimeout, request.arena().join(std::to_string(stream), "m"));
    }
  }
  if (!bounds_stream || !grpc_timeout) tell_stream_limit(configured, request);
  // The older one: it replaces the route's timeout.
  if (!bounds_stream && configured.max_grpc_timeout_ms && http::is_grpc(request)) {
    limits.response_ms = grpc_timeout.value_or(0) > 0 ? capped(*grpc_timeout, *configured.max_grpc_timeout_ms,
                                                               configured.grpc_timeout_offset_ms.value_or(0))
                                                      : static_cast<int64_t>(*configured.max_grpc_timeout_ms);
  }
  const bool expects = heeds_expected && request.has(HeaderId::kEnvoyExpectedTimeoutMs);
  const HeaderId timeout = expects ? HeaderId::kEnvoyExpectedTimeoutMs : HeaderId::kEnvoyUpstreamTimeoutMs;
  if (const auto asked = parse_number<int64_t>(request.get(timeout))) limits.response_ms = *asked;
  if (const auto asked = parse_number<int64_t>(request.get(HeaderId::kEnvoyUpstreamPerTryTimeoutMs))) limits.try_ms = *asked;
  if (!expects) request.remove(HeaderId::kEnvoyUpstreamTimeoutMs);
  request.remove(HeaderId::kEnvoyUpstreamPerTryTimeoutMs);
  if (limits.response_ms != 0 && limits.try_ms >= limits.response_ms) limits.try_ms = 0;
  // A try whose time is up is still waited for, where tries are hedged.
  limits.expected_ms = limits.try_ms > 0 && !hedges ? limits.try_ms : limits.response_ms;
  if (!bounds_stream && configured.max_grpc_timeout_ms && limits.expected_ms > 0 && http::is_grpc(request)) {
    request.set(HeaderId::kGrpcTimeout, request.arena().join(std::to_string(limits.expected_ms), "m"));
  }
  return limits;
}

}  // namespace weir::proxy
