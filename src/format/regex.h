// Regex: a compiled RE2 expression as configuration uses them: always a match of the whole text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace weir::format {

/// Cheap to copy; immutable; safe for all threads.
class Regex {
 public:
  Regex() = default;
  /// Refuses what RE2 cannot parse, and programs of more than `max_program_size` instructions.
  static Result<Regex> compile(std::string_view pattern, uint32_t max_program_size);

  bool full_match(std::string_view text) const;
  std::string_view pattern() const;
  /// What every matching text starts with, as far as the expression's first characters say so; maybe "".
  std::string_view literal_prefix() const;

 private:
  friend class RegexRewrite;
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

/// A regex with a replacement for every place that matches; \1 to \9 stand for groups, \0 for all, \\ for a backslash.
/// As with Envoy, a replacement ends at an escape that is none of these, and one that names a group too many replaces nothing.
class RegexRewrite {
 public:
  RegexRewrite() = default;
  static RegexRewrite make(Regex regex, std::string_view replacement);

  std::string_view apply(std::string_view text, Arena& arena) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace weir::format
