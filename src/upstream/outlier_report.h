// Outlier reports: what became of requests, told to the endpoint that they went to. Workers call this.
#pragma once

#include <cstdint>
#include <optional>

#include "upstream/cluster_state.h"

namespace weir::upstream {

enum class OutlierResult : uint8_t {
  kConnected,      // a connection came about; the answer is yet to come
  kConnectFailed,  // or it broke before the answer
  kTimeout,
  kAnswered,  // with the code that is given
};

/// Counts it, and tells the detector when it has happened too often in a row. Nothing if the cluster has no outlier detection.
void report_outlier(const ClusterState& cluster, const EndpointPtr& endpoint, OutlierResult result, uint32_t code = 0);

/// The HTTP status that a gRPC status counts as.
uint32_t http_status_of_grpc(uint32_t grpc_status);

}  // namespace weir::upstream
