#include "proxy/proxy_status.h"

namespace weir::proxy {

namespace {

using format::ResponseFlag;

/// An error type of RFC 9209 §2.3 and the status recommended for it.
struct ProxyError {
  ResponseFlag flag;
  std::string_view name;
  int recommended_status;  // 0: none
};

/// In the order in which flags are looked for. The client's own protocol errors are not among them, as in Envoy.
constexpr ProxyError kErrors[] = {
    {ResponseFlag::kFailedLocalHealthCheck, "destination_unavailable", 503},
    {ResponseFlag::kNoHealthyUpstream, "destination_unavailable", 503},
    {ResponseFlag::kUpstreamRequestTimeout, "http_response_timeout", 504},
    {ResponseFlag::kLocalReset, "connection_timeout", 504},
    {ResponseFlag::kUpstreamRemoteReset, "connection_terminated", 502},
    {ResponseFlag::kUpstreamConnectionFailure, "connection_refused", 502},
    {ResponseFlag::kUpstreamConnectionTermination, "connection_terminated", 502},
    {ResponseFlag::kUpstreamOverflow, "connection_limit_reached", 503},
    {ResponseFlag::kNoRouteFound, "destination_not_found", 500},
    {ResponseFlag::kFaultInjected, "http_request_error", 0},
    {ResponseFlag::kRateLimited, "connection_limit_reached", 503},
    {ResponseFlag::kRateLimitServiceError, "connection_limit_reached", 503},
    {ResponseFlag::kUpstreamRetryLimitExceeded, "destination_unavailable", 503},
    {ResponseFlag::kStreamIdleTimeout, "http_response_timeout", 504},
    {ResponseFlag::kInvalidEnvoyRequestHeaders, "http_request_error", 0},
    {ResponseFlag::kUpstreamMaxStreamDurationReached, "http_response_timeout", 504},
    {ResponseFlag::kNoFilterConfigFound, "proxy_configuration_error", 500},
    {ResponseFlag::kUpstreamProtocolError, "http_protocol_error", 502},
    {ResponseFlag::kNoClusterFound, "destination_unavailable", 503},
    {ResponseFlag::kDnsResolutionFailed, "dns_error", 502},
};

const ProxyError* find_error(format::ResponseFlags flags) {
  for (const ProxyError& error : kErrors) {
    if (flags.has(error.flag)) return &error;
  }
  return nullptr;
}

/// As a quoted string (RFC 8941 §3.3.3).
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

/// In the order of logs.
std::string short_flags(format::ResponseFlags flags) {
  std::string text;
  for (const ResponseFlag flag : flags) {
    if (!text.empty()) text += ',';
    text += format::flag_short_name(flag);
  }
  return text;
}

}  // namespace

void add_proxy_status(http::HeaderMap& response, const format::StreamInfo& info, const ProxyStatusRules& rules) {
  if (!info.flags.any()) return;
  const ProxyError* error = find_error(info.flags);
  if (error == nullptr) return;
  std::string text = rules.name;
  text += "; error=";
  text += error->name;
  if (rules.details && !info.response_code_details.empty()) {
    std::string details(info.response_code_details);
    if (rules.termination_details && info.connection != nullptr && !info.connection->termination_details.empty()) {
      details += "; " + info.connection->termination_details;
    }
    if (rules.response_flags) details += "; " + short_flags(info.flags);
    text += "; details=";
    append_quoted(text, details);
  }
  Arena& arena = response.arena();
  const std::string_view before = response.get_joined("proxy-status");
  response.set("proxy-status", before.empty() ? arena.copy(text) : arena.join(before, ", ", text));
  if (rules.set_recommended_code && error->recommended_status != 0) response.set_status(error->recommended_status);
}

}  // namespace weir::proxy
