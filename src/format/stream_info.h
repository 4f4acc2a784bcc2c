// StreamInfo: what is known about one request (or one TCP session) for logs, formatters and statistics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/clock.h"
#include "format/dynamic_metadata.h"
#include "format/static_metadata.h"
#include "http/stream.h"
#include "net/address.h"

namespace weir::net {
class TlsInfo;
}

namespace weir::format {

/// Why a response is not the upstream's own, or a stream ended early. The order is Envoy's bit order (access log docs,
/// RESPONSE_FLAGS).
enum class ResponseFlag : uint8_t {
  kFailedLocalHealthCheck,
  kNoHealthyUpstream,
  kUpstreamRequestTimeout,
  kLocalReset,
  kUpstreamRemoteReset,
  kUpstreamConnectionFailure,
  kUpstreamConnectionTermination,
  kUpstreamOverflow,
  kNoRouteFound,
  kDelayInjected,
  kFaultInjected,
  kRateLimited,
  kUnauthorizedExternalService,
  kRateLimitServiceError,
  kDownstreamConnectionTermination,
  kUpstreamRetryLimitExceeded,
  kStreamIdleTimeout,
  kInvalidEnvoyRequestHeaders,
  kDownstreamProtocolError,
  kUpstreamMaxStreamDurationReached,
  kResponseFromCacheFilter,
  kNoFilterConfigFound,
  kDurationTimeout,
  kUpstreamProtocolError,
  kNoClusterFound,
  kOverloadManagerTerminated,
  kDnsResolutionFailed,
  kDropOverload,
  kDownstreamRemoteReset,
  kUnconditionalDropOverload,
  kCount
};

/// "UF" and "UpstreamConnectionFailure".
std::string_view flag_short_name(ResponseFlag flag);
std::string_view flag_long_name(ResponseFlag flag);

class ResponseFlags {
 public:
  void set(ResponseFlag flag) {
    if (has(flag)) return;
    bits_ |= uint64_t{1} << static_cast<int>(flag);
    if (count_ < kMost) order_[count_++] = flag;
  }
  bool has(ResponseFlag flag) const { return (bits_ >> static_cast<int>(flag)) & 1; }
  bool any() const { return bits_ != 0; }
  uint64_t bits() const { return bits_; }
  /// In the order in which they were set, as logs show them.
  const ResponseFlag* begin() const { return order_; }
  const ResponseFlag* end() const { return order_ + count_; }

 private:
  static constexpr uint8_t kMost = 7;  // no request meets more
  uint64_t bits_ = 0;
  uint8_t count_ = 0;
  ResponseFlag order_[kMost] = {};
};

/// What few connections have.
struct ConnectionExtras {
  /// Of the PROXY header in front, for the metadata of a connection.
  struct Note {
    std::string name_space, key, text;
  };
  std::vector<Note> notes;
  std::vector<std::pair<uint8_t, std::string>> tlvs;  // of the PROXY header: those that may be passed on
  std::string ja3, ja4;                               // fingerprints of the ClientHello, if asked for
  net::AddressPtr source;                             // what upstream connections come from (original_src); null: wherever
  uint32_t source_mark = 0;                           // SO_MARK of these; 0: none
};

/// Facts about the downstream connection; they outlive its requests.
struct ConnectionInfo {
  uint64_t id = 0;
  net::AddressPtr local_address;          // after listener filters (original destination)
  net::AddressPtr remote_address;         // after listener filters (PROXY protocol)
  net::AddressPtr direct_local_address;   // the socket's own
  net::AddressPtr direct_remote_address;  // the socket's own
  std::string requested_server_name;      // SNI, lower case
  std::string transport_failure_reason;
  std::string termination_details;
  std::optional<int64_t> handshake_ms;
  std::string_view filter_chain_name;
  const StaticMetadata* listener_metadata = nullptr;  // of its listener
  bool tls = false;
  bool proxied = false;                            // a PROXY header came first
  bool client_told = true;                         // to upstreams that want to know for whom we connect
  std::shared_ptr<const net::TlsInfo> tls_info;    // null on a plain connection
  std::shared_ptr<const ConnectionExtras> extras;  // null without
};

/// Everything text-like lives in the request's arena or in configuration that outlives the request.
struct StreamInfo {
  // --- time; 0 means "did not happen" ---
  WallNs start_wall = 0;
  MonotonicNs start = 0;                        // DS_RX_BEG: the first byte of the request was seen
  MonotonicNs request_complete = 0;             // DS_RX_END
  MonotonicNs upstream_connect_start = 0;       // US_CX_BEG
  MonotonicNs upstream_connect_complete = 0;    // US_CX_END
  MonotonicNs upstream_handshake_complete = 0;  // US_HS_END
  MonotonicNs upstream_request_start = 0;       // US_TX_BEG
  MonotonicNs upstream_request_complete = 0;    // US_TX_END
  MonotonicNs upstream_response_start = 0;      // US_RX_BEG
  MonotonicNs upstream_response_complete = 0;   // US_RX_END
  MonotonicNs response_start = 0;               // DS_TX_BEG
  MonotonicNs response_complete = 0;            // DS_TX_END
  MonotonicNs end = 0;                          // when it was all over

  // --- downstream ---
  const ConnectionInfo* connection = nullptr;
  /// Who asks, as far as the connection manager trusts x-forwarded-for; null means the connection's remote address.
  net::AddressPtr client_address;
  std::optional<http::Protocol> protocol;
  uint64_t stream_id = 0;
  uint64_t bytes_received = 0;  // body only
  uint64_t bytes_sent = 0;      // body only
  http::StreamTraffic traffic;
  bool internal_request = false;
  bool health_check = false;  // it asks whether this proxy is well
  bool trace_forced = false;  // another proxy demanded that it be traced

  // --- decisions ---
  std::string_view route_name;
  std::string_view virtual_host_name;
  std::string_view virtual_cluster_name;
  std::string_view upstream_cluster;  // the name statistics use (alt_stat_name, if given)
  std::string_view upstream_cluster_raw;
  const StaticMetadata *route_metadata = nullptr, *virtual_host_metadata = nullptr;
  StaticMetadataPtr cluster_metadata, host_metadata;

  // --- upstream ---
  net::AddressPtr upstream_remote_address;
  net::AddressPtr upstream_local_address;
  std::string_view upstream_host_name;
  std::optional<http::Protocol> upstream_protocol;
  std::string_view upstream_transport_failure_reason;
  std::shared_ptr<const net::TlsInfo> upstream_tls;
  uint64_t upstream_connection_id = 0;
  uint32_t attempts = 0;
  /// How long the request waited for a connection of its pool.
  std::optional<int64_t> upstream_pool_wait_ns;
  http::StreamTraffic upstream_traffic;  // of all tries

  /// The address of the endpoint that the request shall go to (a session's); "" for any. Strict: that one or none.
  std::string_view wanted_host;
  bool wanted_host_strict = false;

  // --- what filters noted ---
  DynamicMetadata metadata;
  FilterState filter_state;

  // --- outcome ---
  int response_code = 0;  // 0: none was sent
  std::string_view response_code_details;
  ResponseFlags flags;
  std::string_view local_reply_body;

  const net::AddressPtr& client() const { return client_address ? client_address : connection->remote_address; }
};

/// When a log line is written (access log docs, ACCESS_LOG_TYPE).
enum class LogType : uint8_t {
  kNotSet,
  kTcpUpstreamConnected,
  kTcpPeriodic,
  kTcpConnectionEnd,
  kDownstreamStart,
  kDownstreamPeriodic,
  kDownstreamEnd,
  kUpstreamPoolReady,
  kUpstreamPeriodic,
  kUpstreamEnd,
  kDownstreamTunnelSuccessfullyEstablished,
  kUdpTunnelUpstreamConnected,
  kUdpPeriodic,
  kUdpSessionEnd,
};

/// What a formatter may look at. Missing parts are null.
struct FormatContext {
  const http::HeaderMap* request = nullptr;
  const http::HeaderMap* response = nullptr;
  const http::HeaderMap* trailers = nullptr;  // of the response
  const StreamInfo& info;
  LogType log_type = LogType::kNotSet;
};

}  // namespace weir::format
