#include "format/text_matcher.h"

#include <algorithm>

#include "base/text.h"

namespace weir::format {

TextMatcher TextMatcher::make(Kind kind, std::string_view text, bool ignore_case) {
  return {kind, ignore_case, ignore_case ? lower(text) : std::string(text), {}};
}

TextMatcher TextMatcher::make(Regex regex) { return {Kind::kRegex, false, {}, std::move(regex)}; }

bool equals_ignoring_case(std::string_view value, std::string_view lower_text) {
  return std::ranges::equal(value, lower_text, {}, to_lower);
}

bool starts_ignoring_case(std::string_view value, std::string_view lower_text) {
  return value.size() >= lower_text.size() && equals_ignoring_case(value.substr(0, lower_text.size()), lower_text);
}

bool TextMatcher::matches(std::string_view value) const {
  switch (kind) {
    case Kind::kExact:
      return ignore_case ? equals_ignoring_case(value, text) : value == text;
    case Kind::kPrefix:
      return ignore_case ? starts_ignoring_case(value, text) : value.starts_with(text);
    case Kind::kSuffix:
      if (value.size() < text.size()) return false;
      return ignore_case ? equals_ignoring_case(value.substr(value.size() - text.size()), text) : value.ends_with(text);
    case Kind::kContains:
      if (!ignore_case) return value.find(text) != std::string_view::npos;
      return !std::ranges::search(value, text, {}, to_lower).empty() || text.empty();
    case Kind::kRegex:
      return regex.full_match(value);
  }
  return false;
}

std::string describe(const TextMatcher& matcher) {
  using Kind = TextMatcher::Kind;
  if (matcher.kind == Kind::kRegex) return "matching " + std::string(matcher.regex.pattern());
  const char* relation = matcher.kind == Kind::kExact    ? "exactly"
                         : matcher.kind == Kind::kPrefix ? "starting with"
                         : matcher.kind == Kind::kSuffix ? "ending with"
                                                         : "containing";
  return std::string(relation) + " \"" + matcher.text + "\"" + (matcher.ignore_case ? " in any case" : "");
}

}  // namespace weir::format
