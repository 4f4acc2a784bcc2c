#include "route/retry_conditions.h"

#include <algorithm>
#include <span>

#include "base/text.h"

namespace weir::route {

namespace {

struct Word {
  std::string_view text;
  uint32_t bit;
};

constexpr Word kHttp[] = {
    {"5xx", RetryOn::k5xx},
    {"gateway-error", RetryOn::kGatewayError},
    {"reset", RetryOn::kReset},
    {"reset-before-request", RetryOn::kResetBeforeRequest},
    {"connect-failure", RetryOn::kConnectFailure},
    {"envoy-ratelimited", RetryOn::kEnvoyRateLimited},
    {"retriable-4xx", RetryOn::kRetriable4xx},
    {"refused-stream", RetryOn::kRefusedStream},
    {"retriable-status-codes", RetryOn::kRetriableStatusCodes},
    {"retriable-headers", RetryOn::kRetriableHeaders},
    {"http3-post-connect-failure", RetryOn::kHttp3PostConnectFailure},
};

constexpr Word kGrpc[] = {
    {"cancelled", RetryOn::grpc(1)}, {"deadline-exceeded", RetryOn::grpc(4)}, {"resource-exhausted", RetryOn::grpc(8)},
    {"internal", RetryOn::grpc(13)}, {"unavailable", RetryOn::grpc(14)},
};

uint32_t parse(std::string_view list, std::span<const Word> words) {
  uint32_t result = 0;
  while (!list.empty()) {
    const std::string_view token = next_token(list);
    for (const Word& word : words) {
      if (word.text == token) result |= word.bit;
    }
  }
  return result;
}

bool knows(std::string_view list, std::span<const Word> words) {
  while (!list.empty()) {
    const std::string_view token = next_token(list);
    if (!token.empty() && std::ranges::find(words, token, &Word::text) == words.end()) return false;
  }
  return true;
}

}  // namespace

uint32_t parse_retry_on(std::string_view list) { return parse(list, kHttp); }
uint32_t parse_retry_grpc_on(std::string_view list) { return parse(list, kGrpc); }
bool knows_retry_on(std::string_view list) { return knows(list, kHttp); }
bool knows_retry_grpc_on(std::string_view list) { return knows(list, kGrpc); }

}  // namespace weir::route
