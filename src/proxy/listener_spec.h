// ListenerSpec: what the configuration says about one listener, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "format/matcher_tree.h"
#include "net/address.h"
#include "net/tls/tls_source.h"
#include "observe/access_log.h"
#include "proxy/connection_gate.h"
#include "proxy/filter_chain_index.h"
#include "proxy/http_connection_spec.h"
#include "proxy/listener_filter.h"
#include "proxy/tcp_proxy_spec.h"
#include "upstream/spec.h"

namespace weir::proxy {

/// What becomes of a connection: HTTP, bytes passed on, or nothing (it is closed).
using TerminalFilter =
    std::variant<std::shared_ptr<const HttpConnectionSpec>, std::shared_ptr<const TcpProxySpec>, std::monostate>;

struct FilterChain {
  std::string name;
  std::vector<ConnectionGatePtr> gates;  // in their order, before:
  TerminalFilter terminal;
  net::TlsSourcePtr tls;             // null: plain
  int64_t handshake_timeout_ms = 0;  // 0: none
};

struct ListenerSpec {
  std::string name;
  format::StaticMetadataPtr metadata;      // null: none
  std::string stat_prefix;                 // the address unless configured, ':' replaced
  std::vector<net::AddressPtr> addresses;  // the main one first
  bool internal = false;                   // no socket: connections come from clusters of this process
  size_t internal_buffer = 1024 * 1024;
  bool drains_only_when_modified = false;  // not when a health check fails
  bool bind_to_port = true;                // or else connections come only from listeners that hand them over
  bool hands_over = false;                 // use_original_dst: a restored destination may belong to another listener
  bool reuse_port = true;
  bool exact_balance = false;
  bool transparent = false, freebind = false;
  bool added_via_api = false;
  bool inbound = false;                // traffic_direction INBOUND
  bool outbound = false;               // traffic_direction OUTBOUND
  int backlog = 0;                     // 0: the system's
  uint32_t max_accepts_per_event = 0;  // 0: all that wait
  size_t buffer_limit = 1024 * 1024;
  RuntimeKey connection_limit;  // without a value there is none
  bool counts_globally = true;  // whether the limit of all listeners together holds for it, too
  bool follows_overload = true;
  std::vector<upstream::SocketOption> socket_options;  // set before the socket is bound
  std::vector<upstream::SocketOption> bound_options;   // after that
  std::vector<upstream::SocketOption> listening_options;
  upstream::TcpKeepalive keepalive;

  std::vector<FilterChain> chains;
  FilterChainIndex index;             // finds one of `chains`
  format::MatcherTree chain_matcher;  // filter_chain_matcher, which takes the place of the index; its actions are chains
  size_t default_chain = FilterChainIndex::kNone;  // where the matcher finds nothing
  std::vector<ListenerFilterSpec> filters;
  int64_t filters_timeout_ms = 15'000;  // 0: none
  bool continue_on_filters_timeout = false;
  std::vector<std::shared_ptr<observe::AccessLog>> access_logs;

  /// The chain that takes a connection, or FilterChainIndex::kNone. `application_protocols` may be null.
  size_t find_chain(const format::ConnectionInfo& connection, std::string_view transport_protocol,
                    const std::vector<std::string>* application_protocols) const;
};
using ListenerSpecPtr = std::shared_ptr<const ListenerSpec>;

}  // namespace weir::proxy
