#include "filter/header_mutation.h"

#include <memory>
#include <new>
#include <utility>

namespace weir::filter {

namespace {

using route::apply_changes;

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

FilterFactoryPtr make_header_mutation(HeaderMutationSpec spec) {
  return std::make_shared<const HeaderMutationFactory>(std::move(spec));
}

}  // namespace weir::filter
