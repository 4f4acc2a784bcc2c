// Where a cluster's endpoints come from: its type, DNS, EDS, and clusters that have none of their own.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "upstream/spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

/// Reads the type and what belongs to it; false after reporting an error.
bool read_discovery(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, ClusterSpec& spec,
                    config::Diagnostics& diagnostics);

/// Clients choose the hosts of a dynamic forward proxy: that these are who they should be must be checked. Needs protocol and
/// transport. False after reporting an error.
bool secure_forward_proxy(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, ClusterSpec& spec,
                          config::Diagnostics& diagnostics);

}  // namespace weir::upstream
