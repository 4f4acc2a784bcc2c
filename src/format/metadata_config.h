// Metadata of the configuration as filters note it.
#pragma once

#include "base/arena.h"
#include "format/dynamic_metadata.h"

namespace google::protobuf {
class Struct;
}

namespace weir::format {

/// The same value, in the arena; members in the order of their names.
MetadataValue read_metadata(const google::protobuf::Struct& fields, Arena& arena);
/// The other way round; `note` is a struct.
void write_metadata(const MetadataValue& note, google::protobuf::Struct& fields);

}  // namespace weir::format
