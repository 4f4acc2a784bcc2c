// Retry conditions: which endings of a try make another try worth while (retry_on, x-envoy-retry-on, x-envoy-retry-grpc-on).
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::route {

/// Bits of a set (Envoy, "x-envoy-retry-on" and "x-envoy-retry-grpc-on").
struct RetryOn {
  static constexpr uint32_t k5xx = 1 << 0;
  static constexpr uint32_t kGatewayError = 1 << 1;
  static constexpr uint32_t kReset = 1 << 2;
  static constexpr uint32_t kResetBeforeRequest = 1 << 3;  // no byte of the request had been sent
  static constexpr uint32_t kConnectFailure = 1 << 4;
  static constexpr uint32_t kEnvoyRateLimited = 1 << 5;
  static constexpr uint32_t kRetriable4xx = 1 << 6;
  static constexpr uint32_t kRefusedStream = 1 << 7;
  static constexpr uint32_t kRetriableStatusCodes = 1 << 8;
  static constexpr uint32_t kRetriableHeaders = 1 << 9;
  static constexpr uint32_t kHttp3PostConnectFailure = 1 << 10;

  /// gRPC statuses as bits from here on: kGrpcFirst << (status code).
  static constexpr uint32_t kGrpcFirst = 1 << 11;
  static constexpr uint32_t grpc(uint32_t status) { return kGrpcFirst << status; }
};

/// The HTTP conditions of a comma-separated list; words that are not known are left out, as Envoy does.
uint32_t parse_retry_on(std::string_view list);
/// The gRPC conditions of such a list.
uint32_t parse_retry_grpc_on(std::string_view list);
/// Whether all words of such a list are known.
bool knows_retry_on(std::string_view list);
bool knows_retry_grpc_on(std::string_view list);

}  // namespace weir::route
