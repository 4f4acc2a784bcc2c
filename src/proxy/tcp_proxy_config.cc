// The configuration of tcp_proxy.
#include <limits>

#include "config/duration.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "format/lb_criteria_config.h"
#include "proxy/access_logs_config.h"
#include "proxy/listener_config.h"

namespace weir::proxy {

namespace v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using config::FieldPath;

std::shared_ptr<TcpProxySpec> read_tcp_proxy(const v3::TcpProxy& proxy, const FieldPath& at, ListenerConfigContext& context,
                                             config::Diagnostics& diagnostics) {
  auto spec = std::make_shared<TcpProxySpec>();
  std::shared_ptr<const format::LbCriteria> criteria;
  if (auto read = format::read_lb_criteria(proxy.metadata_match()); !read.empty()) {
    criteria = std::make_shared<const format::LbCriteria>(std::move(read));
  }
  spec->stat_prefix = proxy.stat_prefix();
  if (proxy.has_weighted_clusters()) {
    spec->total_weight = 0;
    for (const v3::TcpProxy::WeightedCluster::ClusterWeight& each : proxy.weighted_clusters().clusters()) {
      spec->clusters.push_back({each.name(), context.clusters.intern(each.name()), each.weight(), criteria});
      if (format::LbCriteria own = format::read_lb_criteria(each.metadata_match()); !own.empty()) {
        if (criteria != nullptr) own = merged(*criteria, own);
        spec->clusters.back().criteria = std::make_shared<const format::LbCriteria>(std::move(own));
      }
      spec->total_weight += each.weight();
    }
  } else {
    spec->clusters.push_back({proxy.cluster(), context.clusters.intern(proxy.cluster()), 1, criteria});
  }
  for (const envoy::type::v3::HashPolicy& policy : proxy.hash_policy()) {  // there is at most one
    spec->hash = policy.has_source_ip() ? TcpProxySpec::Hash::kSourceIp : TcpProxySpec::Hash::kFilterState;
    spec->hash_key = policy.filter_state().key();
  }
  if (proxy.has_idle_timeout()) spec->idle_timeout_ms = config::milliseconds(proxy.idle_timeout());
  if (proxy.has_max_connect_attempts()) spec->max_connect_attempts = proxy.max_connect_attempts().value();
  if (proxy.has_max_downstream_connection_duration()) {
    spec->max_connection_duration_ms = config::milliseconds(proxy.max_downstream_connection_duration());
  }
  if (!read_access_logs(proxy.access_log(), FieldPath{&at, "access_log"}, context, diagnostics, spec->access_logs))
    return nullptr;
  spec->stats = context.stats.tcp(spec->stat_prefix);
  return spec;
}

void declare_tcp_proxies(config::SupportTable& table) {
  table.extension<v3::TcpProxy>("envoy.filters.network", "envoy.filters.network.tcp_proxy")
      .fields({"stat_prefix", "cluster", "weighted_clusters", "idle_timeout", "access_log", "max_connect_attempts",
               "max_downstream_connection_duration", "hash_policy", "metadata_match"})
      // The two timeouts are not implemented by Envoy either.
      .harmless({"downstream_idle_timeout", "upstream_idle_timeout", "access_log_flush_interval", "flush_access_log_on_connected",
                 "access_log_options"});
  table.message<envoy::type::v3::HashPolicy>().all_fields();
  table.message<envoy::type::v3::HashPolicy::SourceIp>();
  table.message<envoy::type::v3::HashPolicy::FilterState>().all_fields();
  table.message<v3::TcpProxy::WeightedCluster>().fields({"clusters"});
  table.message<v3::TcpProxy::WeightedCluster::ClusterWeight>().fields({"name", "weight", "metadata_match"});
}

}  // namespace weir::proxy
