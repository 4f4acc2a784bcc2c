// Fraction: a share of all requests (envoy.config.core.v3.RuntimeFractionalPercent).
#pragma once

#include <cstdint>
#include <string>

#include "base/runtime.h"

namespace weir::format {

/// The runtime key may override it. This is the one place that decides, so that routes, matchers and policies agree.
struct Fraction {
  uint32_t numerator = 100;
  uint32_t denominator = 100;
  std::string runtime_key;
  RuntimeKey runtime;

  /// `random` is the number that decides about this request.
  bool holds(uint64_t random) const { return runtime.holds(random, {numerator, denominator}); }
};

}  // namespace weir::format
