// Request rules: what the connection manager does to a request's head before it is routed, and to a response's before it is sent.
#pragma once

#include <optional>
#include <string_view>

#include "base/random.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "proxy/http_connection_spec.h"

namespace weir::proxy {

// The details of answers that are counted.
constexpr std::string_view kAbsolutePath = "absolute_path_rejected";
constexpr std::string_view kPathFailed = "path_normalization_failed";
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
  std::string_view location = {};  // of a redirect
  bool closes = false;             // an HTTP/1 connection
  bool protocol_error = false;     // the client broke the protocol: the answer is plain HTTP also for gRPC
};

/// Everything that happens to a request before it is routed, in Envoy's order: what cannot be routed or forwarded safely is
/// refused; path and host are normalized; early changes are made; then x-forwarded-*, x-envoy-*, x-request-id, via and hop-by-hop
/// lines. `upgrade` keeps Connection and Upgrade. Fills client_address and internal_request of `info`. Nothing if the request may
/// go on.
std::optional<LocalReply> admit_request(http::HeaderMap& request, const HttpConnectionSpec& spec, const LocalIdentity& identity,
                                        format::StreamInfo& info, Random& random, bool upgrade);

/// Hop-by-hop lines, server, date, via, x-request-id. `date` is the current Date line's value.
void prepare_response(http::HeaderMap& response, const http::HeaderMap& request, const HttpConnectionSpec& spec,
                      std::string_view date, bool upgrade);

/// Whether a request that wants to switch to another protocol (or CONNECT) may, on that route.
bool may_upgrade(const http::HeaderMap& request, const HttpConnectionSpec& spec, const route::Route* route);

/// What its protocol has of its own for a request that may switch to it; null if nothing.
const UpgradeFilters* filters_for_upgrade(const http::HeaderMap& request, const HttpConnectionSpec& spec);

/// With what the route takes the payload out of a CONNECT (or of a POST, where that is allowed) and sends it on as bare TCP; null
/// if it does not.
const route::UpgradeConfig* terminates_connect(const http::HeaderMap& request, const route::Route& route);

/// The protocol that it asks for; "connect" for a CONNECT.
std::string_view upgrade_type(const http::HeaderMap& request);

/// Whether the head asks for another protocol on the same connection (Connection: upgrade with Upgrade).
bool is_upgrade(const http::HeaderMap& headers);

}  // namespace weir::proxy
