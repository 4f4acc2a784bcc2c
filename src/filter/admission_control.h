// admission_control: refuses a share of the requests while too many fail, so that who is overloaded can recover (client-side
// throttling, "Handling Overload" in Google's SRE book).
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/runtime.h"
#include "filter/catalog.h"
#include "filter/filter.h"
#include "stats/cell.h"

namespace weir::filter {

struct AdmissionControlStats {
  stats::Counter rq_rejected, rq_success, rq_failure;
};

struct AdmissionControlSpec {
  bool enabled = true;
  RuntimeKey enabled_key;
  int64_t window_ms = 30'000;
  double aggression = 1, success_percent = 95, most_rejected_percent = 80;
  uint32_t least_rps = 0;  // below, nobody is refused
  RuntimeKey aggression_key, success_key, rejected_key, rps_key;
  std::vector<std::pair<int, int>> good_statuses = {{100, 500}};  // from, and to below
  uint32_t good_grpc_statuses =
      1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 9 | 1u << 11 | 1u << 12 | 1u << 16;
  std::shared_ptr<stats::Sharded<AdmissionControlStats>> stats;
};

/// One worker's memory of how requests ended, by seconds.
class AdmissionHistory {
 public:
  struct Counts {
    uint64_t requests = 0, successes = 0;
  };

  explicit AdmissionHistory(int64_t window_ms) : window_ns_(window_ms * kNsPerMs) {}

  void record(bool success, MonotonicNs now);
  /// Of the window.
  Counts counts(MonotonicNs now);
  /// Requests a second, on average since the oldest one that is remembered.
  uint64_t rps(MonotonicNs now);

 private:
  struct Second {
    MonotonicNs start;
    Counts counts;
  };
  void forget(MonotonicNs now);

  const int64_t window_ns_;
  std::deque<Second> seconds_;
  Counts total_;
};

/// The share of requests to refuse, from 0 to 1.
double rejected_share(const AdmissionHistory::Counts& counts, double success_share, double aggression, double most);

FilterFactoryPtr make_admission_control(AdmissionControlSpec spec);
std::shared_ptr<stats::Sharded<AdmissionControlStats>> admission_control_stats(const FilterContext& context);

/// envoy.extensions.filters.http.admission_control.v3.AdmissionControl, see CatalogEntry.
FilterFactoryPtr read_admission_control(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                        const FilterContext& context, config::Diagnostics& diagnostics);
void declare_admission_control(config::SupportTable& table);

}  // namespace weir::filter
