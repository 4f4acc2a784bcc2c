#include "stats/code_counters.h"

#include <algorithm>
#include <string>

namespace weir::stats {

CodeCounters::~CodeCounters() {
  for (Page* page = first_.load(std::memory_order_relaxed); page != nullptr;) {
    Page* next = page->next.load(std::memory_order_relaxed);
    delete page;
    page = next;
  }
}

void CodeCounters::count_elsewhere(int code) {
  std::atomic<Page*>* link = &first_;
  for (;;) {
    Page* page = link->load(std::memory_order_relaxed);
    if (page == nullptr) {
      page = new Page;
      link->store(page, std::memory_order_release);
    }
    for (Slot& slot : page->slots) {
      const int here = slot.code.load(std::memory_order_relaxed);
      if (here != code && here != 0) continue;
      if (here == 0) slot.code.store(code, std::memory_order_relaxed);
      slot.count.add();
      return;
    }
    link = &page->next;
  }
}

void CodeCounters::add_to(std::vector<Seen>& sum) const {
  for (const Page* page = first_.load(std::memory_order_acquire); page != nullptr;
       page = page->next.load(std::memory_order_acquire)) {
    for (const Slot& slot : page->slots) {
      const int code = slot.code.load(std::memory_order_relaxed);
      if (code == 0) return;
      auto at = std::lower_bound(sum.begin(), sum.end(), code, [](const Seen& seen, int c) { return seen.code < c; });
      if (at == sum.end() || at->code != code) at = sum.insert(at, {code, 0});
      at->count += slot.count.value();
    }
  }
}

void CodeCounters::reset() {
  for (Page* page = first_.load(std::memory_order_acquire); page != nullptr; page = page->next.load(std::memory_order_acquire)) {
    for (Slot& slot : page->slots) slot.count.reset();
  }
}

void visit_codes(StatVisitor& visitor, std::string_view name, const std::vector<CodeCounters::Seen>& seen, Completed completed) {
  std::string text(name);
  text += '_';
  const size_t stem = text.size();
  uint64_t all = 0;
  size_t i = 0;
  while (i < seen.size() && seen[i].code < 600) {
    const int hundred = seen[i].code / 100;
    uint64_t sum = 0;
    for (; i < seen.size() && seen[i].code / 100 == hundred; ++i) {
      text.resize(stem);
      visitor.counter(text += std::to_string(seen[i].code), seen[i].count, true);
      sum += seen[i].count;
    }
    text.resize(stem);
    visitor.counter((text += static_cast<char>('0' + hundred)) += "xx", sum, true);
    all += sum;
  }
  uint64_t unknown = 0;  // codes that HTTP has no class for
  for (; i < seen.size() && seen[i].code != CodeCounters::kUnnamed; ++i) unknown += seen[i].count;
  text.resize(stem);
  if (unknown != 0) visitor.counter(text += "unknown", unknown);
  all += unknown;
  if (i < seen.size()) all += seen[i].count;
  text.resize(stem);
  if (completed == Completed::kOnceSeen && !seen.empty()) visitor.counter(text += "completed", all, true);
}

}  // namespace weir::stats
