// CodeCounters: how often each response code was seen. Counting one costs a look at a short list; codes never seen cost nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "stats/cell.h"
#include "stats/visitor.h"

namespace weir::stats {

/// A cell like Counter: written by one thread, read by any.
class CodeCounters {
 public:
  CodeCounters() = default;
  CodeCounters(const CodeCounters&) = delete;
  CodeCounters& operator=(const CodeCounters&) = delete;
  ~CodeCounters();

  static constexpr int kUnnamed = 1000;  // shows in the sum alone

  /// `code`: 100 … 999, or kUnnamed.
  void count(int code) {
    Page* page = first_.load(std::memory_order_relaxed);
    if (page != nullptr && page->slots[0].code.load(std::memory_order_relaxed) == code) [[likely]] {
      page->slots[0].count.add();
    } else {
      count_elsewhere(code);
    }
  }

  struct Seen {
    int code;
    uint64_t count;
  };
  /// Adds what was seen to `sum`, which stays sorted by code.
  void add_to(std::vector<Seen>& sum) const;
  void reset();

 private:
  struct Slot {
    std::atomic<int> code = 0;  // 0: free
    Counter count;
  };
  struct Page {
    std::array<Slot, 5> slots;
    std::atomic<Page*> next = nullptr;
  };
  void count_elsewhere(int code);

  std::atomic<Page*> first_ = nullptr;
};

/// Whether "<name>_completed" is shown: the sum of all codes.
enum class Completed : uint8_t { kLeftOut, kOnceSeen };

/// Shows "<name>_<code>" for each code seen, "<name>_<digit>xx" for each class seen, and "<name>_unknown" for codes from 600.
void visit_codes(StatVisitor& visitor, std::string_view name, const std::vector<CodeCounters::Seen>& seen, Completed completed);

/// The same for all that `for_each(f)` passes to f: CodeCounters that belong together.
template <class ForEach>
void visit_sum(StatVisitor& visitor, std::string_view name, Completed completed, ForEach&& for_each) {
  if (!visitor.wants(StatKind::kCounter)) return;
  std::vector<CodeCounters::Seen> seen;
  for_each([&](CodeCounters& codes) {
    if (visitor.resets_counters()) codes.reset();
    codes.add_to(seen);
  });
  if (!visitor.resets_counters()) visit_codes(visitor, name, seen, completed);
}

/// The same for the workers' CodeCounters: `visit(visitor, "upstream_rq", shards, &ClusterStats::codes, Completed::kLeftOut)`.
template <class Outer>
void visit(StatVisitor& visitor, std::string_view name, Sharded<Outer>& shards, CodeCounters Outer::*member,
           Completed completed) {
  visit_sum(visitor, name, completed, [&](auto&& f) { shards.for_each_mutable([&](Outer& outer) { f(outer.*member); }); });
}

}  // namespace weir::stats
