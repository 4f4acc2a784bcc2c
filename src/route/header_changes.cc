#include "route/header_changes.h"

#include "http/joined_lines.h"

namespace weir::route {

namespace {

using http::HeaderMap;

void remove_lines(HeaderMap& headers, const http::HeaderName& name) {
  if (name.text.starts_with(':')) {
    if (name.id != http::HeaderId::kOther) headers.remove_pseudo(name.id);
    return;
  }
  headers.remove_if([&](const http::Header& line) {
    return line.id == name.id && (name.id != http::HeaderId::kOther || line.name == name.text);
  });
}

void set_lines(HeaderMap& headers, const http::HeaderName& name, std::string_view value) {
  if (name.id != http::HeaderId::kOther) {
    headers.set(name.id, value);
  } else {
    headers.set(name.text, value);
  }
}

void change(const HeaderChange& change, HeaderMap& headers, const format::FormatContext& context) {
  if (!change.value) return remove_lines(headers, change.name);
  const std::string_view value = change.value->evaluate(headers.arena(), context);
  if (value.empty() && !change.keep_empty_value) return;
  const bool exists = http::first_value(headers, change.name).data() != nullptr;
  switch (change.action) {
    case AppendAction::kAppendIfExistsOrAdd:
      if (exists && change.joins_lines) {
        return set_lines(headers, change.name,
                         http::append_value(headers.arena(), http::joined_value(headers, change.name), value));
      }
      headers.add(http::Header{change.name.text, value, change.name.id});
      return;
    case AppendAction::kAddIfAbsent:
      if (!exists) set_lines(headers, change.name, value);
      return;
    case AppendAction::kOverwriteIfExists:
      if (!exists) return;
      [[fallthrough]];
    case AppendAction::kOverwriteIfExistsOrAdd:  // as in Envoy the new line comes last
      remove_lines(headers, change.name);
      headers.add(http::Header{change.name.text, value, change.name.id});
      return;
  }
}

}  // namespace

void apply_changes(std::span<const HeaderChange> changes, HeaderMap& headers, const format::FormatContext& context) {
  for (const HeaderChange& each : changes) change(each, headers, context);
}

}  // namespace weir::route
