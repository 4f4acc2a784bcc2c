// The configuration of header_mutation.
#include "config/path.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "filter/catalog.h"
#include "filter/header_mutation.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::header_mutation::v3;
using config::FieldPath;

namespace {

bool read_mutations(const v3::Mutations& from, const FieldPath& at, config::Diagnostics& diagnostics, HeaderMutationSpec& spec) {
  return route::read_header_changes(from.request_mutations(), FieldPath{&at, "request_mutations"}, diagnostics, true,
                                    spec.request) &
         route::read_header_changes(from.response_mutations(), FieldPath{&at, "response_mutations"}, diagnostics, false,
                                    spec.response);
}

}  // namespace

FilterFactoryPtr read_header_mutation(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext&,
                                      config::Diagnostics& diagnostics) {
  v3::HeaderMutation from;
  configuration.UnpackTo(&from);
  HeaderMutationSpec spec;
  spec.most_specific_wins = from.most_specific_header_mutations_wins();
  return read_mutations(from.mutations(), FieldPath{&at, "mutations"}, diagnostics, spec) ? make_header_mutation(std::move(spec))
                                                                                          : nullptr;
}

route::FilterSettingsPtr read_header_mutation_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                                       const FilterContext&, config::Diagnostics& diagnostics) {
  v3::HeaderMutationPerRoute from;
  configuration.UnpackTo(&from);
  auto spec = std::make_shared<HeaderMutationSettings>();
  return read_mutations(from.mutations(), FieldPath{&at, "mutations"}, diagnostics, spec->changes) ? spec : nullptr;
}

void declare_header_mutation(config::SupportTable& table) {
  table.extension<v3::HeaderMutation>(kHttpFilters, "envoy.filters.http.header_mutation")
      .fields({"mutations", "most_specific_header_mutations_wins"});
  table.extension<v3::HeaderMutationPerRoute>(route::kFilterSettings, "envoy.filters.http.header_mutation").fields({"mutations"});
  table.message<v3::Mutations>().fields({"request_mutations", "response_mutations"});
}

}  // namespace weir::filter
