// LogFilter: whether a request is worth a line in an access log (envoy.config.accesslog.v3.AccessLogFilter).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "format/stream_info.h"

namespace weir::observe {

struct LogFilter;

/// A number of the request compared with one of the configuration.
struct Comparison {
  enum class Operator : uint8_t { kEqual, kGreaterOrEqual, kLessOrEqual, kNotEqual };
  Operator op = Operator::kEqual;
  uint64_t value = 0;

  bool holds(uint64_t number) const;
};

/// The response's status; 0 if none was sent.
struct StatusCodeFilter {
  Comparison comparison;
};
/// Milliseconds from the request's first byte to its end.
struct DurationFilter {
  Comparison comparison;
};
/// At least one of these flags is set.
struct ResponseFlagFilter {
  uint64_t flags = 0;
};
/// Requests that the health check filter did not answer.
struct NotHealthCheckFilter {};
/// Requests that are (were there a sampling decision) traced.
struct TraceableFilter {};
/// A share of all requests: the same request gets the same answer from every such filter, unless `independent`.
struct ShareFilter {
  uint64_t numerator = 0;
  uint64_t denominator = 100;
  bool independent = false;
};
/// Whether the response's gRPC status is one of these; bit n stands for status n.
struct GrpcStatusFilter {
  uint32_t statuses = 0;
  bool exclude = false;
};
/// Whether the line is written at one of these moments; bit n stands for LogType n.
struct LogTypeFilter {
  uint32_t types = 0;
  bool exclude = false;
};
/// What is the same for every request.
struct FixedFilter {
  bool passes = true;
};
struct AllOf {
  std::vector<LogFilter> filters;
};
struct AnyOf {
  std::vector<LogFilter> filters;
};

struct LogFilter {
  std::variant<FixedFilter, StatusCodeFilter, DurationFilter, ResponseFlagFilter, NotHealthCheckFilter, TraceableFilter, ShareFilter,
               GrpcStatusFilter, LogTypeFilter, AllOf, AnyOf>
      rule;

  bool passes(const format::FormatContext& context) const;
};

}  // namespace weir::observe
