#include "route/conditions.h"

namespace weir::route {

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
