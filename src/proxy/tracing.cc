#include "proxy/tracing.h"

#include <charconv>
#include <optional>

namespace weir::proxy {

namespace {

using http::HeaderId;

// The id is a UUID; the digit that stands for its version (RFC 9562) tells the reason.
constexpr size_t kUuidSize = 36, kReasonAt = 14;
constexpr char kDigits[] = {'4', '9', 'b', 'a'};  // by TraceReason

/// What decides about a request, wherever it comes by: its id begins with a number.
std::optional<uint64_t> number_of(std::string_view id) {
  constexpr size_t kSize = 8;
  uint32_t number = 0;
  if (id.size() < kSize) return std::nullopt;
  const auto [end, error] = std::from_chars(id.data(), id.data() + kSize, number, 16);
  if (error != std::errc() || end != id.data() + kSize) return std::nullopt;
  return number;
}

TraceReason noted_reason(std::string_view id) {
  if (id.size() != kUuidSize) return TraceReason::kNotTraceable;
  for (const TraceReason reason : {TraceReason::kSampled, TraceReason::kClientForced, TraceReason::kServiceForced}) {
    if (id[kReasonAt] == kDigits[static_cast<int>(reason)]) return reason;
  }
  return TraceReason::kNotTraceable;
}

void note(http::HeaderMap& request, std::string_view id, TraceReason reason) {
  const char digit = kDigits[static_cast<int>(reason)];
  if (id.size() != kUuidSize || id[kReasonAt] == digit) return;
  request.set(HeaderId::kRequestId,
              request.arena().join(id.substr(0, kReasonAt), std::string_view(&digit, 1), id.substr(kReasonAt + 1)));
}

}  // namespace

TraceReason decide_trace(http::HeaderMap& request, const TracingSpec& spec, const route::TraceShares& shares, Random& random) {
  if (!spec.by_request_id) return TraceReason::kSampled;
  const std::string_view id = request.get(HeaderId::kRequestId);
  const std::optional<uint64_t> number = number_of(id);
  if (!number) return TraceReason::kNotTraceable;
  constexpr uint64_t kSteps = 10'000;
  const uint64_t draw = *number % kSteps;
  const TraceReason noted = spec.marks_id ? noted_reason(id) : TraceReason::kNotTraceable;
  TraceReason reason = noted;
  if (noted == TraceReason::kNotTraceable) {
    if (request.has(HeaderId::kClientTraceId) && shares.client.holds(random.next())) {
      reason = TraceReason::kClientForced;
    } else if (request.has(HeaderId::kEnvoyForceTrace)) {
      reason = TraceReason::kServiceForced;
    } else if (shares.random.holds(draw)) {
      reason = TraceReason::kSampled;
    }
  }
  if (reason == TraceReason::kNotTraceable) return reason;
  if (!shares.overall.holds(draw)) reason = TraceReason::kNotTraceable;
  if (spec.marks_id) note(request, id, reason);
  return reason;
}

void count(HttpStats& stats, TraceReason reason) {
  switch (reason) {
    case TraceReason::kNotTraceable:
      return stats.tracing_not_traceable.add();
    case TraceReason::kSampled:
      return stats.tracing_random_sampling.add();
    case TraceReason::kClientForced:
      return stats.tracing_client_enabled.add();
    case TraceReason::kServiceForced:
      return stats.tracing_service_forced.add();
  }
}

}  // namespace weir::proxy
