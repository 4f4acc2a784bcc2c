// Names: texts numbered densely, so that what is found by name on every request can be found by index instead.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir {

/// A name keeps its number for the life of this object. Main thread only; workers use the numbers.
class Names {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t intern(std::string_view name) {
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    const auto number = static_cast<uint32_t>(names_.size());
    numbers_.emplace(names_.emplace_back(name), number);
    return number;
  }
  /// kNone if it was never interned.
  uint32_t find(std::string_view name) const {
    const auto known = numbers_.find(name);
    return known == numbers_.end() ? kNone : known->second;
  }
  const std::string& name(uint32_t number) const { return names_[number]; }
  /// One more than the highest number given out.
  uint32_t size() const { return static_cast<uint32_t>(names_.size()); }

 private:
  std::deque<std::string> names_;  // stable addresses for the keys below
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

}  // namespace weir
