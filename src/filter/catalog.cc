// The visible list of filters: one line each.
#include "filter/catalog.h"

#include "filter/adaptive_concurrency.h"
#include "filter/admission_control.h"
#include "filter/bandwidth_limit.h"
#include "filter/buffer.h"
#include "filter/dynamic_forward_proxy.h"
#include "filter/fault.h"
#include "filter/header_mutation.h"
#include "filter/header_to_metadata.h"
#include "filter/health_check.h"
#include "filter/local_rate_limit.h"
#include "filter/rate_limit.h"
#include "filter/rbac.h"
#include "filter/set_metadata.h"
#include "filter/stateful_session.h"

namespace weir::filter {

namespace {

constexpr CatalogEntry kCatalog[] = {
    {"envoy.filters.http.adaptive_concurrency", "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
     read_adaptive_concurrency, "", nullptr, declare_adaptive_concurrency},
    {"envoy.filters.http.admission_control", "envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
     read_admission_control, "", nullptr, declare_admission_control},
    {"envoy.filters.http.bandwidth_limit", "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit",
     read_bandwidth_limit, "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit", read_bandwidth_limit_settings,
     declare_bandwidth_limit},
    {"envoy.filters.http.buffer", "envoy.extensions.filters.http.buffer.v3.Buffer", read_buffer,
     "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", read_buffer_settings, declare_buffer},
    {"envoy.filters.http.dynamic_forward_proxy", "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
     read_forward_proxy, "envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig", read_forward_proxy_settings,
     declare_forward_proxy},
    {"envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault", read_fault,
     "envoy.extensions.filters.http.fault.v3.HTTPFault", read_fault_settings, declare_fault},
    {"envoy.filters.http.header_mutation", "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
     read_header_mutation, "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
     read_header_mutation_settings, declare_header_mutation},
    {"envoy.filters.http.header_to_metadata", "envoy.extensions.filters.http.header_to_metadata.v3.Config",
     read_header_to_metadata, "envoy.extensions.filters.http.header_to_metadata.v3.Config", read_header_to_metadata_settings,
     declare_header_to_metadata},
    {"envoy.filters.http.health_check", "envoy.extensions.filters.http.health_check.v3.HealthCheck", read_health_check, "",
     nullptr, declare_health_check},
    {"envoy.filters.http.local_ratelimit", "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
     read_local_rate_limit, "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit", read_local_rate_limit_settings,
     declare_local_rate_limit},
    {"envoy.filters.http.ratelimit", "envoy.extensions.filters.http.ratelimit.v3.RateLimit", read_rate_limit,
     "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute", read_rate_limit_settings, declare_rate_limit},
    {"envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC", read_rbac,
     "envoy.extensions.filters.http.rbac.v3.RBACPerRoute", read_rbac_settings, declare_rbac},
    {"envoy.filters.http.set_metadata", "envoy.extensions.filters.http.set_metadata.v3.Config", read_set_metadata, "", nullptr,
     declare_set_metadata},
    {"envoy.filters.http.stateful_session", "envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
     read_stateful_session, "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
     read_stateful_session_settings, declare_stateful_session},
};

}  // namespace

std::span<const CatalogEntry> catalog() { return kCatalog; }

const CatalogEntry* find_filter(std::string_view type) {
  type = config::type_name(type);
  for (const CatalogEntry& entry : kCatalog) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

void declare_filters(config::SupportTable& table) {
  for (const CatalogEntry& entry : kCatalog) entry.declare(table);
}

}  // namespace weir::filter
