// Reading dynamic_forward_proxy.
#include "base/text.h"
#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb.h"
#include "filter/dynamic_forward_proxy.h"
#include "route/route_config.h"
#include "upstream/dns_cache_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::dynamic_forward_proxy::v3;
using config::FieldPath;

FilterFactoryPtr read_forward_proxy(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext&,
                                    config::Diagnostics& diagnostics) {
  v3::FilterConfig from;
  configuration.UnpackTo(&from);
  if (!from.has_dns_cache_config()) {
    diagnostics.error({{}, at.text(), "needs a dns_cache_config", ""});
    return nullptr;
  }
  const auto cache = upstream::read_dns_cache(from.dns_cache_config(), FieldPath{&at, "dns_cache_config"}, diagnostics);
  if (!cache) return nullptr;
  return make_forward_proxy({.cache = cache->name, .host_from_filter_state = from.allow_dynamic_host_from_filter_state()});
}

route::FilterSettingsPtr read_forward_proxy_settings(const google::protobuf::Any& configuration, const FieldPath&,
                                                     const FilterContext&, config::Diagnostics&) {
  v3::PerRouteConfig from;
  configuration.UnpackTo(&from);
  auto settings = std::make_shared<ForwardProxySettings>();
  settings->host = from.host_rewrite_literal();
  settings->host_header = lower(from.host_rewrite_header());
  return settings;
}

void declare_forward_proxy(config::SupportTable& table) {
  table.extension<v3::FilterConfig>(kHttpFilters, "envoy.filters.http.dynamic_forward_proxy")
      .fields({"dns_cache_config", "allow_dynamic_host_from_filter_state"})
      .harmless({"save_upstream_address"});
  table.extension<v3::PerRouteConfig>(route::kFilterSettings, "envoy.filters.http.dynamic_forward_proxy").all_fields();
  upstream::declare_dns_cache(table);
}

}  // namespace weir::filter
