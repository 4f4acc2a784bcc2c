// HttpConnectionSpec: the HTTP connection manager's configuration, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "filter/filter.h"
#include "http/codec.h"
#include "net/address.h"
#include "observe/access_log.h"
#include "proxy/client_address.h"
#include "proxy/client_certificate.h"
#include "proxy/http_stats.h"
#include "proxy/local_reply_rules.h"
#include "proxy/path_rules.h"
#include "proxy/proxy_status.h"
#include "route/scopes.h"
#include "route/source.h"
#include "route/spec.h"

namespace weir::proxy {

struct TracingSpec;
struct TryLogSpec;

enum class CodecKind : uint8_t { kAuto, kHttp1, kHttp2 };
enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };

struct ConfiguredFilter {
  std::string name;  // by which routes speak to it
  filter::FilterFactoryPtr factory;
  bool disabled = false;  // unless a route says something to it
};

/// What the router at the end of a list of filters is told.
struct RouterOptions {
  bool suppress_envoy_headers = false;
  bool dynamic_stats = true;
  bool counts_codes_of_grpc = true;        // in the counters of the whole cluster
  bool respects_expected_timeout = false;  // x-envoy-expected-rq-timeout-ms of an internal request
  std::vector<http::HeaderId> strict_headers;
  std::shared_ptr<const TryLogSpec> try_log;  // null: none
};

/// The filters of requests that switch to another protocol.
struct UpgradeFilters {
  std::string type;  // lower case
  std::vector<ConfiguredFilter> filters;
  RouterOptions router;
};

/// Times are in milliseconds; 0 means off. The defaults are Envoy's.
struct HttpConnectionSpec {
  std::string stat_prefix;
  CodecKind codec = CodecKind::kAuto;
  http::Http1Options http1;
  http::Http2Options http2;
  http::CodecLimits limits;

  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;
  std::string via;
  std::optional<std::string> add_user_agent;  // the local service cluster

  PathRules path_rules;
  HostRules host_rules;
  std::vector<route::HeaderChange> early_changes;  // of the request, before anything else reads it

  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  bool skip_xff_append = false;
  bool append_x_forwarded_port = false;
  std::vector<AddressDetection> address_detections;  // asked in order; not together with use_remote_address
  std::vector<net::Cidr> internal_addresses;
  bool unix_sockets_are_internal = false;

  ClientCertMode client_cert_mode = ClientCertMode::kSanitize;
  ClientCertDetails client_cert_details;

  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool pack_trace_reason = true;  // the request id also says whether the request is traced
  bool always_set_request_id_in_response = false;
  std::shared_ptr<const TracingSpec> tracing;  // null: none

  bool proxy_100_continue = false;
  std::string scheme_to_overwrite;
  bool scheme_matches_upstream = false;  // what the upstream connection really is

  bool has_router = true;  // without one nothing could answer a request but ourselves
  std::optional<ProxyStatusRules> proxy_status;
  std::shared_ptr<const LocalReplyRules> local_replies;  // null: answers are as they are made

  std::vector<route::UpgradeConfig> upgrades;  // protocols that clients may switch to, unless a route says otherwise

  int64_t idle_timeout_ms = 3'600'000;
  int64_t stream_idle_timeout_ms = 300'000;
  int64_t stream_flush_timeout_ms = 300'000;  // until an HTTP/2 client has taken all of an answer
  int64_t request_timeout_ms = 0;
  int64_t request_headers_timeout_ms = 0;
  int64_t drain_timeout_ms = 5000;
  int64_t delayed_close_timeout_ms = 1000;
  int64_t max_connection_duration_ms = 0;
  bool http1_waits_for_response = false;  // then an HTTP/1 connection lasts until it has said that it will close
  int64_t max_stream_duration_ms = 0;
  uint32_t max_requests_per_connection = 0;
  RuntimeKey premature_reset_count, premature_reset_life_s;  // see HttpConnection::count_done()

  /// Where the route table comes from: fixed, or replaced while running (RDS).
  std::shared_ptr<route::TableSource> routes;
  std::shared_ptr<route::ScopeSource> scopes;  // if there are no `routes`: each request has a table by its key
  std::vector<ConfiguredFilter> filters;       // without the router, which is the pipeline itself
  RouterOptions router;
  std::vector<UpgradeFilters> upgrade_filters;  // of upgrades that have their own
  bool tells_upstreams_of_client = true;        // those that want a PROXY header

  std::vector<std::shared_ptr<observe::AccessLog>> access_logs;
  bool log_new_requests = false;  // also when a request has been routed, not only at its end
  int64_t log_interval_ms = 0;    // also again and again while it lasts; 0: not

  mutable std::shared_ptr<stats::Sharded<HttpStats>> stats;  // shared by all chains with this stat_prefix
};

}  // namespace weir::proxy
