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

/// One worker's AnswerStats by name: of each zone that endpoints are in, or under each name that requests give. Written by that
/// worker, read by any thread; what was made stays.
class NamedAnswers {
 public:
  NamedAnswers() = default;
  NamedAnswers(const NamedAnswers&) = delete;
  NamedAnswers& operator=(const NamedAnswers&) = delete;
  ~NamedAnswers() {
    for (Entry* entry = first_.load(std::memory_order_relaxed); entry != nullptr;) {
      Entry* next = entry->next;
      delete entry;
      entry = next;
    }
  }

  /// Those of that entry; made when first asked for.
  AnswerStats& of(std::string_view name) {
    Entry* const first = first_.load(std::memory_order_relaxed);
    for (Entry* entry = first; entry != nullptr; entry = entry->next) {
      if (entry->name == name) return entry->answers;
    }
    auto* made = new Entry{std::string(name), {}, first};
    first_.store(made, std::memory_order_release);
    return made->answers;
  }
  /// The same for names that come from outside: null once there are too many.
  AnswerStats* of_few(std::string_view name) {
    constexpr size_t kMost = 1000;
    size_t count = 0;
    for (Entry* entry = first_.load(std::memory_order_relaxed); entry != nullptr; entry = entry->next, ++count) {
      if (entry->name == name) return &entry->answers;
    }
    return count < kMost ? &of(name) : nullptr;
  }
  /// From any thread: `visit(const std::string& name, AnswerStats&)`.
  template <class F>
  void for_each(F&& visit) {
    for (Entry* entry = first_.load(std::memory_order_acquire); entry != nullptr; entry = entry->next)
      visit(entry->name, entry->answers);
  }

 private:
  struct Entry {
    const std::string name;
    AnswerStats answers;
    Entry* const next;
  };
  std::atomic<Entry*> first_ = nullptr;
};

/// What one worker counts about tries where the cluster asks for it (track_cluster_stats).
struct TrackedStats {
  stats::Histogram rq_headers_size, rq_headers_count, rq_body_size, rs_headers_size, rs_headers_count, rs_body_size;
  stats::Histogram timeout_budget_percent_used, timeout_budget_per_try_percent_used;
};

}  // namespace weir::upstream
