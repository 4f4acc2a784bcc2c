// OutlierDetector: takes endpoints that answer worse than they should out of balancing for a while, by what requests made of
// them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "upstream/cluster_state.h"
#include "upstream/endpoint_changes.h"
#include "upstream/health_spec.h"
#include "upstream/outlier_record.h"

namespace weir::upstream {

/// Main thread, like the detector.
struct OutlierStats {
  stats::Counter ejections_total, ejections_consecutive_5xx, ejections_success_rate, ejections_overflow, ejections_enforced_total;
  stats::Counter detected[7], enforced[7];  // by OutlierKind
  stats::Gauge ejections_active;
};

class OutlierDetector {
 public:
  struct Callbacks {
    /// What the balancers should know of an endpoint has changed.
    std::function<void()> on_change;
    /// A line for the event log; null if there is none.
    std::function<void(std::string_view line)> log;
  };
  /// What /clusters shows of a cluster: success rates in percent, -1 for none.
  struct Rates {
    double average = -1, threshold = -1;
  };

  OutlierDetector(loop::EventLoop& loop, const ClusterState& cluster, const OutlierSpec& spec, OutlierStats& stats,
                  Callbacks callbacks);
  ~OutlierDetector();

  /// These are the endpoints now.
  void update(EndpointSetPtr endpoints);
  /// An endpoint failed too often in a row. Workers post this.
  void on_consecutive(const EndpointPtr& endpoint, OutlierKind kind);
  /// An active check found it well.
  void on_well(const EndpointPtr& endpoint);

 private:
  struct Watched {
    EndpointPtr endpoint;
    uint32_t ejections = 0;
    uint64_t backoff = 0;  // ejection times are this many base times
    int64_t jitter_ms = 0;
    MonotonicNs ejected_at = 0, unejected_at = 0;
  };
  struct Candidate {
    Watched* watched;
    double rate;
  };

  using ByAddress = std::unordered_map<std::string, Watched>;
  void watch(const EndpointList& endpoints, ByAddress before);
  void on_interval();
  void judge_rates(bool local_origin);
  void eject(Watched& watched, OutlierKind kind);
  void uneject(Watched& watched);
  bool enforces(OutlierKind kind);
  void log(const Watched& watched, OutlierKind kind, bool eject, bool enforced);

  loop::EventLoop& loop_;
  const ClusterState& cluster_;
  const OutlierSpec& spec_;
  OutlierStats& stats_;
  Callbacks callbacks_;
  EndpointSetPtr seen_;
  bool shared_addresses_ = false;  // whether some of these have the same
  ByAddress watched_;
  uint64_t active_ = 0;
  loop::Timer timer_;
};

/// Shows `cluster.<name>.outlier_detection.*`.
void visit(stats::StatVisitor& visitor, OutlierStats& stats);

}  // namespace weir::upstream
