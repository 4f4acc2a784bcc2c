#include "format/static_metadata.h"

#include <algorithm>

namespace weir::format {

namespace {

bool same_value(const MetadataValue& a, const MetadataValue& b) {
  return a.kind == b.kind && a.flag == b.flag && a.number == b.number && a.text == b.text && std::ranges::equal(a.keys, b.keys) &&
         std::ranges::equal(a.items, b.items, same_value);
}

}  // namespace

bool same(const StaticMetadata* a, const StaticMetadata* b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr) return false;
  return std::ranges::equal(a->notes_, b->notes_, [](const auto& left, const auto& right) {
    return left.first == right.first && same_value(left.second, right.second);
  });
}

}  // namespace weir::format
