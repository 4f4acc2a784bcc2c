// Connection wishes: what a request's host says about the TLS connection that takes it upstream.
#pragma once

#include "http/header_map.h"
#include "upstream/spec.h"

namespace weir::proxy {

/// auto_sni and auto_san_validation: nothing for clusters without them. `request` as it goes upstream.
upstream::ConnectionWishes connection_wishes(const upstream::ClusterSpec& cluster, const http::HeaderMap& request);

}  // namespace weir::proxy
