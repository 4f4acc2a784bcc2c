#include "filter/rbac.h"

namespace weir::filter {

namespace {

constexpr std::string_view kNameSpace = "envoy.filters.http.rbac", kBody = "RBAC: access denied";

class Rbac final : public Filter {
 public:
  Rbac(const RbacSpec& own, const RbacSpec& spec, const RbacStats& stats) : own_(own), spec_(spec), stats_(stats) {}

  Verdict on_request(Exchange& exchange) override {
    const RbacSubject subject{&exchange.request, exchange.info, exchange.route != nullptr};
    RbacNotes notes;
    if (spec_.engines.shadow) {
      const RbacVerdict verdict = spec_.engines.shadow->judge(subject);
      stats_.count_shadow(exchange.worker, verdict, spec_.tracks_policies);
      const RbacKeys& keys = spec_.has_shadow_prefix ? spec_.shadow_keys : own_.shadow_keys;
      notes.add(keys.policy, verdict.name());
      notes.add(keys.result, verdict);
    }
    if (!spec_.engines.enforced) {
      notes.add_to(exchange.info.metadata, exchange.arena, kNameSpace);
      return Verdict::proceed();
    }
    const RbacVerdict verdict = spec_.engines.enforced->judge(subject);
    if (verdict.log_hint) note_log_hint(exchange.info.metadata, exchange.arena, *verdict.log_hint);
    stats_.count_enforced(exchange.worker, verdict, spec_.tracks_policies);
    const RbacKeys& keys = spec_.has_rules_prefix ? spec_.enforced_keys : own_.enforced_keys;
    notes.add(keys.policy, verdict.name());
    notes.add(keys.result, verdict);
    notes.add_to(exchange.info.metadata, exchange.arena, kNameSpace);
    if (verdict.allowed) return Verdict::proceed();
    return Verdict::reply(403, kBody, verdict.details());
  }

 private:
  const RbacSpec& own_;   // of the filter
  const RbacSpec& spec_;  // the same, or the route's
  const RbacStats& stats_;
};

class RbacFactory final : public FilterFactory {
 public:
  RbacFactory(std::shared_ptr<const RbacSpec> spec, RbacStats stats) : spec_(std::move(spec)), stats_(std::move(stats)) {}

  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const RbacSpec*>(settings.most_specific());
    const RbacSpec& spec = said != nullptr ? *said : *spec_;
    if (!spec.engines.enforced && !spec.engines.shadow) return nullptr;
    return make_in<Rbac>(exchange.arena, *spec_, spec, stats_);
  }

 private:
  const std::shared_ptr<const RbacSpec> spec_;
  const RbacStats stats_;
};

}  // namespace

FilterFactoryPtr make_rbac(std::shared_ptr<const RbacSpec> spec, RbacStats stats) {
  return std::make_shared<const RbacFactory>(std::move(spec), std::move(stats));
}

}  // namespace weir::filter
