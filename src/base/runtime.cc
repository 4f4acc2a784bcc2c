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

RuntimeValue RuntimeFamily::value(std::string_view rest) const {
  if (empty()) return {};
  const std::shared_ptr<const Members> members = cell_->members.load();
  const auto found = members->find(rest);
  return found == members->end() ? RuntimeValue() : found->second;
}

RuntimeFamily RuntimeValues::family(std::string_view beginning) {
  std::weak_ptr<RuntimeFamily::Cell>& place = families_[std::string(beginning)];
  std::shared_ptr<RuntimeFamily::Cell> cell = place.lock();
  if (cell == nullptr) {
    cell = std::make_shared<RuntimeFamily::Cell>();
    fill(beginning, *cell);
    place = cell;
  }
  return RuntimeFamily(std::move(cell));
}

void RuntimeValues::fill(std::string_view beginning, RuntimeFamily::Cell& cell) const {
  auto members = std::make_shared<RuntimeFamily::Members>();
  for (auto at = values_.lower_bound(beginning); at != values_.end() && at->first.starts_with(beginning); ++at) {
    members->emplace(at->first.substr(beginning.size()), at->second);
  }
  const bool any = !members->empty();
  cell.members.store(std::move(members));
  cell.any.store(any, std::memory_order_release);
}

bool RuntimeValues::any(std::string_view beginning) const { return any_of(values_, beginning); }

bool RuntimeValues::any_of(const Map& values, std::string_view beginning) {
  const auto first = values.lower_bound(beginning);
  return first != values.end() && first->first.starts_with(beginning);
}

std::shared_ptr<const void> RuntimeValues::watch(std::string beginning, std::function<void()> changed) {
  auto watch = std::make_shared<const Watch>(std::move(beginning), std::move(changed));
  watches_.push_back(watch);
  return watch;
}

void RuntimeValues::assign(Map values) {
  const Map before = std::exchange(values_, std::move(values));
  for (auto at = cells_.begin(); at != cells_.end();) {
    const std::shared_ptr<std::atomic<uint64_t>> cell = at->second.lock();
    if (cell == nullptr) {
      at = cells_.erase(at);  // whoever asked is gone
      continue;
    }
    cell->store(value(at->first).bits(), std::memory_order_relaxed);
    ++at;
  }
  std::erase_if(families_, [](const auto& item) { return item.second.expired(); });
  for (const auto& [beginning, place] : families_) {
    if (const auto cell = place.lock()) fill(beginning, *cell);
  }
  std::erase_if(watches_, [](const auto& watch) { return watch.expired(); });
  const std::vector<std::weak_ptr<const Watch>> watches = watches_;  // more may come meanwhile
  for (const auto& place : watches) {
    const auto watch = place.lock();
    if (watch != nullptr && (any(watch->beginning) || any_of(before, watch->beginning))) watch->changed();
  }
}

}  // namespace weir
