// Reading what routes say to the filters of the catalog.
#include <google/protobuf/any.pb.h>

#include <string>

#include "filter/catalog.h"

namespace weir::filter {

route::FilterSettingsPtr read_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics) {
  const std::string_view type = config::type_name(configuration.type_url());
  for (const CatalogEntry& entry : catalog()) {
    if (type.empty()) break;  // {}: no type at all
    if (entry.route_type == type) return entry.read_settings(configuration, at, context, diagnostics);
    if (entry.type == type && !entry.route_type.empty()) {
      diagnostics.error(
          {{}, at.text(), std::string(entry.name) + " takes other settings from routes", "use " + std::string(entry.route_type)});
      return nullptr;
    }
  }
  diagnostics.error({{}, at.text(), "no filter takes settings of the type '" + std::string(type) + "' from routes", ""});
  return nullptr;
}

}  // namespace weir::filter
