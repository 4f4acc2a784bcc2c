// OutlierRecord: what requests made of one endpoint, as outlier detection counts it. Written by all workers.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::upstream {

/// Why an endpoint is ejected (envoy.data.cluster.v3.OutlierEjectionType, in its order).
enum class OutlierKind : uint8_t {
  kConsecutive5xx,
  kConsecutiveGatewayFailure,
  kSuccessRate,
  kConsecutiveLocalOriginFailure,
  kSuccessRateLocalOrigin,
  kFailurePercentage,
  kFailurePercentageLocalOrigin,
};

struct OutlierRecord {
  std::atomic<uint32_t> consecutive_5xx = 0, consecutive_gateway_failure = 0, consecutive_local_origin_failure = 0;

  /// Requests of the interval that is going on, and of the one before.
  struct Bucket {
    std::atomic<uint64_t> total = 0, success = 0;
    void count(bool good) {
      total.fetch_add(1, std::memory_order_relaxed);
      if (good) success.fetch_add(1, std::memory_order_relaxed);
    }
  };
  Bucket external, local;
  struct Last {
    uint64_t total = 0, success = 0;
  };
  Last last_external, last_local;  // main thread
  /// In percent, of the interval before; -1 if there were too few requests.
  std::atomic<double> success_rate = -1, local_origin_success_rate = -1;

  void restart_counts() { consecutive_5xx = consecutive_gateway_failure = consecutive_local_origin_failure = 0; }
};

}  // namespace weir::upstream
