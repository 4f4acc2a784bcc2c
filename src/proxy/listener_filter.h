// Listener filters: what is found out about a connection before a filter chain is chosen for it.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/runtime.h"
#include "base/token_bucket.h"
#include "format/stream_info.h"
#include "net/address.h"
#include "net/tls/client_hello.h"
#include "stats/cell.h"
#include "stats/visitor.h"

namespace weir::proxy {

/// One worker's share of what listener filters of one kind and prefix count; each kind uses its own.
struct ListenerFilterStats {
  // tls_inspector.
  stats::Counter alpn_found, alpn_not_found, client_hello_too_large, sni_found, sni_not_found, tls_found, tls_not_found;
  stats::Histogram bytes_processed;
  // http_inspector.
  stats::Counter http10_found, http11_found, http2_found, http_not_found, read_error;
  // proxy_proto.
  stats::Counter not_found_allowed, not_found_disallowed, v1_disallowed, v1_error, v1_found, v2_disallowed, v2_error, v2_found,
      proxy_proto_error;
  // listener_local_ratelimit.
  stats::Counter rate_limited;
};
void visit_tls_inspector(stats::StatVisitor& visitor, stats::Sharded<ListenerFilterStats>& stats);
void visit_http_inspector(stats::StatVisitor& visitor, stats::Sharded<ListenerFilterStats>& stats);
void visit_proxy_protocol(stats::StatVisitor& visitor, stats::Sharded<ListenerFilterStats>& stats);
/// Inside "downstream_cx_".
void visit_proxy_protocol_errors(stats::StatVisitor& visitor, stats::Sharded<ListenerFilterStats>& stats);

/// One of a listener's `listener_filters`.
struct ListenerFilterSpec {
  enum class Kind : uint8_t {
    kOriginalDestination,
    kProxyProtocol,
    kTlsInspector,
    kHttpInspector,
    kLocalRateLimit,
    kOriginalSource
  };
  Kind kind;
  /// Whether the filter is passed over for a connection to this port; empty: never.
  std::function<bool(uint16_t local_port)> disabled;
  // of the PROXY protocol
  bool proxy_header_optional = false;
  bool version1_allowed = true, version2_allowed = true;
  // of the original source
  uint32_t mark = 0;  // SO_MARK of upstream connections; 0: none
  // of the rate limit
  std::shared_ptr<TokenBucket> bucket;
  bool enabled = true;
  RuntimeKey enabled_key;
  std::bitset<256> passed_tlvs;  // types of those that are passed on
  /// What a TLV becomes in the metadata.
  struct TlvRule {
    uint8_t type;
    std::string name_space, key;
  };
  std::vector<TlvRule> rules;
  // of the TLS inspector
  net::Fingerprints fingerprints = net::Fingerprints::kNone;
  bool closes_broken = false;                                  // what begins like TLS and is none
  std::shared_ptr<stats::Sharded<ListenerFilterStats>> stats;  // null: it counts nothing (original_dst)
};

/// What the filters found out.
struct ListenerFindings {
  net::AddressPtr local_address, remote_address;  // as they are from now on
  bool destination_restored = false;              // local_address is where the client meant to go, not where it arrived
  std::string server_name;                        // lower case
  bool proxied = false;
  std::string transport_protocol = "raw_buffer";
  std::vector<std::string> application_protocols;
  std::shared_ptr<format::ConnectionExtras> extras;  // null without
};

enum class FilterResult : uint8_t {
  kGoOn,    // to the next filter
  kMore,    // when more bytes have come
  kClose,   // nobody may have this connection
  kRefuse,  // the same, and nothing was wrong with it
};

/// Asks one filter. `bytes` are all that came and was not taken yet; `taken` says how many of them are the filter's own and
/// nobody else will see. `fd` is the socket (-1 within the process), `worker` who counts.
FilterResult run_listener_filter(const ListenerFilterSpec& filter, size_t worker, int fd, std::string_view bytes,
                                 ListenerFindings& findings, size_t& taken);

/// "http/1.0", "http/1.1", "h2c"; "" if it is no HTTP. `more`: too little has come to tell.
std::string_view sniff_http(std::string_view bytes, bool& more);

}  // namespace weir::proxy
