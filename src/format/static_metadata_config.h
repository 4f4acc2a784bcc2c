// Reads metadata messages.
#pragma once

#include "format/static_metadata.h"

namespace envoy::config::core::v3 {
class Metadata;
}

namespace weir::format {

/// Null if there is none.
StaticMetadataPtr read_static_metadata(const envoy::config::core::v3::Metadata& metadata);

}  // namespace weir::format
