#include "stats/name_filter.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"

namespace weir::stats {

bool NameMatcher::matches(std::string_view name) const {
  if (kind == Kind::kRegex) return RE2::FullMatch({name.data(), name.size()}, *regex);
  const std::string lowered = ignore_case ? lower(name) : std::string();
  if (ignore_case) name = lowered;
  switch (kind) {
    case Kind::kExact:
      return name == text;
    case Kind::kPrefix:
      return name.starts_with(text);
    case Kind::kSuffix:
      return name.ends_with(text);
    default:
      return name.find(text) != std::string_view::npos;
  }
}

bool NameFilter::admits(std::string_view name) const {
  if (mode == Mode::kAll || mode == Mode::kNone) return mode == Mode::kAll;
  const bool any =
      std::any_of(matchers.begin(), matchers.end(), [&](const NameMatcher& matcher) { return matcher.matches(name); });
  return any == (mode == Mode::kOnlyMatching);
}

}  // namespace weir::stats
