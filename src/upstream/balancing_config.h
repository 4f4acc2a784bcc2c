// What a cluster says about load balancing becomes a BalancingSpec.
#pragma once

#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "upstream/balancing_spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

/// Reads lb_policy and what belongs to it, or load_balancing_policy. False after reporting an error. `runtime` may be null: then
/// no value can be changed later.
bool read_balancing(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, RuntimeValues* runtime,
                    config::Diagnostics& diagnostics, BalancingSpec& result);

/// Says which policies and fields are implemented.
void declare_balancing(config::SupportTable& table);

}  // namespace weir::upstream
