#include "route/conditions.h"

#include "base/text.h"

namespace weir::route {

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

std::optional<std::string_view> query_value(std::string_view path, std::string_view name) {
  const size_t question = path.find('?');
  if (question == std::string_view::npos) return std::nullopt;
  std::string_view rest = path.substr(question + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const size_t ampersand = rest.find('&');
    const std::string_view pair = rest.substr(0, ampersand);
    rest = ampersand == std::string_view::npos ? std::string_view() : rest.substr(ampersand + 1);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view("") : pair.substr(equals + 1);
  }
  return std::nullopt;
}

bool QueryMatcher::matches(std::string_view path) const {
  const std::optional<std::string_view> value = query_value(path, name);
  if (!text) return value.has_value() == present;
  return value && text->matches(*value);
}

}  // namespace weir::route
