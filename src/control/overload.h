// OverloadMonitors: watches how much memory is used, and turns on what the overload manager says about that.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "loop/timer.h"
#include "proxy/overload.h"
#include "stats/cell.h"
#include "stats/registry.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::config::overload::v3 {
class OverloadAction;
class ResourceMonitor;
}  // namespace envoy::config::overload::v3

namespace weir::control {

struct OverloadMonitorStats {
  stats::Counter failed_updates, skipped_updates;
  stats::Gauge pressure;
};
struct OverloadActionStats {
  stats::Gauge active, scale_percent;
};

struct HeapShrinkStats {
  stats::Counter shrink_count;
};

class OverloadMonitors {
 public:
  explicit OverloadMonitors(const Context& context);

  /// Reads overload_manager. False after reporting errors.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// Begins to measure.
  void start();

  /// Measures now and acts on it.
  void refresh();

 private:
  /// fixed_heap: the share of `max_bytes` that is allocated.
  struct Monitor {
    std::string name;
    uint64_t max_bytes = 0;
    double pressure = 0;  // 1 is all of it
    OverloadMonitorStats stats;
  };
  /// A threshold is a trigger whose two ends are the same.
  struct Trigger {
    size_t monitor;
    double begins, saturates;
    double strength(double pressure) const;
  };
  struct Action {
    std::string name;
    proxy::OverloadAction action = proxy::OverloadAction::kCount;
    std::vector<Trigger> triggers;
    OverloadActionStats stats;
  };

  bool read(const envoy::config::overload::v3::ResourceMonitor& config, const config::FieldPath& at,
            config::Diagnostics& diagnostics);
  bool read(const envoy::config::overload::v3::OverloadAction& config, const config::FieldPath& at,
            config::Diagnostics& diagnostics);
  void visit(stats::StatVisitor& visitor);
  void shrink_heap();

  const Context& context_;
  std::vector<std::unique_ptr<Monitor>> monitors_;
  std::vector<std::unique_ptr<Action>> actions_;
  std::string connections_monitor_;  // the name of the one that limits connections; "" without it
  uint64_t max_connections_ = 0;
  int64_t refresh_interval_ms_ = 1000;
  HeapShrinkStats shrinking_;
  stats::Registry::Registration registration_;
  loop::Timer refresh_timer_, shrink_timer_;
};

/// Declares OverloadManager and what stands in it.
void declare_overload(config::SupportTable& table);

}  // namespace weir::control
