#include "base/runtime.h"

#include <utility>

namespace weir {

RuntimeKey RuntimeValues::key(std::string_view name) {
  if (name.empty()) return {};
  std::weak_ptr<std::atomic<uint64_t>>& place = cells_[std::string(name)];
  std::shared_ptr<std::atomic<uint64_t>> cell = place.lock();
  if (cell == nullptr) {
    cell = std::make_shared<std::atomic<uint64_t>>(value(name).bits());
    place = cell;
  }
  return RuntimeKey(std::move(cell));
}

void RuntimeValues::assign(Map values) {
  values_ = std::move(values);
  for (auto at = cells_.begin(); at != cells_.end();) {
    const std::shared_ptr<std::atomic<uint64_t>> cell = at->second.lock();
    if (cell == nullptr) {
      at = cells_.erase(at);  // whoever asked is gone
      continue;
    }
    cell->store(value(at->first).bits(), std::memory_order_relaxed);
    ++at;
  }
}

}  // namespace weir
