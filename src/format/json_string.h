// JSON strings of what may be no text at all, such as headers.
#pragma once

#include <string>
#include <string_view>

namespace weir::format {

/// Whether a byte cannot stand in a JSON string as it is, or has to be looked at together with its neighbours.
inline bool needs_json_care(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }

/// With quotes. What is not UTF-8 is shown byte by byte, as if it were Latin-1, so that the line stays JSON.
void append_json_text(std::string& out, std::string_view text);

}  // namespace weir::format
