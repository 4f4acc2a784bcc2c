// What a route may ask of a request beside its path and headers: query parameters, chance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format/header_matcher.h"
#include "format/regex.h"
#include "format/text_matcher.h"

namespace weir::route {

using format::equals_ignoring_case;
using format::HeaderMatcher;
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

/// A share of all requests, and the runtime key that may override it.
struct Fraction {
  uint32_t numerator = 100;
  uint32_t denominator = 100;
  std::string runtime_key;

  bool holds(uint64_t random) const { return random % denominator < numerator; }
};

}  // namespace weir::route
