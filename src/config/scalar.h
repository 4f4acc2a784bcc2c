// Scalars of the protobuf JSON mapping: numbers, durations and base64 as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::config {

enum class NumberError : uint8_t { kNone, kSyntax, kFraction, kRange };

/// A whole number. With `exponents` also forms such as 1e3 or 2.0, as JSON numbers may have.
template <class Integer>
NumberError parse_integer(std::string_view text, bool exponents, Integer& result);

/// A decimal number, NaN, Infinity or -Infinity.
bool parse_double(std::string_view text, double& result);

/// `-?digits[.up to 9 digits]s`, within ±315,576,000,000 s (google.protobuf.Duration).
bool parse_duration(std::string_view text, int64_t& seconds, int32_t& nanos);

/// Base64 in either alphabet, with or without padding.
bool parse_base64(std::string_view text, std::string& result);

}  // namespace weir::config
