// Reading a google.protobuf.Value from its wire format, as headers bring it (header_to_metadata's PROTOBUF_VALUE).
#pragma once

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "format/dynamic_metadata.h"

namespace weir::format {

/// The value, with its texts copied into `arena`; nothing if the bytes are malformed or nested deeper than 100 messages, as for
/// protobuf. No bytes at all are null.
std::optional<MetadataValue> read_wire_value(std::string_view bytes, Arena& arena);

}  // namespace weir::format
