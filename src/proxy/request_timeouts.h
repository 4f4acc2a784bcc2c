// Request timeouts: how long a forwarded request may take, from its route, its gRPC deadline and what internal callers ask for.
#pragma once

#include <cstdint>
#include <optional>

#include "http/header_map.h"
#include "route/spec.h"

namespace weir::proxy {

/// In milliseconds; 0 means without bound.
struct RequestTimeouts {
  int64_t response_ms = 0;    // from the end of the request to the end of the response
  int64_t try_ms = 0;         // of one try: from when its connection is there and the request complete to its response
  int64_t try_idle_ms = 0;    // of one try: without a byte
  int64_t expected_ms = 0;    // what the upstream is told (x-envoy-expected-rq-timeout-ms); 0: nothing
  bool empty_answer = false;  // what is too late is answered with 204 and no body (x-envoy-upstream-rq-timeout-alt-response)
  std::optional<int64_t>
      try_stream_ms;  // how long a try may live (x-envoy-upstream-stream-duration-ms); absent: the cluster's bound
  /// The whole exchange. Absent: the connection manager's bound stays; -1: it is over at once, before anybody can answer.
  std::optional<int64_t> stream_ms;
};

/// Also takes the headers that ask for timeouts out of the request, and rewrites grpc-timeout where the route caps it.
/// `heeds_expected`: what an earlier proxy told us to expect (x-envoy-expected-rq-timeout-ms) is the time that we have.
RequestTimeouts request_timeouts(const route::Forward& forward, bool hedges, bool heeds_expected, http::HeaderMap& request);

/// A grpc-timeout value ("5S", "100m") in milliseconds, rounded up (gRPC over HTTP/2, Requests); nothing if it is none.
std::optional<int64_t> parse_grpc_timeout(std::string_view text);

}  // namespace weir::proxy
