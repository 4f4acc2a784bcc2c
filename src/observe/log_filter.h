// LogFilter: whether a request is worth a line in an access log (envoy.config.accesslog.v3.AccessLogFilter).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/runtime.h"
#include "format/header_matcher.h"
#include "format/stream_info.h"
#include "format/value_matcher.h"

namespace weir::observe {

struct LogFilter;

/// A number of the request compared with one of the configuration.
struct Comparison {
  enum class Operator : uint8_t { kEqual, kGreaterOrEqual, kLessOrEqual };
  Operator op = Operator::kEqual;
  uint64_t value = 0;
  RuntimeKey runtime;  // may override the value

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
/// A header of the request.
struct HeaderFilter {
  format::HeaderMatcher header;
};
/// At least one of these flags is set; bits as in format::ResponseFlags.
struct ResponseFlagFilter {
  uint64_t flags = 0;
};
/// A share of all requests. The request id decides, so that all filters (and proxies) agree about a request, unless
/// `independent`.
struct ShareFilter {
  uint64_t numerator = 0;
  uint64_t denominator = 100;
  bool independent = false;
  RuntimeKey runtime;  // may override the numerator
};
/// The response's gRPC status is one of these; bit n stands for status n. A response without one has that of its HTTP status.
struct GrpcStatusFilter {
  uint32_t statuses = 0;
  bool exclude = false;
};
/// The line is written at one of these moments; bit n stands for LogType n.
struct LogTypeFilter {
  uint32_t types = 0;
  bool exclude = false;
};
/// Requests that a filter did not take for health checks.
struct NotHealthCheckFilter {};
/// Requests that are traced because another proxy demands it, as in Envoy.
struct TraceableFilter {};
/// A value that filters noted; `if_missing` decides without one. As in Envoy, `invert` of the matcher means nothing here.
struct MetadataFilter {
  format::MetadataMatcher matcher;
  bool if_missing = true;
};
/// The same for every request.
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
  std::variant<FixedFilter, NotHealthCheckFilter, TraceableFilter, StatusCodeFilter, DurationFilter, HeaderFilter,
               ResponseFlagFilter, ShareFilter, GrpcStatusFilter, LogTypeFilter, MetadataFilter, AllOf, AnyOf>
      rule;

  bool passes(const format::FormatContext& context) const;
};

}  // namespace weir::observe
