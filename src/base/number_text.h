// Numbers as text for people and machines: floating-point values in the two spellings that Envoy's outputs use.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace weir {

inline void append_number(std::string& out, uint64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

/// The fewest digits that read back as the same value, in whichever notation is shorter: 300000 is "3e+05".
inline void append_shortest(std::string& out, double value) {
  char text[32];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

/// The fewest digits that read back as the same value; an exponent only from 1e16 up and below 1e-4. "nan" if there is no value.
inline void append_decimal(std::string& out, double value) {
  const double size = std::fabs(value);
  char text[32];
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16) || std::isnan(value);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  out.append(text, std::to_chars(text, text + sizeof text, value, format).ptr);
}

/// As printf's %.<digits>g.
inline void append_digits(std::string& out, double value, int digits) {
  char text[64];
  out.append(text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr);
}

}  // namespace weir
