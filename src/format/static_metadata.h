// StaticMetadata: what the configuration notes about a route, a cluster, an endpoint … by the name of whom it is for.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "format/dynamic_metadata.h"

namespace weir::format {

/// Immutable once it is made; everything in it lives in its own memory.
class StaticMetadata {
 public:
  /// The value at a path of member names; without a path all that is for `filter`. Null if there is none.
  const MetadataValue* find(std::string_view filter, std::span<const std::string_view> path) const {
    for (const auto& [name, note] : notes_) {
      if (name != filter) continue;
      const MetadataValue* value = &note;
      for (auto key = path.begin(); key != path.end() && value != nullptr; ++key) value = value->find(*key);
      return value;
    }
    return nullptr;
  }

  /// By the names of whom they are for.
  const std::vector<std::pair<std::string_view, MetadataValue>>& notes() const { return notes_; }

  // --- for who makes it ---
  Arena& arena() { return arena_; }
  void add(std::string_view filter, const MetadataValue& note) { notes_.emplace_back(filter, note); }

 private:
  friend bool same(const StaticMetadata* a, const StaticMetadata* b);
  Arena arena_;
  std::vector<std::pair<std::string_view, MetadataValue>> notes_;
};
/// Whether both say the same; null says nothing.
bool same(const StaticMetadata* a, const StaticMetadata* b);
using StaticMetadataPtr = std::shared_ptr<const StaticMetadata>;

}  // namespace weir::format
