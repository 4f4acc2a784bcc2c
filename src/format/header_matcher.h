// HeaderMatcher: whether a message has a header, and one that fits (envoy.config.route.v3.HeaderMatcher).
#pragma once

#include <cstdint>

#include "format/text_matcher.h"
#include "http/header_map.h"
#include "http/header_name.h"

namespace weir::format {

/// Repeated headers count as one value joined with ",". Without the header only `present_match: false` and inverted presence
/// hold, unless missing counts as empty.
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

}  // namespace weir::format
