// TextMatcher: whether a text is, starts with, ends with, holds or matches something (envoy.type.matcher.v3.StringMatcher).
#pragma once

#include <string>
#include <string_view>

#include "format/regex.h"

namespace weir::format {

struct TextMatcher {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };

  Kind kind = Kind::kExact;
  bool ignore_case = false;  // not for regexes
  std::string text;          // in lower case if ignore_case
  Regex regex;

  /// Lowers `text` if need be.
  static TextMatcher make(Kind kind, std::string_view text, bool ignore_case = false);
  static TextMatcher make(Regex regex);

  bool matches(std::string_view value) const;
};

/// In words: `starting with "a"`.
std::string describe(const TextMatcher& matcher);

/// Equality, start, end and content with ASCII case ignored; `lower_text` is in lower case.
bool equals_ignoring_case(std::string_view value, std::string_view lower_text);
bool starts_ignoring_case(std::string_view value, std::string_view lower_text);

}  // namespace weir::format
