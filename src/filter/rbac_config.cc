// Reading rbac.
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "filter/rbac.h"
#include "filter/rbac_engine_config.h"
#include "route/route_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::rbac::v3;
using config::FieldPath;

namespace {

/// Null after reporting an error.
std::shared_ptr<RbacSpec> read(const v3::RBAC& from, const FieldPath& at, const FilterContext& context,
                               config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  RbacReader reader{.diagnostics = diagnostics, .runtime = context.runtime, .stats = &context.stats};
  auto spec = std::make_shared<RbacSpec>();
  reader.engines(from, at, spec->engines);
  spec->has_rules_prefix = !from.rules_stat_prefix().empty();
  spec->has_shadow_prefix = !from.shadow_rules_stat_prefix().empty();
  spec->enforced_keys = RbacKeys::make(from.rules_stat_prefix(), "enforced");
  spec->shadow_keys = RbacKeys::make(from.shadow_rules_stat_prefix(), "shadow");
  spec->tracks_policies = from.track_per_rule_stats();
  return diagnostics.errors().size() == errors ? spec : nullptr;
}

}  // namespace

FilterFactoryPtr read_rbac(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                           config::Diagnostics& diagnostics) {
  v3::RBAC from;
  configuration.UnpackTo(&from);
  auto spec = read(from, at, context, diagnostics);
  if (spec == nullptr) return nullptr;
  // Routes may have policies counted that the filter does not know.
  RbacStats stats =
      RbacStats::find(context.stats, context.stat_prefix, from.rules_stat_prefix(), from.shadow_rules_stat_prefix(), true);
  return make_rbac(std::move(spec), std::move(stats));
}

route::FilterSettingsPtr read_rbac_settings(const google::protobuf::Any& configuration, const FieldPath& at,
                                            const FilterContext& context, config::Diagnostics& diagnostics) {
  v3::RBACPerRoute from;
  configuration.UnpackTo(&from);
  return read(from.rbac(), {&at, "rbac"}, context, diagnostics);
}

void declare_rbac(config::SupportTable& table) {
  declare_rbac_rules(table);
  table.extension<v3::RBAC>(kHttpFilters, "envoy.filters.http.rbac").all_fields();
  table.extension<v3::RBACPerRoute>(route::kFilterSettings, "envoy.filters.http.rbac").all_fields();
}

}  // namespace weir::filter
