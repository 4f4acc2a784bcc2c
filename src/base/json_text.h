// JSON strings and numbers, appended to text.
#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include "base/number_text.h"

namespace weir {

/// With quotes; control characters, quotes and backslashes escaped (RFC 8259 §7).
inline void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          (out += "\\u00") += {kHex[c >> 4], kHex[c & 15]};
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

/// null for NaN.
inline void append_json_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "null";
  } else {
    append_shortest(out, value);
  }
}

}  // namespace weir
