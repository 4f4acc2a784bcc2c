// Request rules: what the connection manager does to a request's head before it is routed, and to a response's before it is sent.
#pragma once

#include <optional>
#include <string_view>

#include "base/random.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "proxy/http_connection_spec.h"

namespace weir::proxy {

/// The details of the answer to a request whose client address was not found.
constexpr std::string_view kDetectionFailed = "rejecting_because_detection_failed";

/// Facts about this process that requests are marked with.
struct LocalIdentity {
  std::string node_id, node_cluster, zone;
  net::AddressPtr address;  // the machine's own, for x-forwarded-for behind a loopback peer
};

/// An answer that Weir gives itself.
struct LocalReply {
  int status;
  std::string_view body;
  std::string_view details;
  bool closes = false;          // an HTTP/1 connection
  bool protocol_error = false;  // the client broke the protocol: the answer is plain HTTP also for gRPC
};

/// Refuses what cannot be routed or forwarded safely; nothing if the request may go on.
std::optional<LocalReply> check_request(const http::HeaderMap& request, const HttpConnectionSpec& spec,
                                        const format::StreamInfo& info);

/// x-forwarded-*, x-envoy-*, x-request-id, via, hop-by-hop lines: what Envoy's connection manager does, in its order.
/// `upgrade` keeps Connection and Upgrade. Fills client_address and internal_request of `info`. An answer if an extension insists on
/// a client address that it does not find.
std::optional<LocalReply> prepare_request(http::HeaderMap& request, const HttpConnectionSpec& spec, const LocalIdentity& identity,
                                          format::StreamInfo& info, Random& random, bool upgrade);

/// Hop-by-hop lines, server, date, via, x-request-id. `date` is the current Date line's value.
void prepare_response(http::HeaderMap& response, const http::HeaderMap& request, const HttpConnectionSpec& spec,
                      std::string_view date, bool upgrade);

/// Whether the head asks for another protocol on the same connection (Connection: upgrade with Upgrade).
bool is_upgrade(const http::HeaderMap& headers);

}  // namespace weir::proxy
