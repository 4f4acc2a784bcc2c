#include "stats/collector.h"

#include <re2/re2.h>

#include <algorithm>

namespace weir::stats {

namespace {

/// Items come in a few sorted stretches; those are found and merged, which is cheaper than sorting anew.
void merge_stretches(std::vector<Collector::Item>& items) {
  const auto before = [](const Collector::Item& a, const Collector::Item& b) { return a.name < b.name; };
  std::vector<size_t> ends;
  for (size_t start = 0; start < items.size();) {
    start = static_cast<size_t>(std::is_sorted_until(items.begin() + static_cast<ptrdiff_t>(start), items.end(), before) -
                                items.begin());
    ends.push_back(start);
  }
  while (ends.size() > 1) {
    std::vector<size_t> merged;
    size_t start = 0;
    for (size_t i = 0; i < ends.size(); i += 2) {
      const size_t end = i + 1 < ends.size() ? ends[i + 1] : ends[i];
      std::inplace_merge(items.begin() + static_cast<ptrdiff_t>(start), items.begin() + static_cast<ptrdiff_t>(ends[i]),
                         items.begin() + static_cast<ptrdiff_t>(end), before);
      merged.push_back(end);
      start = end;
    }
    ends = std::move(merged);
  }
}

}  // namespace

bool Selection::admits(std::string_view name) const {
  return filter == nullptr || RE2::PartialMatch({name.data(), name.size()}, *filter);
}

void Collector::keep(std::string_view name, StatKind kind, uint64_t value, bool used, std::string_view text) {
  if (selection_.used_only && !used) return;
  if (!selection_.admits(name)) return;
  entries_.push_back({characters_.size(), static_cast<uint32_t>(name.size()), static_cast<uint32_t>(text.size()), kind, value});
  characters_.append(name).append(text);
}

const std::vector<Collector::Item>& Collector::sorted() {
  items_.clear();
  const std::string_view characters = characters_;
  for (const Entry& entry : entries_) {
    items_.push_back({characters.substr(entry.at, entry.name_size), entry.kind, entry.value,
                      characters.substr(entry.at + entry.name_size, entry.text_size)});
  }
  merge_stretches(items_);
  size_t kept = 0;
  for (size_t i = 1; i < items_.size(); ++i) {
    if (items_[i].name == items_[kept].name && items_[i].kind == items_[kept].kind) {
      items_[kept].value += items_[i].value;
    } else {
      items_[++kept] = items_[i];
    }
  }
  if (!items_.empty()) items_.resize(kept + 1);
  return items_;
}

void Collector::clear() {
  characters_.clear();
  entries_.clear();
}

}  // namespace weir::stats
