#include "upstream/dns_cache_config.h"

#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "net/address_config.h"
#include "upstream/forward_proxy.h"

namespace weir::upstream {

namespace v3 = envoy::extensions::common::dynamic_forward_proxy::v3;
namespace core = envoy::config::core::v3;
using config::FieldPath;
using config::milliseconds;
using envoy::config::cluster::v3::Cluster;

bool read_dns_resolver(const core::TypedExtensionConfig& from, const FieldPath& at, config::Diagnostics& diagnostics,
                       net::ResolverSpec& result) {
  envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig config;
  if (!from.typed_config().UnpackTo(&config)) return true;  // getaddrinfo: the machine's own resolvers, as by default
  result = {};
  const FieldPath typed{&at, "typed_config"}, list{&typed, "resolvers"};
  bool good = true;
  for (int i = 0; i < config.resolvers_size(); ++i) {
    const FieldPath path{&list, {}, i};
    net::AddressPtr address = net::read_address(config.resolvers(i), path, diagnostics);
    if (address != nullptr && !address->is_ip()) {
      diagnostics.error({{}, path.text(), "a DNS server needs an IP address", ""});
      good = false;
    }
    good = good && address != nullptr;
    if (good) result.servers.push_back(std::move(address));
  }
  result.servers_are_fallback = config.use_resolvers_as_fallback();
  result.tcp_only = config.dns_resolver_options().use_tcp_for_dns_lookups();
  result.no_search = config.dns_resolver_options().no_default_search_domain();
  return good;
}

std::optional<DnsCacheSpec> read_dns_cache(const v3::DnsCacheConfig& from, const FieldPath& at,
                                           config::Diagnostics& diagnostics) {
  DnsCacheSpec spec;
  spec.name = from.name();
  switch (from.dns_lookup_family()) {
    case Cluster::V4_ONLY:
      spec.family = DnsFamily::kV4Only;
      break;
    case Cluster::V6_ONLY:
      spec.family = DnsFamily::kV6Only;
      break;
    case Cluster::V4_PREFERRED:
      spec.family = DnsFamily::kV4Preferred;
      break;
    case Cluster::ALL:
      spec.family = DnsFamily::kAll;
      break;
    default:
      spec.family = DnsFamily::kAuto;
  }
  if (from.has_dns_refresh_rate()) spec.refresh_ms = milliseconds(from.dns_refresh_rate());
  if (from.has_dns_min_refresh_rate()) spec.least_refresh_ms = milliseconds(from.dns_min_refresh_rate());
  if (from.has_host_ttl()) spec.host_ttl_ms = milliseconds(from.host_ttl());
  if (from.has_max_hosts()) spec.max_hosts = from.max_hosts().value();
  spec.failure_refresh_ms = spec.refresh_ms;
  if (from.has_dns_failure_refresh_rate()) {
    const auto& rate = from.dns_failure_refresh_rate();
    spec.failure_refresh_ms = milliseconds(rate.base_interval());
    spec.failure_refresh_max_ms = rate.has_max_interval() ? milliseconds(rate.max_interval()) : 10 * spec.failure_refresh_ms;
  }
  if (from.dns_cache_circuit_breaker().has_max_pending_requests()) {
    spec.max_pending_requests = from.dns_cache_circuit_breaker().max_pending_requests().value();
  }
  if (from.has_dns_query_timeout()) spec.query_timeout_ms = milliseconds(from.dns_query_timeout());
  for (const core::SocketAddress& name : from.preresolve_hostnames()) {
    spec.preresolved.push_back(with_port(name.address(), static_cast<uint16_t>(name.port_value())));
  }
  if (from.has_typed_dns_resolver_config() &&
      !read_dns_resolver(from.typed_dns_resolver_config(), FieldPath{&at, "typed_dns_resolver_config"}, diagnostics,
                         spec.resolver)) {
    return std::nullopt;
  }
  spec.as_configured = from.SerializeAsString();
  return spec;
}

void declare_dns_cache(config::SupportTable& table) {
  table.message<v3::DnsCacheConfig>()
      .fields({"name", "dns_lookup_family", "dns_refresh_rate", "dns_min_refresh_rate", "host_ttl", "max_hosts",
               "dns_failure_refresh_rate", "dns_cache_circuit_breaker", "preresolve_hostnames", "dns_query_timeout"})
      .extensions("typed_dns_resolver_config", "envoy.network.dns_resolver");
  table.message<v3::DnsCacheCircuitBreakers>().all_fields();
}

}  // namespace weir::upstream
