// AnswerStats: what is counted of answers that have something in common, beside what is counted of all of them.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "stats/cell.h"
#include "stats/code_counters.h"

namespace weir::upstream {

/// One worker's share: of the answers of canaries, to internal requests, of one zone …
struct AnswerStats {
  stats::CodeCounters codes;  // upstream_rq_200 …
  stats::Histogram time;      // upstream_rq_time
};

/// One worker's AnswerStats of each zone that endpoints are in. Written by that worker, read by any thread; what was made stays.
class ZoneStats {
 public:
  ZoneStats() = default;
  ZoneStats(const ZoneStats&) = delete;
  ZoneStats& operator=(const ZoneStats&) = delete;
  ~ZoneStats() {
    for (Zone* zone = first_.load(std::memory_order_relaxed); zone != nullptr;) {
      Zone* next = zone->next;
      delete zone;
      zone = next;
    }
  }

  /// Those of that zone; made when first asked for.
  AnswerStats& of(std::string_view name) {
    Zone* const first = first_.load(std::memory_order_relaxed);
    for (Zone* zone = first; zone != nullptr; zone = zone->next) {
      if (zone->name == name) return zone->answers;
    }
    auto* made = new Zone{std::string(name), {}, first};
    first_.store(made, std::memory_order_release);
    return made->answers;
  }
  /// From any thread: `visit(const std::string& name, AnswerStats&)`.
  template <class F>
  void for_each(F&& visit) {
    for (Zone* zone = first_.load(std::memory_order_acquire); zone != nullptr; zone = zone->next)
      visit(zone->name, zone->answers);
  }

 private:
  struct Zone {
    const std::string name;
    AnswerStats answers;
    Zone* const next;
  };
  std::atomic<Zone*> first_ = nullptr;
};

/// What one worker counts about tries where the cluster asks for it (track_cluster_stats).
struct TrackedStats {
  stats::Histogram rq_headers_size, rq_headers_count, rq_body_size, rs_headers_size, rs_headers_count, rs_body_size;
  stats::Histogram timeout_budget_percent_used, timeout_budget_per_try_percent_used;
};

}  // namespace weir::upstream
