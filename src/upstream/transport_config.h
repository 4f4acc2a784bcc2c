// Transport sockets of a cluster: TLS, PROXY headers, and which endpoints get which.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "upstream/cluster_config.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

/// Reads `transport_socket` and `transport_socket_matches`; needs the protocol. False after reporting an error.
bool read_transports(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at,
                     const ReadClientTls& read_tls, ClusterSpec& spec, config::Diagnostics& diagnostics);

}  // namespace weir::upstream
