// Which requests are traced. No trace is sent to anybody yet; but the request's id and statistics say what was decided.
#pragma once

#include "base/random.h"
#include "http/header_map.h"
#include "proxy/http_stats.h"
#include "route/trace_shares.h"

namespace weir::proxy {

/// HttpConnectionManager.Tracing.
struct TracingSpec {
  route::TraceShares shares;  // unless the route has its own
  bool by_request_id = true;  // x-request-id decides; else everything is traced
  bool marks_id = true;       // and says what was decided, so that the next proxy does the same (pack_trace_reason)
};

enum class TraceReason : uint8_t { kNotTraceable, kSampled, kClientForced, kServiceForced };

/// Decides it, and notes it in the request's id.
TraceReason decide_trace(http::HeaderMap& request, const TracingSpec& spec, const route::TraceShares& shares, Random& random);

void count(HttpStats& stats, TraceReason reason);

}  // namespace weir::proxy
