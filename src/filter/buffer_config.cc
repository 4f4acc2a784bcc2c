// Reading buffer.
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "filter/buffer.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::buffer::v3;

FilterFactoryPtr read_buffer(const google::protobuf::Any& configuration, const config::FieldPath&, const FilterContext&,
                             config::Diagnostics&) {
  v3::Buffer from;
  configuration.UnpackTo(&from);
  BufferSpec spec;
  spec.max_request_bytes = from.max_request_bytes().value();
  return make_buffer(spec);
}

route::FilterSettingsPtr read_buffer_settings(const google::protobuf::Any& configuration, const config::FieldPath&,
                                              const FilterContext&, config::Diagnostics&) {
  v3::BufferPerRoute from;
  configuration.UnpackTo(&from);
  auto spec = std::make_shared<BufferSpec>();
  spec->disabled = from.disabled();
  spec->max_request_bytes = from.buffer().max_request_bytes().value();
  return spec;
}

void declare_buffer(config::SupportTable& table) {
  table.extension<v3::Buffer>(kHttpFilters, "envoy.filters.http.buffer").fields({"max_request_bytes"});
  table.extension<v3::BufferPerRoute>(route::kFilterSettings, "envoy.filters.http.buffer").all_fields();
}

}  // namespace weir::filter
