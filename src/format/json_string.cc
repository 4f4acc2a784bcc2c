#include "format/json_string.h"

#include <algorithm>

#include "base/json_text.h"
#include "config/node.h"

namespace weir::format {

namespace {

void append_bytes(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (needs_json_care(byte)) {
      (out += "\\u00") += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  if (std::none_of(text.begin(), text.end(), needs_json_care)) {
    ((out += '"') += text) += '"';
  } else if (config::find_invalid_utf8(text) == text.size()) {
    append_json_string(out, text);
  } else {
    append_bytes(out, text);
  }
}

}  // namespace weir::format
