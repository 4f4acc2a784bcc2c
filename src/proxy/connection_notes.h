// Connection notes: what the PROXY header in front of a connection said becomes metadata.
#pragma once

#include <vector>

#include "base/arena.h"
#include "format/stream_info.h"

namespace weir::proxy {

/// Each name space becomes one struct. The notes are kept by reference.
void add_notes(const std::vector<format::ConnectionExtras::Note>& notes, Arena& arena, format::DynamicMetadata& metadata);

}  // namespace weir::proxy
