// TcpProxySpec: what the configuration says about one tcp_proxy, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/formatter.h"
#include "format/lb_criteria.h"
#include "observe/access_log.h"
#include "route/spec.h"
#include "stats/cell.h"

namespace weir::proxy {

/// One worker's share of `tcp.<stat_prefix>.`.
struct TcpProxyStats {
  stats::Counter downstream_cx_total, downstream_cx_no_route, downstream_cx_tx_bytes_total, downstream_cx_rx_bytes_total,
      downstream_flow_control_paused_reading_total, downstream_flow_control_resumed_reading_total, idle_timeout,
      max_downstream_connection_duration, upstream_flush_total, early_data_received_count_total, on_demand_cluster_attempt,
      on_demand_cluster_missing, on_demand_cluster_success, on_demand_cluster_timeout;
  stats::Gauge downstream_cx_rx_bytes_buffered, downstream_cx_tx_bytes_buffered, upstream_flush_active;
};

/// TcpProxy.TunnelingConfig: the bytes travel in an HTTP request.
struct TunnelSpec {
  format::Formatter hostname;  // the request's authority
  bool use_post = false;       // POST instead of CONNECT
  std::string post_path = "/";
  route::HeaderMutations headers;
  bool propagate_response_headers = false;   // into the filter state
  bool propagate_response_trailers = false;  // likewise
  bool generates_request_id = false;
  std::string request_id_header = "x-request-id";             // in lower case
  std::string request_id_metadata_key = "tunnel_request_id";  // under envoy.filters.network.tcp_proxy
};

struct TcpProxySpec {
  struct WeightedCluster {
    std::string name;
    uint32_t id = 0;
    uint32_t weight = 1;
    std::shared_ptr<const format::LbCriteria> criteria = nullptr;  // what endpoints' metadata must be; null: anything
  };
  /// Between attempts to connect; random, up to a bound that doubles with each of them.
  struct BackOff {
    int64_t base_ms = 0;
    int64_t max_ms = 0;
  };
  /// What makes like connections go to like places.
  enum class Hash : uint8_t { kNone, kSourceIp, kFilterState };
  std::string stat_prefix;
  std::vector<WeightedCluster> clusters;  // one, or several by weight
  uint64_t total_weight = 1;
  bool server_name_is_cluster = false;                // where the client gives one; then `clusters` is for those that do not
  std::vector<std::pair<uint8_t, std::string>> tlvs;  // for upstreams' PROXY headers, of clients that came without one
  Hash hash = Hash::kNone;
  std::string hash_key;  // of the filter state's object
  std::optional<TunnelSpec> tunnel;
  int64_t idle_timeout_ms = 3'600'000;  // 0: never
  uint32_t max_connect_attempts = 1;
  std::optional<BackOff> back_off;           // without it the next attempt follows at once
  int64_t max_connection_duration_ms = 0;    // 0: no bound
  double max_connection_jitter_percent = 0;  // up to this much is added
  std::vector<std::shared_ptr<observe::AccessLog>> access_logs;
  bool logs_when_connected = false;
  int64_t log_interval_ms = 0;  // 0: only at the end
  mutable std::shared_ptr<stats::Sharded<TcpProxyStats>> stats;
};

}  // namespace weir::proxy
