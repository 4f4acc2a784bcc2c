// RegexSet: many regexes asked at once which of them match a text as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "format/regex.h"

namespace weir::format {

/// One automaton for all, so that a hundred regexes cost little more than one. Immutable; safe for all threads.
class RegexSet {
 public:
  /// Null if they are too much for one automaton.
  static std::unique_ptr<const RegexSet> build(std::span<const Regex> regexes);
  ~RegexSet();

  /// The positions of those that match, in ascending order; false if that cannot be told, and each has to be asked.
  bool find(std::string_view text, std::vector<int>& positions) const;

 private:
  struct Compiled;
  explicit RegexSet(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace weir::format
