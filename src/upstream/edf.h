// Edf: earliest deadline first. Something of weight w comes round w times as often as something of weight 1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::upstream {

class Edf {
 public:
  bool empty() const { return heap_.empty(); }

  void add(uint32_t index, double weight) { push({now_ + 1 / weight, order_++, index, weight, now_, 1}); }

  /// The next one. `weight(index)` is asked when it is put back, so that weights may change.
  template <class F>
  uint32_t next(F&& weight) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.deadline;
    const double now_weighs = weight(entry.index);
    if (now_weighs != entry.weight) {
      add(entry.index, now_weighs);
      return entry.index;
    }
    // Not `now_ + 1 / weight`: the errors of many small steps would make some come too early or too late.
    entry.deadline = entry.since + static_cast<double>(++entry.turns) / entry.weight;
    entry.order = order_++;
    push(entry);
    return entry.index;
  }

 private:
  struct Entry {
    double deadline;
    uint64_t order;  // of two with the same deadline, the one that waited longer
    uint32_t index;
    double weight;
    double since;    // when it got this weight
    uint64_t turns;  // until `deadline`, counted from `since`
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }
  void push(const Entry& entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  std::vector<Entry> heap_;
  double now_ = 0;
  uint64_t order_ = 0;
};

}  // namespace weir::upstream
