// HeaderId: the names Weir itself looks at, so that finding one is comparing a number.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::http {

/// The first ones are the pseudo-headers (RFC 9113 §8.3), kept apart in HeaderMap. Names are lower case.
enum class HeaderId : uint8_t {
  kOther,
  kMethod,
  kPath,
  kAuthority,
  kScheme,
  kProtocol,
  kStatus,
  kHost,
  kConnection,
  kContentLength,
  kTransferEncoding,
  kTe,
  kUpgrade,
  kExpect,
  kKeepAlive,
  kProxyConnection,
  kTrailer,
  kDate,
  kServer,
  kVia,
  kCookie,
  kSetCookie,
  kContentType,
  kUserAgent,
  kAccept,
  kReferer,
  kLocation,
  kHttp2Settings,
  kForwardedFor,
  kForwardedProto,
  kForwardedHost,
  kForwardedPort,
  kForwardedClientCert,
  kRequestId,
  kEnvoyInternal,
  kEnvoyExternalAddress,
  kEnvoyExpectedTimeoutMs,
  kEnvoyUpstreamTimeoutMs,
  kEnvoyUpstreamPerTryTimeoutMs,
  kEnvoyUpstreamTimeoutAltResponse,
  kEnvoyUpstreamAltStatName,
  kEnvoyUpstreamServiceTime,
  kEnvoyUpstreamCanary,
  kEnvoyUpstreamStreamDurationMs,
  kEnvoyUpstreamHealthCheckedCluster,
  kEnvoyOriginalPath,
  kEnvoyOriginalHost,
  kEnvoyOriginalUrl,
  kEnvoyAttemptCount,
  kEnvoyIsTimeoutRetry,
  kEnvoyOverloaded,
  kEnvoyRateLimited,
  kEnvoyDegraded,
  kEnvoyImmediateHealthCheckFail,
  kEnvoyRetryOn,
  kEnvoyRetryGrpcOn,
  kEnvoyMaxRetries,
  kEnvoyRetriableStatusCodes,
  kEnvoyRetriableHeaderNames,
  kEnvoyHedgeOnPerTryTimeout,
  kEnvoyForceTrace,
  kEnvoyIpTags,
  kEnvoyDecoratorOperation,
  kEnvoyDownstreamServiceCluster,
  kEnvoyDownstreamServiceNode,
  kEnvoyPeerMetadata,
  kEnvoyPeerMetadataId,
  kEnvoyOriginalDstHost,
  kClientTraceId,
  kGrpcStatus,
  kGrpcMessage,
  kGrpcTimeout,
  kAltSvc,
  kCount
};

constexpr size_t kHeaderIdCount = static_cast<size_t>(HeaderId::kCount);
constexpr size_t kPseudoHeaderCount = 6;

constexpr bool is_pseudo(HeaderId id) { return id >= HeaderId::kMethod && id <= HeaderId::kStatus; }

/// The name of an id; "" for kOther.
std::string_view header_name(HeaderId id);

/// The id of a name given in lower case; kOther if Weir does not know it.
HeaderId header_id(std::string_view lower_case_name);

}  // namespace weir::http
