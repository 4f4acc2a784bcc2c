// The configuration of header changes.
#include "config/path.h"
#include "envoy/config/common/mutation_rules/v3/mutation_rules.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "http/joined_lines.h"
#include "route/config_reader.h"
#include "route/header_changes.h"

namespace weir::route {

namespace core = envoy::config::core::v3;
namespace rules = envoy::config::common::mutation_rules::v3;
using config::FieldPath;

bool read_header_changes(const google::protobuf::RepeatedPtrField<rules::HeaderMutation>& from, const FieldPath& at,
                         config::Diagnostics& diagnostics, bool of_requests, std::vector<HeaderChange>& result) {
  bool good = true;
  for (int i = 0; i < from.size(); ++i) {
    const bool removes = from[i].action_case() == rules::HeaderMutation::kRemove;
    const core::HeaderValueOption& option = from[i].append();
    HeaderChange& change = result.emplace_back();
    change.name = http::HeaderName(removes ? from[i].remove() : option.header().key());
    const FieldPath item{&at, {}, i}, append{&item, "append"}, header{&append, "header"};
    if (removes) continue;
    if (change.name.text.starts_with(':')) {  // Host is one of them by now
      diagnostics.error({{},
                         FieldPath{&header, "key"}.text(),
                         "pseudo-headers and Host cannot be changed here",
                         "routes can rewrite path and host"});
      good = false;
      continue;
    }
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

void declare_header_changes(config::SupportTable& table) {
  table.message<rules::HeaderMutation>().fields({"remove", "append"});
  table.message<core::HeaderValueOption>().fields({"header", "append", "append_action", "keep_empty_value"});
  table.message<core::HeaderValue>().fields({"key", "value"});
}

}  // namespace weir::route
