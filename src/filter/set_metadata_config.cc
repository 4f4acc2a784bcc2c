// Reading set_metadata.
#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
#include "filter/set_metadata.h"
#include "format/metadata_config.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // older fields are part of the API

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::set_metadata::v3;

FilterFactoryPtr read_set_metadata(const google::protobuf::Any& configuration, const config::FieldPath&,
                                   const FilterContext& context, config::Diagnostics&) {
  v3::Config from;
  configuration.UnpackTo(&from);
  auto spec = std::make_shared<SetMetadataSpec>();
  if (from.has_value() && !from.metadata_namespace().empty()) {
    spec->notes.push_back({from.metadata_namespace(), format::read_metadata(from.value(), spec->memory), true});
  }
  for (const v3::Metadata& each : from.metadata()) {
    if (each.has_typed_value() && !each.has_value()) continue;  // nobody reads those
    spec->notes.push_back({each.metadata_namespace(), format::read_metadata(each.value(), spec->memory), each.allow_overwrite()});
  }
  return make_set_metadata(std::move(spec), set_metadata_stats(context));
}

void declare_set_metadata(config::SupportTable& table) {
  table.extension<v3::Config>(kHttpFilters, "envoy.filters.http.set_metadata")
      .fields({"metadata_namespace", "value", "metadata"});
  table.message<v3::Metadata>().fields({"metadata_namespace", "allow_overwrite", "value"}).harmless({"typed_value"});
}

}  // namespace weir::filter
