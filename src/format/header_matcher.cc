// HeaderMatcher: deciding.
#include "format/header_matcher.h"

#include <optional>
#include <string_view>

#include "base/text.h"

namespace weir::format {

namespace {

/// A decimal number with an optional sign, as a whole.
std::optional<int64_t> integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_number<int64_t>(text);
}

}  // namespace

bool HeaderMatcher::matches(const http::HeaderMap& headers) const {
  std::string_view value = http::joined_value(headers, name);
  if (kind == Kind::kPresent) {
    // Presence needs no value: with `treat_missing_as_empty` the header counts as there.
    const bool there = value.data() != nullptr || treat_missing_as_empty;
    return (there == present) != invert;
  }
  if (value.data() == nullptr) {
    if (!treat_missing_as_empty) return false;
    value = "";
  }
  if (kind == Kind::kText) return text.matches(value) != invert;
  const std::optional<int64_t> number = integer(value);
  return (number && *number >= start && *number < end) != invert;
}

}  // namespace weir::format
