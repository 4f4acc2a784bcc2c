// LogFilter: pure decisions about requests that are over.
#include "observe/log_filter.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/clock.h"
#include "format/operator_values.h"

namespace weir::observe {

namespace {

using format::FormatContext;

constexpr uint64_t kGrpcUnknown = 2;

/// Spreads the bits of a number over all of the result (the finalizer of splitmix64).
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// The first eight digits of x-request-id, if it is a UUID.
std::optional<uint64_t> request_id_number(const FormatContext& context) {
  constexpr size_t kUuidSize = 36, kDigits = 8;
  if (context.request == nullptr) return std::nullopt;
  const http::Header* line = context.request->find(http::HeaderId::kRequestId);
  if (line == nullptr || line->value.size() != kUuidSize) return std::nullopt;
  uint64_t number = 0;
  const char* end = line->value.data() + kDigits;
  const auto [at, error] = std::from_chars(line->value.data(), end, number, 16);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

/// A number that no two requests share, evenly spread.
uint64_t chance(const FormatContext& context) {
  const format::StreamInfo& info = context.info;
  const uint64_t connection = info.connection != nullptr ? info.connection->id : 0;
  return mix(static_cast<uint64_t>(info.start_wall) ^ mix(info.stream_id + mix(connection)));
}

int64_t duration_ms(const format::StreamInfo& info) {
  const MonotonicNs end = info.end != 0 ? info.end : monotonic_now();
  return std::max<int64_t>(0, end - info.start) / kNsPerMs;
}

struct Evaluation {
  const FormatContext& context;

  bool operator()(const FixedFilter& filter) const { return filter.passes; }
  bool operator()(const NotHealthCheckFilter&) const { return !context.info.health_check; }
  bool operator()(const TraceableFilter&) const { return context.info.trace_forced && !context.info.health_check; }
  bool operator()(const StatusCodeFilter& filter) const {
    return filter.comparison.holds(static_cast<uint64_t>(context.info.response_code));
  }
  bool operator()(const DurationFilter& filter) const {
    return filter.comparison.holds(static_cast<uint64_t>(duration_ms(context.info)));
  }
  bool operator()(const HeaderFilter& filter) const {
    return context.request != nullptr && filter.header.matches(*context.request);
  }
  bool operator()(const ResponseFlagFilter& filter) const { return (context.info.flags.bits() & filter.flags) != 0; }
  bool operator()(const ShareFilter& filter) const {
    const uint64_t numerator = filter.runtime.integer(filter.numerator);
    // Where the filter stands makes it independent of the others.
    if (filter.independent) return mix(chance(context) + reinterpret_cast<uintptr_t>(&filter)) % filter.denominator < numerator;
    const std::optional<uint64_t> id = request_id_number(context);
    return (id ? *id : chance(context)) % filter.denominator < numerator;
  }
  bool operator()(const GrpcStatusFilter& filter) const {
    const auto status = static_cast<uint64_t>(format::values::grpc_status_of(context).value_or(kGrpcUnknown));
    const bool listed = status < 32 && ((filter.statuses >> status) & 1) != 0;
    return listed != filter.exclude;
  }
  bool operator()(const LogTypeFilter& filter) const {
    const bool listed = ((filter.types >> static_cast<int>(context.log_type)) & 1) != 0;
    return listed != filter.exclude;
  }
  bool operator()(const MetadataFilter& filter) const {
    const format::MetadataValue* value = context.info.metadata.find(filter.matcher.filter, filter.matcher.path);
    return value == nullptr ? filter.if_missing : filter.matcher.value.matches(value);
  }
  bool operator()(const AllOf& filter) const {
    return std::all_of(filter.filters.begin(), filter.filters.end(), [&](const LogFilter& each) { return each.passes(context); });
  }
  bool operator()(const AnyOf& filter) const {
    return std::any_of(filter.filters.begin(), filter.filters.end(), [&](const LogFilter& each) { return each.passes(context); });
  }
};

}  // namespace

bool Comparison::holds(uint64_t number) const {
  const uint64_t other = runtime.integer(value);
  switch (op) {
    case Operator::kEqual:
      return number == other;
    case Operator::kGreaterOrEqual:
      return number >= other;
    case Operator::kLessOrEqual:
      return number <= other;
  }
  return false;
}

bool LogFilter::passes(const FormatContext& context) const { return std::visit(Evaluation{context}, rule); }

}  // namespace weir::observe
