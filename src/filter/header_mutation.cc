#include "filter/header_mutation.h"

#include <memory>
#include <new>
#include <utility>

#include "http/joined_lines.h"

namespace weir::filter {

namespace {

using http::HeaderMap;
using route::AppendAction;

void remove_lines(HeaderMap& headers, const http::HeaderName& name) {
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

/// The filter's own changes come first, then the routes'.
class HeaderMutation final : public Filter {
 public:
  HeaderMutation(const HeaderMutationSpec& spec, const RouteSettings& settings) : spec_(spec), settings_(settings) {}

  Verdict on_request(Exchange& exchange) override {
    apply_changes(spec_.request, exchange.request, exchange.format_context());
    for_each_level(
        [&](const HeaderMutationSpec& level) { apply_changes(level.request, exchange.request, exchange.format_context()); });
    return Verdict::proceed();
  }
  Verdict on_response(Exchange& exchange) override {
    apply_changes(spec_.response, exchange.response, exchange.format_context());
    for_each_level(
        [&](const HeaderMutationSpec& level) { apply_changes(level.response, exchange.response, exchange.format_context()); });
    return Verdict::proceed();
  }

 private:
  /// In the order that lets the right level have the last word.
  template <class F>
  void for_each_level(F&& apply) const {
    const auto* const* first = settings_.begin();
    const auto* const* last = settings_.end();
    for (const auto* const* at = first; at != last; ++at) {
      const route::FilterSettings* settings = spec_.most_specific_wins ? *at : *(last - 1 - (at - first));
      apply(static_cast<const HeaderMutationSettings&>(*settings).changes);
    }
  }

  const HeaderMutationSpec& spec_;
  const RouteSettings settings_;
};

class HeaderMutationFactory final : public FilterFactory {
 public:
  explicit HeaderMutationFactory(HeaderMutationSpec spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    return make_in<HeaderMutation>(exchange.arena, spec_, settings);
  }

 private:
  const HeaderMutationSpec spec_;
};

}  // namespace

void apply_changes(const std::vector<HeaderChange>& changes, HeaderMap& headers, const format::FormatContext& context) {
  for (const HeaderChange& each : changes) change(each, headers, context);
}

FilterFactoryPtr make_header_mutation(HeaderMutationSpec spec) {
  return std::make_shared<const HeaderMutationFactory>(std::move(spec));
}

}  // namespace weir::filter
