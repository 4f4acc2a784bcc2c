// What a route may ask of a request beside its path: headers, query parameters, chance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/header_map.h"
#include "http/header_name.h"
#include "route/text_matcher.h"

namespace weir::route {

/// envoy.config.route.v3.HeaderMatcher. Repeated headers count as one value joined with ",". Without the header only
/// `present_match: false` and inverted presence hold, unless missing counts as empty.
struct HeaderMatcher {
  enum class Kind : uint8_t { kPresent, kText, kRange };

  http::HeaderName name;
  Kind kind = Kind::kPresent;
  bool present = true;  // kPresent
  TextMatcher text;     // kText
  int64_t start = 0;    // kRange: start <= value < end
  int64_t end = 0;
  bool invert = false;
  bool treat_missing_as_empty = false;

  bool matches(const http::HeaderMap& headers) const;
};

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
