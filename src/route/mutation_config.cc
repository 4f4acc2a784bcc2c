#include "envoy/config/core/v3/base.pb.h"
#include "http/joined_lines.h"
#include "route/config_reader.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::route {

namespace core = envoy::config::core::v3;

namespace {

bool immutable(const http::HeaderName& name) { return name.text.starts_with(':'); }  // HeaderName turns host into :authority

}  // namespace

AppendAction append_action(const core::HeaderValueOption& config) {
  if (config.has_append())
    return config.append().value() ? AppendAction::kAppendIfExistsOrAdd : AppendAction::kOverwriteIfExistsOrAdd;
  switch (config.append_action()) {
    case core::HeaderValueOption::ADD_IF_ABSENT:
      return AppendAction::kAddIfAbsent;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return AppendAction::kOverwriteIfExistsOrAdd;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS:
      return AppendAction::kOverwriteIfExists;
    default:
      return AppendAction::kAppendIfExistsOrAdd;
  }
}

HeaderAddition read_header_addition(const core::HeaderValueOption& from, Direction direction, const config::FieldPath& at,
                                    config::Diagnostics& diagnostics) {
  using config::FieldPath;
  const FieldPath header{&at, "header"};
  HeaderAddition result;
  result.name = http::HeaderName(from.header().key());
  if (immutable(result.name)) {
    diagnostics.error({{},
                       FieldPath{&header, "key"}.text(),
                       "'" + from.header().key() + "' cannot be changed: pseudo-headers and host are out of reach here",
                       "use host_rewrite_literal, prefix_rewrite and the like"});
  }
  if (from.has_append() && from.append_action() != core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
    diagnostics.error({{}, FieldPath{&at, "append"}.text(), "is set together with append_action", "leave append out"});
  }
  const std::string& text = from.header().value().empty() ? from.header().raw_value() : from.header().value();
  auto value = format::Formatter::compile(text, {.omit_empty_values = true});
  if (value) {
    result.value = std::move(*value);
  } else {
    diagnostics.error({{}, FieldPath{&header, "value"}.text(), value.error().message, ""});
  }
  result.action = append_action(from);
  result.keep_empty_value = from.keep_empty_value();
  result.joins_lines = direction == Direction::kRequest ? http::joins_lines_in_requests(result.name.text)
                                                        : http::joins_lines_in_responses(result.name.text);
  return result;
}

http::HeaderName ConfigReader::removal(const std::string& name, const Path& at) {
  http::HeaderName result(name);
  if (immutable(result)) error(at, "'" + name + "' cannot be removed: every request needs its pseudo-headers and host");
  return result;
}

}  // namespace weir::route
