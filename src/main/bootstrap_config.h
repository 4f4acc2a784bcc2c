// What of the bootstrap itself is read, besides its listeners and clusters.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "config/support.h"
#include "main/options.h"
#include "net/address.h"
#include "proxy/request_rules.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace weir::main {

struct BootstrapSpec {
  net::AddressPtr admin_address;  // null: no admin
  int64_t stats_flush_interval_ms = 5000;
  proxy::LocalIdentity identity;
  /// From the static runtime layers: envoy.resource_limits.listener.<name>.connection_limit, by listener name.
  std::map<std::string, uint32_t> connection_limits;
};

/// Reads a validated bootstrap; the command line completes the node.
BootstrapSpec read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                             config::Diagnostics& diagnostics);

void declare_bootstrap(config::SupportTable& table);

}  // namespace weir::main
