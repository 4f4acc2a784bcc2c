// rbac: lets a request through, or refuses it, by who asks and for what (role-based access control).
#pragma once

#include <memory>
#include <string>

#include "filter/catalog.h"
#include "filter/filter.h"
#include "filter/rbac_engine.h"

namespace weir::filter {

/// What the filter is told, by the connection manager or by a route.
struct RbacSpec : route::FilterSettings {
  RbacEngines engines;
  bool has_rules_prefix = false, has_shadow_prefix = false;  // a route without one notes under those of the filter
  RbacKeys enforced_keys, shadow_keys;
  bool tracks_policies = false;
};

FilterFactoryPtr make_rbac(std::shared_ptr<const RbacSpec> spec, RbacStats stats);

/// envoy.extensions.filters.http.rbac.v3.RBAC, see CatalogEntry.
FilterFactoryPtr read_rbac(const google::protobuf::Any& configuration, const config::FieldPath& at, const FilterContext& context,
                           config::Diagnostics& diagnostics);
/// envoy.extensions.filters.http.rbac.v3.RBACPerRoute; without `rbac` it lets everything through.
route::FilterSettingsPtr read_rbac_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                            const FilterContext& context, config::Diagnostics& diagnostics);
void declare_rbac(config::SupportTable& table);

}  // namespace weir::filter
