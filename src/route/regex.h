// Regex: a compiled RE2 expression as configuration uses them: always a match of the whole text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace re2 {
class RE2;
}

namespace weir::route {

/// Cheap to copy; immutable; safe for all threads.
class Regex {
 public:
  Regex() = default;
  /// Refuses what RE2 cannot parse, and programs of more than `max_program_size` instructions.
  static Result<Regex> compile(std::string_view pattern, uint32_t max_program_size);

  bool full_match(std::string_view text) const;
  const std::string& pattern() const;
  /// What every matching text starts with, as far as the expression's first characters say so; maybe "".
  std::string_view literal_prefix() const { return literal_prefix_; }

 private:
  friend class RegexRewrite;
  std::shared_ptr<const re2::RE2> re2_;
  std::string literal_prefix_;
};

/// A regex with a replacement for every place that matches; \1 to \9 stand for groups, \0 for all, \\ for a backslash.
class RegexRewrite {
 public:
  RegexRewrite() = default;
  /// Refuses replacements that name groups which the expression does not have.
  static Result<RegexRewrite> make(Regex regex, std::string replacement);

  std::string_view apply(std::string_view text, Arena& arena) const;

 private:
  Regex regex_;
  std::string replacement_;
};

}  // namespace weir::route
