// NameFilter: which statistics are shown at all, and rules that hold for some names (StatsMatcher, HistogramBucketSettings).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace weir::stats {

/// A StringMatcher. A regex must match the whole name.
struct NameMatcher {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  Kind kind = Kind::kExact;
  std::string text;                       // in lower case if case is ignored
  std::shared_ptr<const re2::RE2> regex;  // of kRegex
  bool ignore_case = false;

  bool matches(std::string_view name) const;
};

struct NameFilter {
  enum class Mode : uint8_t { kAll, kNone, kOnlyMatching, kExceptMatching };
  Mode mode = Mode::kAll;
  std::vector<NameMatcher> matchers;

  bool admits(std::string_view name) const;
};

/// The bucket bounds of histograms with certain names.
struct BoundsRule {
  NameMatcher match;
  std::vector<double> bounds;  // rising
};

}  // namespace weir::stats
