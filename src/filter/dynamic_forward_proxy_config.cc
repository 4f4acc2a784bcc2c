// Reading dynamic_forward_proxy.
#include "base/text.h"
#include "config/duration.h"
#include "envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy.pb.h"
#include "filter/dynamic_forward_proxy.h"
#include "route/route_config.h"
#include "upstream/dns_cache_config.h"

namespace weir::filter {

namespace v3 = envoy::extensions::filters::http::dynamic_forward_proxy::v3;
using config::FieldPath;

FilterFactoryPtr read_forward_proxy(const google::protobuf::Any& configuration, const FieldPath& at, const FilterContext& context,
                                    config::Diagnostics& diagnostics) {
  v3::FilterConfig from;
  configuration.UnpackTo(&from);
  const auto cache = upstream::read_dns_cache(from.dns_cache_config(), FieldPath{&at, "dns_cache_config"}, diagnostics);
  if (!cache) return nullptr;
  if (context.check_dns_cache && !context.check_dns_cache(*cache, FieldPath{&at, "dns_cache_config"}, diagnostics))
    return nullptr;
  ForwardProxyFilterSpec spec{.cache = cache->name, .host_from_filter_state = from.allow_dynamic_host_from_filter_state()};
  if (from.sub_cluster_config().has_cluster_init_timeout()) {
    spec.sub_cluster_timeout_ms = config::milliseconds(from.sub_cluster_config().cluster_init_timeout());
  }
  return make_forward_proxy(std::move(spec));
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
      .fields({"dns_cache_config", "sub_cluster_config", "allow_dynamic_host_from_filter_state"})
      .harmless({"save_upstream_address"});
  table.message<v3::SubClusterConfig>().all_fields();
  table.extension<v3::PerRouteConfig>(route::kFilterSettings, "envoy.filters.http.dynamic_forward_proxy").all_fields();
  upstream::declare_dns_cache(table);
}

}  // namespace weir::filter
