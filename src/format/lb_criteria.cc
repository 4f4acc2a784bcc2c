#include "format/lb_criteria.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace weir::format {

namespace {

// Every text begins with the kind and, where its end is not plain, its length: no two different values share one.
void append_sized(std::string& to, std::string_view text) {
  to += std::to_string(text.size());
  to += ':';
  to += text;
}

LbCriteria::Items members_of(const MetadataValue& note) {
  LbCriteria::Items result;
  for (size_t i = 0; i < note.keys.size(); ++i) result.emplace_back(note.keys[i], canonical_value(note.items[i]));
  std::ranges::sort(result);
  return result;
}

}  // namespace

std::string canonical_null() { return "n"; }
std::string canonical_bool(bool value) { return value ? "t" : "f"; }
std::string canonical_text(std::string_view value) { return "s" + std::string(value); }

std::string canonical_number(double value) {
  if (value == 0) value = 0;  // there are two zeros
  return "d" + std::to_string(std::bit_cast<uint64_t>(value));
}

std::string canonical_list(const std::vector<std::string>& items) {
  std::string result = "l";
  for (const std::string& item : items) append_sized(result, item);
  return result;
}

std::string canonical_struct(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string result = "o";
  for (const auto& [name, value] : members) {
    append_sized(result, name);
    append_sized(result, value);
  }
  return result;
}

std::string canonical_value(const MetadataValue& value) {
  switch (value.kind) {
    case MetadataValue::Kind::kNull:
      break;
    case MetadataValue::Kind::kNumber:
      return canonical_number(value.number);
    case MetadataValue::Kind::kText:
      return canonical_text(value.text);
    case MetadataValue::Kind::kBool:
      return canonical_bool(value.flag);
    case MetadataValue::Kind::kList: {
      std::vector<std::string> items;
      for (const MetadataValue& item : value.items) items.push_back(canonical_value(item));
      return canonical_list(items);
    }
    case MetadataValue::Kind::kStruct:
      return canonical_struct(members_of(value));
  }
  return canonical_null();
}

LbCriteria::Items merged(const LbCriteria::Items& items, const LbCriteria::Items& over) {
  LbCriteria::Items result = over;
  for (const auto& item : items) {
    if (std::ranges::find(over, item.first, &LbCriteria::Items::value_type::first) == over.end()) result.push_back(item);
  }
  std::ranges::sort(result);
  return result;
}

LbCriteria merged(const LbCriteria& criteria, const LbCriteria& over) {
  const LbCriteria& list = over.has_fallbacks ? over : criteria;
  LbCriteria result(merged(criteria.items, over.items));
  result.fallbacks = list.fallbacks;
  result.has_fallbacks = list.has_fallbacks;
  return result;
}

std::string LbCriteria::key_of(const Items& items) { return canonical_struct(items); }

LbCriteria criteria_of(const MetadataValue& note) {
  LbCriteria result(members_of(note));
  const MetadataValue* list = note.find(kFallbackList);
  if (list == nullptr) return result;
  result.has_fallbacks = true;
  for (const MetadataValue& item : list->items) result.fallbacks.push_back(members_of(item));
  return result;
}

}  // namespace weir::format
