#include "format/value_matcher.h"

#include <algorithm>

namespace weir::format {

bool ValueMatcher::matches(const MetadataValue* value) const {
  using ValueKind = MetadataValue::Kind;
  const auto is = [&](ValueKind wanted) { return value != nullptr && value->kind == wanted; };
  switch (kind) {
    case Kind::kNull:
      return is(ValueKind::kNull);
    case Kind::kExactNumber:
      return is(ValueKind::kNumber) && value->number == start;
    case Kind::kNumberRange:
      return is(ValueKind::kNumber) && value->number >= start && value->number < end;
    case Kind::kText:
      return is(ValueKind::kText) && text.matches(value->text);
    case Kind::kBool:
      return is(ValueKind::kBool) && value->flag == flag;
    case Kind::kPresent:
      return flag && value != nullptr;
    case Kind::kList:
      return is(ValueKind::kList) &&
             std::ranges::any_of(value->items, [&](const MetadataValue& item) { return inner.front().matches(&item); });
    case Kind::kAnyOf:
      return std::ranges::any_of(inner, [&](const ValueMatcher& each) { return each.matches(value); });
  }
  return false;
}

bool FilterStateMatcher::matches(const FilterState& state) const {
  const FilterState::Object* object = state.find(key);
  if (object == nullptr) return false;
  if (const auto* text = std::get_if<TextMatcher>(&wanted)) return text->matches(object->text);
  return object->address != nullptr && std::ranges::any_of(std::get<std::vector<net::Cidr>>(wanted), [&](const net::Cidr& range) {
           return range.contains(*object->address);
         });
}

}  // namespace weir::format
