// Headers whose repeated lines Envoy keeps as one line, joined with ",": on arrival, and when a configuration appends to them.
#pragma once

#include <string_view>

namespace weir::http {

/// `name` in lower case. Seen at a real Envoy; every other header may occur on several lines.
bool joins_lines_in_requests(std::string_view name);
bool joins_lines_in_responses(std::string_view name);

}  // namespace weir::http
