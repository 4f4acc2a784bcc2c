// buffer: waits for the whole body of a request before it goes on, and refuses those that are too large for that.
#pragma once

#include "filter/catalog.h"
#include "filter/filter.h"

namespace weir::filter {

/// What the filter is told, by the connection manager or by a route.
struct BufferSpec : route::FilterSettings {
  bool disabled = false;
  uint64_t max_request_bytes = 0;
};

FilterFactoryPtr make_buffer(BufferSpec spec);

/// envoy.extensions.filters.http.buffer.v3.Buffer and BufferPerRoute, see CatalogEntry.
FilterFactoryPtr read_buffer(const google::protobuf::Any& configuration, const config::FieldPath& at,
                             const FilterContext& context, config::Diagnostics& diagnostics);
route::FilterSettingsPtr read_buffer_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                              const FilterContext& context, config::Diagnostics& diagnostics);
void declare_buffer(config::SupportTable& table);

}  // namespace weir::filter
