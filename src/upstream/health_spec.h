// What the configuration says about the health of a cluster's endpoints: active checks, and outlier detection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "format/formatter.h"
#include "format/text_matcher.h"
#include "http/header_name.h"
#include "upstream/transport.h"

namespace weir::upstream {

/// envoy.config.core.v3.HealthCheck. Times are in milliseconds.
struct HealthCheckSpec {
  enum class Kind : uint8_t { kHttp, kTcp, kGrpc };
  struct Range {
    int64_t start = 0, end = 0;  // [start, end)
  };
  struct Header {
    http::HeaderName name;
    format::Formatter value;
    bool replaces = false;
  };

  Kind kind = Kind::kHttp;
  int64_t timeout_ms = 1000;
  int64_t interval_ms = 1000;
  int64_t initial_jitter_ms = 0;
  int64_t interval_jitter_ms = 0;
  uint32_t interval_jitter_percent = 0;
  int64_t no_traffic_interval_ms = 60'000;
  int64_t no_traffic_healthy_interval_ms = 60'000;
  int64_t unhealthy_interval_ms = 1000;
  int64_t unhealthy_edge_interval_ms = 1000;
  int64_t healthy_edge_interval_ms = 1000;
  uint32_t unhealthy_threshold = 1;
  uint32_t healthy_threshold = 1;
  bool reuse_connection = true;
  RuntimeKey min_interval, max_interval;

  std::string event_log_path;  // "": none
  bool always_log_failures = false;
  bool always_log_successes = false;

  std::string alpn;                            // offered instead of the cluster's own, as on the wire; "": that
  std::optional<MatchValues> transport_match;  // instead of the endpoint's

  // HTTP
  std::string host;
  std::string path;
  std::string method = "GET";
  std::string payload;
  std::vector<Header> headers;
  std::vector<http::HeaderName> removed_headers;
  std::vector<Range> expected_statuses{{200, 201}};
  std::vector<Range> retriable_statuses;
  bool http2 = false;
  std::optional<format::TextMatcher> service_name;
  RuntimeKey verify_cluster;
  size_t response_buffer_size = 1024;

  // TCP; the second also for HTTP
  std::string send;
  std::vector<std::string> receive;  // must come in this order

  // gRPC
  std::string service;
  std::string authority;
};

/// envoy.config.cluster.v3.OutlierDetection; each number with the runtime key that may replace it.
struct OutlierSpec {
  struct Number {
    uint64_t usual = 0;
    RuntimeKey runtime;
    uint64_t value() const { return runtime.integer(usual); }
  };

  Number consecutive_5xx{5}, consecutive_gateway_failure{5}, consecutive_local_origin_failure{5};
  Number interval_ms{10'000}, base_ejection_time_ms{30'000}, max_ejection_time_ms{300'000}, max_ejection_time_jitter_ms{0};
  Number max_ejection_percent{10};
  Number enforcing_consecutive_5xx{100}, enforcing_consecutive_gateway_failure{0},
      enforcing_consecutive_local_origin_failure{100}, enforcing_success_rate{100}, enforcing_local_origin_success_rate{100},
      enforcing_failure_percentage{0}, enforcing_failure_percentage_local_origin{0};
  Number success_rate_minimum_hosts{5}, success_rate_request_volume{100}, success_rate_stdev_factor{1900};
  Number failure_percentage_threshold{85}, failure_percentage_minimum_hosts{5}, failure_percentage_request_volume{50};
  bool split_local_origin = false;
  bool always_eject_one = false;
  bool active_check_unejects = true;
};

}  // namespace weir::upstream
