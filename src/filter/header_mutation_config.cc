// The configuration of header_mutation.
#include "config/path.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "filter/catalog.h"
#include "filter/header_mutation.h"
#include "http/joined_lines.h"
#include "route/route_config.h"

namespace weir::filter {

namespace core = envoy::config::core::v3;
namespace rules = envoy::config::common::mutation_rules::v3;
namespace v3 = envoy::extensions::filters::http::header_mutation::v3;
using config::FieldPath;

namespace {

route::AppendAction append_action(const core::HeaderValueOption& option) {
  if (option.has_append()) {  // the older way to say it
    return option.append().value() ? route::AppendAction::kAppendIfExistsOrAdd : route::AppendAction::kOverwriteIfExistsOrAdd;
  }
  switch (option.append_action()) {
    case core::HeaderValueOption::ADD_IF_ABSENT:
      return route::AppendAction::kAddIfAbsent;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return route::AppendAction::kOverwriteIfExistsOrAdd;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS:
      return route::AppendAction::kOverwriteIfExists;
    default:
      return route::AppendAction::kAppendIfExistsOrAdd;
  }
}

}  // namespace

bool read_header_changes(const google::protobuf::RepeatedPtrField<rules::HeaderMutation>& from, const FieldPath& at,
                         config::Diagnostics& diagnostics, bool of_requests, std::vector<HeaderChange>& result) {
  bool good = true;
  for (int i = 0; i < from.size(); ++i) {
    const bool removes = from[i].action_case() == rules::HeaderMutation::kRemove;
    const core::HeaderValueOption& option = from[i].append();
    HeaderChange& change = result.emplace_back();
    change.name = http::HeaderName(removes ? from[i].remove() : option.header().key());
    const FieldPath item{&at, {}, i}, append{&item, "append"}, header{&append, "header"};
    if (change.name.text.starts_with(':')) {  // Host is one of them by now
      diagnostics.error({{},
                         (removes ? FieldPath{&item, "remove"} : FieldPath{&header, "key"}).text(),
                         "pseudo-headers and Host cannot be changed here",
                         "routes can rewrite path and host"});
      good = false;
      continue;
    }
    if (removes) continue;
    change.action = append_action(option);
    change.joins_lines =
        of_requests ? http::joins_lines_in_requests(change.name.text) : http::joins_lines_in_responses(change.name.text);
    change.keep_empty_value = option.keep_empty_value();
    auto value = format::Formatter::compile(option.header().value(), {.omit_empty_values = true});
    if (value) {
      change.value = std::move(*value);
      continue;
    }
    diagnostics.error({{}, FieldPath{&header, "value"}.text(), value.error().message, ""});
    good = false;
  }
  return good;
}

namespace {

bool read_mutations(const v3::Mutations& from, const FieldPath& at, config::Diagnostics& diagnostics, HeaderMutationSpec& spec) {
  return read_header_changes(from.request_mutations(), FieldPath{&at, "request_mutations"}, diagnostics, true, spec.request) &
         read_header_changes(from.response_mutations(), FieldPath{&at, "response_mutations"}, diagnostics, false, spec.response);
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
  table.message<rules::HeaderMutation>().fields({"remove", "append"});
  table.message<core::HeaderValueOption>().fields({"header", "append", "append_action", "keep_empty_value"});
  table.message<core::HeaderValue>().fields({"key", "value"});
}

}  // namespace weir::filter
