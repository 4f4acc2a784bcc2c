// Connection wishes: what a request, and the connection it came on, say about the connection that takes it upstream.
#pragma once

#include "format/stream_info.h"
#include "http/header_map.h"
#include "upstream/endpoint.h"
#include "upstream/spec.h"

namespace weir::proxy {

/// auto_sni and auto_san_validation, the PROXY header that tells of the client, and whose the connection is: nothing for clusters
/// without them. `request` as it goes upstream; null where there is none.
upstream::ConnectionWishes connection_wishes(const upstream::ClusterSpec& cluster, const upstream::Endpoint& endpoint,
                                             const http::HeaderMap* request, const format::ConnectionInfo* client);

/// The header that tells of the client; "" if its addresses cannot be told.
std::string proxy_header(const upstream::ProxyHeaderSpec& spec, const format::ConnectionInfo& client);

}  // namespace weir::proxy
