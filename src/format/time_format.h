// TimeFormat: how a point in time is written, compiled from a strftime-like pattern.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::format {

enum class TimeZone : uint8_t { kUtc, kLocal };

/// Understands strftime's conversions and those of the access log docs: %s (Unix seconds), %f (nine digits of the second),
/// %1f…%9f, %E0S…%E9S, %E*S, %E4Y, %Ez.
class TimeFormat {
 public:
  /// Milliseconds in RFC 3339, as access logs have it: 2016-12-15T16:07:39.000Z.
  TimeFormat() = default;
  /// An empty pattern means the same (with the zone's offset instead of Z for local time). Refuses a line break, which would
  /// split a log line.
  static Result<TimeFormat> compile(std::string_view pattern, TimeZone zone);

  /// Enough for every point in time that a clock can show; longer results are cut.
  static constexpr size_t kMaxSize = 256;
  /// Writes at most `kMaxSize` bytes and returns how many.
  size_t write(char* to, WallNs time) const;

 private:
  struct Part {
    enum class Kind : uint8_t {
      kLiteral,
      kSeconds,
      kFraction,
      kStarFraction,
      kSecondsWithFraction,
      kSecondsWithStarFraction,
      kStrftime
    };
    Kind kind = Kind::kLiteral;
    uint8_t digits = 0;
    std::string text;  // the literal, or a conversion for strftime
  };

  std::vector<Part> parts_;  // none: the default format
  TimeZone zone_ = TimeZone::kUtc;
};

}  // namespace weir::format
