// Data sources: bytes that a configuration holds itself or names (envoy.config.core.v3.DataSource).
#pragma once

#include <cstddef>
#include <string>

#include "config/diagnostic.h"
#include "config/path.h"

namespace envoy::config::core::v3 {
class DataSource;
}

namespace weir::config {

/// The bytes, at most `max_size`; "" after reporting an error.
std::string read_data_source(const envoy::config::core::v3::DataSource& source, size_t max_size, const FieldPath& at,
                             Diagnostics& diagnostics);

}  // namespace weir::config
