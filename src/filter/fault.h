// fault: delays requests, answers them with errors, and slows responses down, on purpose.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filter/catalog.h"
#include "filter/filter.h"
#include "format/header_matcher.h"
#include "stats/cell.h"

namespace weir::filter {

/// How many of the requests; a header of the request may lower it where headers decide.
struct FaultShare {
  RuntimeShare share;
  std::string_view header;  // "" if none may
  RuntimeKey runtime;

  /// The request's own chance, with what a header and the runtime say; `instead` is a key of the runtime that wins.
  bool holds(const Exchange& exchange, const RuntimeValue* instead = nullptr) const;
};

struct FaultDelay {
  std::optional<int64_t> fixed_ms;  // else x-envoy-fault-delay-request says it
  FaultShare share;
  RuntimeKey duration_runtime;
};

struct FaultAbort {
  std::optional<int> http_status, grpc_status;  // else x-envoy-fault-abort-request or -abort-grpc-request says it
  FaultShare share;
  RuntimeKey http_runtime, grpc_runtime;
};

struct FaultRateLimit {
  std::optional<uint64_t> fixed_kbps;  // else x-envoy-fault-throughput-response says it
  FaultShare share;
};

/// What the filter is told, by the connection manager or by a route.
struct FaultSpec : route::FilterSettings {
  std::optional<FaultDelay> delay;
  std::optional<FaultAbort> abort;
  std::optional<FaultRateLimit> rate_limit;
  std::string upstream_cluster;  // only requests to it; "": all
  std::vector<format::HeaderMatcher> headers;
  std::vector<std::string> downstream_nodes;  // only requests from them; empty: all
  uint64_t max_active_faults = UINT64_MAX;
  RuntimeKey max_active_runtime;
  bool count_downstream_clusters = true;
  RuntimeFamily of_clusters;  // what an operator says about requests of one downstream cluster: "fault.http.<cluster>…"
};

/// What is counted of requests from one cluster (x-envoy-downstream-service-cluster).
struct FaultsOfCluster {
  std::string name;
  stats::Counter aborts_injected, delays_injected;
  std::atomic<FaultsOfCluster*> next = nullptr;
};

struct FaultStats {
  stats::Counter aborts_injected, delays_injected, faults_overflow, response_rl_injected;
  stats::Gauge active_faults;

  ~FaultStats();
  /// Null when there are too many to count them all. The worker's own thread.
  FaultsOfCluster* of(std::string_view cluster);

  std::atomic<FaultsOfCluster*> clusters = nullptr;
  size_t cluster_count = 0;
};

FilterFactoryPtr make_fault(std::shared_ptr<const FaultSpec> spec, std::shared_ptr<stats::Sharded<FaultStats>> stats);
std::shared_ptr<stats::Sharded<FaultStats>> fault_stats(const FilterContext& context);

/// envoy.extensions.filters.http.fault.v3.HTTPFault, see CatalogEntry.
FilterFactoryPtr read_fault(const google::protobuf::Any& configuration, const config::FieldPath& at, const FilterContext& context,
                            config::Diagnostics& diagnostics);
/// The same message.
route::FilterSettingsPtr read_fault_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                             const FilterContext& context, config::Diagnostics& diagnostics);
void declare_fault(config::SupportTable& table);

}  // namespace weir::filter
