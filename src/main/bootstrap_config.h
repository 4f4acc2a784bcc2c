// What of the bootstrap itself is read, besides its listeners and clusters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "config/support.h"
#include "main/options.h"
#include "main/stat_sinks.h"
#include "net/address.h"
#include "proxy/request_rules.h"
#include "upstream/spec.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace weir::main {

struct BootstrapSpec {
  net::AddressPtr admin_address;  // null: no admin
  int64_t stats_flush_interval_ms = 5000;
  bool stats_flush_on_admin = false;  // flushed when /stats is asked for, and only then
  std::vector<StatSinkSpec> stat_sinks;
  proxy::LocalIdentity identity;
  bool internal_listeners = false;  // envoy.bootstrap.internal_listener is there
  size_t internal_buffer = 1024 * 1024;
  std::string node;                                    // for management servers: a serialized Node
  std::shared_ptr<const upstream::Locality> locality;  // of the node; null if nothing is said of it
  std::optional<std::string> log_format;               // of the process's own log, unless the command line says it
  std::optional<int64_t> stats_server_version;         // what server.version shows
};

/// Reads a validated bootstrap; the command line completes the node.
BootstrapSpec read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                             config::Diagnostics& diagnostics);

/// The runtime key re2.max_program_size.error_level, or what it is without one.
uint32_t regex_program_limit(const RuntimeValues& runtime);

void declare_bootstrap(config::SupportTable& table);

}  // namespace weir::main
