// Catalog: every HTTP filter there is. A new filter is named in catalog.cc, and nowhere else.
#pragma once

#include <span>
#include <string_view>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/schema.h"
#include "config/support.h"
#include "filter/context.h"
#include "filter/filter.h"

namespace google::protobuf {
class Any;
}

namespace weir::filter {

struct CatalogEntry {
  std::string_view name;  // Envoy's, "envoy.filters.http.header_mutation"
  std::string_view type;  // of its configuration, "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
  /// Reads a configuration that the loader has validated; null after reporting an error at `at` or below.
  FilterFactoryPtr (*read)(const google::protobuf::Any& configuration, const config::FieldPath& at, const FilterContext& context,
                           config::Diagnostics& diagnostics);
  std::string_view route_type;  // of what routes may say to it; "" if they may say nothing
  route::FilterSettingsPtr (*read_settings)(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                            const FilterContext& context, config::Diagnostics& diagnostics);
  /// Says which of its fields are implemented.
  void (*declare)(config::SupportTable& table);
};

std::span<const CatalogEntry> catalog();

/// By the type of its configuration, which may be given as a type URL; null if there is no such filter.
const CatalogEntry* find_filter(std::string_view type);

/// Reads what a route says to a filter (typed_per_filter_config); null after reporting an error.
route::FilterSettingsPtr read_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics);

/// Declares all filters.
void declare_filters(config::SupportTable& table);

/// The category under which HTTP filters are known to Envoy and to the support table.
constexpr std::string_view kHttpFilters = "envoy.filters.http";

}  // namespace weir::filter
