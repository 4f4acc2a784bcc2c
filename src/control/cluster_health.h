// ClusterHealth: active checks and outlier detection of one cluster, and when its balancers hear what they found.
#pragma once

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "config/path.h"
#include "control/stat_names.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "stats/registry.h"
#include "upstream/health_checker.h"
#include "upstream/outlier_detector.h"

namespace weir::control {

/// Files that events are appended to, each opened once.
class EventFiles {
 public:
  void append(const std::string& path, std::string_view line);
  /// False after reporting at `at` that nothing can be appended to `path`.
  static bool check(const std::string& path, const config::FieldPath& at, config::Diagnostics& diagnostics);

 private:
  std::map<std::string, std::ofstream> files_;
};

/// Main thread. Begins with start().
class ClusterHealth {
 public:
  /// `on_endpoints`: the cluster has a new endpoint set. `on_ready`: every endpoint has been asked once. `counted` is told what
  /// becomes of changes.
  ClusterHealth(loop::EventLoop& loop, upstream::ClusterStatePtr cluster, stats::Registry& registry, ClusterManagerStats& counted,
                EventFiles& files, const std::string& outlier_log_path, std::function<void()> on_endpoints,
                std::function<void()> on_ready);
  ~ClusterHealth();

  /// Whether there is anything to do for such a cluster.
  static bool wanted(const upstream::ClusterSpec& spec) { return spec.outlier || !spec.health_checks.empty(); }
  void start();
  /// Discovery changed the endpoints.
  void update();
  bool ready() const { return checker_ == nullptr || checker_->first_round_over(); }

 private:
  void on_change();
  void drop_leftovers();
  void on_window_end();
  void publish();
  uint64_t priorities() const;

  loop::EventLoop& loop_;
  const upstream::ClusterStatePtr cluster_;
  ClusterManagerStats& counted_;
  std::function<void()> on_endpoints_, on_ready_;
  upstream::HealthCheckStats check_stats_;
  upstream::OutlierStats outlier_stats_;
  std::unique_ptr<upstream::OutlierDetector> detector_;
  std::unique_ptr<upstream::HealthChecker> checker_;
  stats::Registry::Registration registration_;
  loop::Timer window_timer_;
  MonotonicNs published_ = 0;             // 0: never
  std::shared_ptr<ClusterHealth*> self_;  // null inside once this is gone: for what workers post
  bool started_ = false;
};

}  // namespace weir::control
