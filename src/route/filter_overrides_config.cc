// Reading typed_per_filter_config: what routes, virtual hosts, route configurations and weighted clusters say to filters.
#include "envoy/config/route/v3/route_components.pb.h"
#include "route/config_reader.h"

namespace weir::route {

namespace v3 = envoy::config::route::v3;

FilterSettingsPtr refuse_filter_settings(const google::protobuf::Any&, const config::FieldPath& at,
                                         config::Diagnostics& diagnostics) {
  diagnostics.error({{}, at.text(), "there are no filters here that could be configured", ""});
  return nullptr;
}

FilterOverrides ConfigReader::filter_overrides(const google::protobuf::Map<std::string, google::protobuf::Any>& config,
                                               const Path& at) {
  FilterOverrides result;
  for (const auto& [name, any] : config) {
    const Path entry{&at, name, -1, true};
    FilterOverride change{.filter = name};
    v3::FilterConfig wrapper;
    if (!any.Is<v3::FilterConfig>()) {
      change.settings = context_.read_filter_settings(any, entry, diagnostics_);
    } else if (any.UnpackTo(&wrapper); wrapper.disabled()) {
      change.disabled = true;
    } else if (wrapper.has_config()) {
      if (!wrapper.config().type_url().empty())
        change.settings = context_.read_filter_settings(wrapper.config(), {&entry, "config"}, diagnostics_);
    } else {
      error(entry, "says nothing to the filter", "give disabled: true or a config");
    }
    result.push_back(std::move(change));
  }
  return result;
}

}  // namespace weir::route
