// Which version of HTTP a cluster's endpoints speak, and its options.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "upstream/spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

/// Reads HttpProtocolOptions, or the older fields in their place; false after reporting an error.
bool read_protocol(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, ClusterSpec& spec,
                   config::Diagnostics& diagnostics);

}  // namespace weir::upstream
