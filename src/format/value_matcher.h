// ValueMatcher, MetadataMatcher, FilterStateMatcher: conditions on what filters noted about a request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "format/dynamic_metadata.h"
#include "format/text_matcher.h"
#include "net/address.h"

namespace weir::format {

/// envoy.type.matcher.v3.ValueMatcher. Structs match nothing but presence.
struct ValueMatcher {
  enum class Kind : uint8_t { kNull, kExactNumber, kNumberRange, kText, kBool, kPresent, kList, kAnyOf };

  Kind kind = Kind::kPresent;
  bool flag = true;                 // kBool: the value; kPresent: false matches nothing at all
  double start = 0;                 // kExactNumber; kNumberRange: start <= value < end
  double end = 0;                   // kNumberRange
  TextMatcher text;                 // kText
  std::vector<ValueMatcher> inner;  // kAnyOf: one of these; kList: an item matches the only one

  /// Null stands for a value that is not there.
  bool matches(const MetadataValue* value) const;
};

/// envoy.type.matcher.v3.MetadataMatcher: the value at a path.
struct MetadataMatcher {
  std::string filter;
  std::vector<std::string> path;  // at least one
  ValueMatcher value;
  bool invert = false;

  bool matches(const DynamicMetadata& metadata) const { return value.matches(metadata.find(filter, path)) != invert; }
};

/// envoy.type.matcher.v3.FilterStateMatcher: the text of an object, or its address. No object, no match.
struct FilterStateMatcher {
  std::string key;
  std::variant<TextMatcher, std::vector<net::Cidr>> wanted;

  bool matches(const FilterState& state) const;
};

}  // namespace weir::format
