// Health checks and outlier detection of the configuration become values.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "upstream/spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

/// Reads `health_checks`, `outlier_detection` and what of `common_lb_config` belongs to them; false after reporting an error.
bool read_health(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, RuntimeValues* runtime,
                 ClusterSpec& spec, config::Diagnostics& diagnostics);
/// Says which fields are implemented.
void declare_health(config::SupportTable& table);

}  // namespace weir::upstream
