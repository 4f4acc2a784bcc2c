// Scalars: exact parsing, no locale.
#include "config/scalar.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace weir::config {

template <class Integer>
NumberError parse_integer(std::string_view text, bool exponents, Integer& result) {
  const char* const end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, result);
  if (at == end && code == std::errc() && !text.empty()) return NumberError::kNone;
  if (at == end && code == std::errc::result_out_of_range) return NumberError::kRange;
  double number = 0;
  if (!parse_double(text, number) || !std::isfinite(number)) return NumberError::kSyntax;
  if (number != std::trunc(number)) return NumberError::kFraction;
  if (!exponents && text.find_first_not_of("-0123456789") != std::string_view::npos) return NumberError::kSyntax;
  constexpr double kPastTheEnd = static_cast<double>(std::numeric_limits<Integer>::max() / 2 + 1) * 2.0;
  if (number < static_cast<double>(std::numeric_limits<Integer>::min()) || number >= kPastTheEnd) return NumberError::kRange;
  result = static_cast<Integer>(number);
  return NumberError::kNone;
}

template NumberError parse_integer(std::string_view, bool, int32_t&);
template NumberError parse_integer(std::string_view, bool, uint32_t&);
template NumberError parse_integer(std::string_view, bool, int64_t&);
template NumberError parse_integer(std::string_view, bool, uint64_t&);

bool parse_double(std::string_view text, double& result) {
  if (text == "NaN")
    result = std::numeric_limits<double>::quiet_NaN();
  else if (text == "Infinity")
    result = std::numeric_limits<double>::infinity();
  else if (text == "-Infinity")
    result = -std::numeric_limits<double>::infinity();
  else {
    if (text.find_first_not_of("-+.0123456789eE") != std::string_view::npos) return false;
    const auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), result);
    return code == std::errc() && at == text.data() + text.size();
  }
  return true;
}

bool parse_duration(std::string_view text, int64_t& seconds, int32_t& nanos) {
  if (text.size() < 2 || text.back() != 's') return false;
  text.remove_suffix(1);
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t dot = text.find('.');
  const auto whole = parse_number<uint64_t>(text.substr(0, dot));
  constexpr uint64_t kMost = 315'576'000'000;
  if (!whole || *whole > kMost) return false;
  nanos = 0;
  if (dot != std::string_view::npos) {
    const std::string_view fraction = text.substr(dot + 1);
    if (fraction.empty() || fraction.size() > 9) return false;
    const auto digits = parse_number<uint32_t>(fraction);
    if (!digits) return false;
    nanos = static_cast<int32_t>(*digits);
    for (size_t i = fraction.size(); i < 9; ++i) nanos *= 10;
  }
  seconds = static_cast<int64_t>(*whole);
  if (negative) {
    seconds = -seconds;
    nanos = -nanos;
  }
  return true;
}

bool parse_base64(std::string_view text, std::string& result) {
  size_t padding = 0;
  while (!text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    if (++padding > 2) return false;
  }
  if (text.size() % 4 == 1 || (padding != 0 && (text.size() + padding) % 4 != 0)) return false;
  result.clear();
  result.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    uint32_t six = 0;
    if (c >= 'A' && c <= 'Z')
      six = static_cast<uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      six = static_cast<uint32_t>(c - 'a' + 26);
    else if (is_digit(c))
      six = static_cast<uint32_t>(c - '0' + 52);
    else if (c == '+' || c == '-')
      six = 62;
    else if (c == '/' || c == '_')
      six = 63;
    else
      return false;
    bits = bits << 6 | six;
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 0xff);
    }
  }
  return true;
}

}  // namespace weir::config
