// What a route may ask of a request beside its path: the conditions of the format floor, and query parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/fraction.h"
#include "format/header_matcher.h"
#include "format/regex.h"
#include "format/text_matcher.h"
#include "format/value_matcher.h"

namespace weir::route {

using format::equals_ignoring_case;
using format::FilterStateMatcher;
using format::Fraction;
using format::HeaderMatcher;
using format::MetadataMatcher;
using format::Regex;
using format::RegexRewrite;
using format::starts_ignoring_case;
using format::TextMatcher;

/// envoy.config.route.v3.QueryParameterMatcher: the first parameter of that name, as it stands in the path (not decoded).
struct QueryMatcher {
  std::string name;
  std::optional<TextMatcher> text;  // absent: presence alone decides
  bool present = true;

  bool matches(std::string_view path) const;
};

/// The raw value of the first query parameter of that name ("" without '='); nothing if there is none.
std::optional<std::string_view> query_value(std::string_view path, std::string_view name);

}  // namespace weir::route
