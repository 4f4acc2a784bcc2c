#include "upstream/outlier_report.h"

namespace weir::upstream {

namespace {

void on_code(const ClusterState& cluster, const EndpointPtr& endpoint, uint32_t code) {
  const OutlierSpec& spec = *cluster.spec->outlier;
  OutlierRecord& record = *endpoint->outlier;
  if (code < 500 || code >= 600) {
    record.external.count(true);
    record.consecutive_5xx.store(0, std::memory_order_relaxed);
    record.consecutive_gateway_failure.store(0, std::memory_order_relaxed);
    return;
  }
  record.external.count(false);
  if (code >= 502 && code <= 504) {
    if (record.consecutive_gateway_failure.fetch_add(1) + 1 == spec.consecutive_gateway_failure.value()) {
      cluster.tell_outlier(endpoint, OutlierKind::kConsecutiveGatewayFailure);
    }
  } else {
    record.consecutive_gateway_failure.store(0, std::memory_order_relaxed);
  }
  if (record.consecutive_5xx.fetch_add(1) + 1 == spec.consecutive_5xx.value()) {
    cluster.tell_outlier(endpoint, OutlierKind::kConsecutive5xx);
  }
}

void on_local_origin(const ClusterState& cluster, const EndpointPtr& endpoint, bool good) {
  OutlierRecord& record = *endpoint->outlier;
  record.local.count(good);
  if (good) {
    record.consecutive_local_origin_failure.store(0, std::memory_order_relaxed);
  } else if (record.consecutive_local_origin_failure.fetch_add(1) + 1 ==
             cluster.spec->outlier->consecutive_local_origin_failure.value()) {
    cluster.tell_outlier(endpoint, OutlierKind::kConsecutiveLocalOriginFailure);
  }
}

}  // namespace

void report_outlier(const ClusterState& cluster, const EndpointPtr& endpoint, OutlierResult result, uint32_t code) {
  if (!cluster.spec->outlier || endpoint->outlier == nullptr || cluster.tell_outlier == nullptr) return;
  const bool split = cluster.spec->outlier->split_local_origin;
  switch (result) {
    case OutlierResult::kConnected:
      if (split) on_local_origin(cluster, endpoint, true);
      return;
    case OutlierResult::kConnectFailed:
      return split ? on_local_origin(cluster, endpoint, false) : on_code(cluster, endpoint, 503);
    case OutlierResult::kTimeout:
      return split ? on_local_origin(cluster, endpoint, false) : on_code(cluster, endpoint, 504);
    case OutlierResult::kAnswered:
      return on_code(cluster, endpoint, code);
  }
}

uint32_t http_status_of_grpc(uint32_t grpc_status) {
  static constexpr uint32_t kStatus[] = {200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401};
  return grpc_status < std::size(kStatus) ? kStatus[grpc_status] : 500;
}

}  // namespace weir::upstream
