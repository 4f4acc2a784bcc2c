// dynamic_forward_proxy: sees to it that the host that a request names has been looked up before the request goes there.
#pragma once

#include <memory>
#include <string>

#include "filter/catalog.h"
#include "filter/filter.h"

namespace weir::filter {

struct ForwardProxyFilterSpec {
  std::string cache;  // the name of the DNS cache that it shares with its clusters
  bool host_from_filter_state = false;
  int64_t sub_cluster_timeout_ms = 5'000;  // how long a request waits for a cluster of its host
};

/// What a route says to it: another host.
struct ForwardProxySettings : route::FilterSettings {
  std::string host;         // "" for none
  std::string host_header;  // the request's header that names it, in lower case; "" for none
};

FilterFactoryPtr make_forward_proxy(ForwardProxyFilterSpec spec);

/// envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig, see CatalogEntry.
FilterFactoryPtr read_forward_proxy(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                    const FilterContext& context, config::Diagnostics& diagnostics);
/// …PerRouteConfig
route::FilterSettingsPtr read_forward_proxy_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                     const FilterContext& context, config::Diagnostics& diagnostics);
void declare_forward_proxy(config::SupportTable& table);

}  // namespace weir::filter
