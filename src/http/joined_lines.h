// Headers whose repeated lines Envoy keeps as one line, joined with ",": on arrival, and when a configuration appends to them.
#pragma once

#include <string_view>

#include "http/header_map.h"

namespace weir::http {

/// `name` in lower case. Seen at a real Envoy; every other header may occur on several lines.
bool joins_lines_in_requests(std::string_view name);
bool joins_lines_in_responses(std::string_view name);

/// What one line holds after `value` was appended to it: an empty side adds no comma.
std::string_view append_value(Arena& arena, std::string_view before, std::string_view value);

/// A line that has just arrived: if it repeats one that is to be kept on one line, joins it to that one and says true; an empty
/// value adds nothing.
bool join_repeated(HeaderMap& headers, std::string_view name, HeaderId id, std::string_view value, bool request);

}  // namespace weir::http
