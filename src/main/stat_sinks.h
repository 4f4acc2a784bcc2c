// StatSinks: where statistics are sent at every flush (bootstrap.stats_sinks): statsd, DogStatsD and Graphite, over UDP or TCP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "loop/event_loop.h"
#include "net/address.h"
#include "stats/statsd.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace weir::main {

/// One sink as configured.
struct StatSinkSpec {
  stats::StatsdFormat format;
  net::AddressPtr address;  // of UDP; null:
  std::string cluster;      // TCP to an endpoint of this cluster
};

/// Reads `stats_sinks`. `has_node`: whether node.id and node.cluster are known, which TCP needs.
std::vector<StatSinkSpec> read_stat_sinks(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, bool has_node,
                                          config::Diagnostics& diagnostics);
void declare_stat_sinks(config::SupportTable& table);

/// Main thread. What a sink's server does not take in time is lost: statistics never wait.
class StatSink {
 public:
  virtual ~StatSink() = default;
  /// Right after Registry::flush().
  virtual void flush() = 0;
};

/// `find_endpoint`: the address of an endpoint of that cluster; null if there is none. All references outlive the sink.
std::unique_ptr<StatSink> make_stat_sink(StatSinkSpec spec, loop::EventLoop& loop, stats::Registry& registry,
                                         const stats::TagExtractor& tags,
                                         std::function<net::AddressPtr(const std::string& cluster)> find_endpoint);

}  // namespace weir::main
