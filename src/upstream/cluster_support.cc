// Which fields and extensions of clusters and endpoints Weir implements.
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/extensions/clusters/aggregate/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver.pb.h"
#include "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/extensions/upstreams/tcp/v3/tcp_protocol_options.pb.h"
#include "http/options_config.h"
#include "net/address_config.h"
#include "net/tls/tls_config.h"
#include "upstream/balancing_config.h"
#include "upstream/cluster_config.h"
#include "upstream/dns_cache_config.h"
#include "upstream/health_config.h"

namespace weir::upstream {

namespace cluster = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
namespace endpoint = envoy::config::endpoint::v3;
namespace extensions = envoy::extensions;

namespace {

constexpr char kTypes[] = "envoy.clusters";
constexpr char kProtocols[] = "envoy.upstream_options";
constexpr char kResolvers[] = "envoy.network.dns_resolver";
constexpr char kSockets[] = "envoy.transport_sockets.upstream";
constexpr char kFilters[] = "envoy.filters.http.upstream";

void declare_cluster(config::SupportTable& table) {
  using Cluster = cluster::Cluster;
  table.message<Cluster>()
      .fields({"name",
               "alt_stat_name",
               "cluster_type",
               "original_dst_lb_config",
               "eds_cluster_config",
               "connect_timeout",
               "per_connection_buffer_limit_bytes",
               "load_assignment",
               "max_requests_per_connection",
               "circuit_breakers",
               "health_checks",
               "outlier_detection",
               "common_http_protocol_options",
               "http_protocol_options",
               "http2_protocol_options",
               "upstream_http_protocol_options",
               "dns_refresh_rate",
               "dns_failure_refresh_rate",
               "respect_dns_ttl",
               "dns_lookup_family",
               "dns_resolvers",
               "use_tcp_for_dns_lookups",
               "dns_resolution_config",
               "wait_for_warm_on_init",
               "upstream_bind_config",
               "protocol_selection",
               "upstream_connection_options",
               "transport_socket_matches",
               "preconnect_policy",
               "connection_pool_per_downstream_connection",
               "metadata",
               "track_timeout_budgets",
               "track_cluster_stats",
               "ignore_health_on_host_removal",
               "close_connections_on_host_health_failure"})
      .values("type", {"STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"})
      .extensions("typed_extension_protocol_options", kProtocols)
      .extensions("typed_dns_resolver_config", kResolvers)
      .extensions("transport_socket", kSockets)
      .harmless({"cleanup_interval", "lrs_server", "lrs_report_endpoint_metrics"});
  table.message<cluster::TrackClusterStats>().all_fields();
  table.message<Cluster::PreconnectPolicy>().fields({"per_upstream_preconnect_ratio", "predictive_preconnect_ratio"});
  table.message<Cluster::CustomClusterType>().fields({"name"}).extensions("typed_config", kTypes);
  table.message<Cluster::TransportSocketMatch>().fields({"name", "match"}).extensions("transport_socket", kSockets);
  table.message<Cluster::EdsClusterConfig>().fields({"eds_config", "service_name"});
  table.message<Cluster::OriginalDstLbConfig>().all_fields();
  table.message<Cluster::RefreshRate>().all_fields();
  table.message<cluster::CircuitBreakers>().all_fields();
  table.message<cluster::CircuitBreakers::Thresholds>().all_fields();
  table.message<cluster::CircuitBreakers::Thresholds::RetryBudget>().all_fields();
  table.message<cluster::UpstreamConnectionOptions>()
      .fields({"tcp_keepalive", "happy_eyeballs_config"})
      .harmless({"set_local_interface_name_on_upstream_connections"});
  table.message<cluster::UpstreamConnectionOptions::HappyEyeballsConfig>().all_fields();
  table.extension<extensions::clusters::aggregate::v3::ClusterConfig>(kTypes, "envoy.clusters.aggregate").all_fields();
  table.extension<extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig>(kTypes, "envoy.clusters.dynamic_forward_proxy")
      .fields({"dns_cache_config", "sub_clusters_config", "allow_insecure_cluster_options"});
  // preresolve_clusters does nothing in Envoy 1.36 either.
  table.message<extensions::clusters::dynamic_forward_proxy::v3::SubClustersConfig>()
      .fields({"lb_policy", "max_sub_clusters", "sub_cluster_ttl"})
      .harmless({"preresolve_clusters"});
  declare_dns_cache(table);
  table.extension<extensions::clusters::dns::v3::DnsCluster>(kTypes, "envoy.cluster.dns")
      .all_fields()
      .extensions("typed_dns_resolver_config", kResolvers);
  table.message<extensions::clusters::dns::v3::DnsCluster::RefreshRate>().all_fields();
}

void declare_endpoints(config::SupportTable& table) {
  table.message<endpoint::ClusterLoadAssignment>().fields({"cluster_name", "endpoints", "policy"}).harmless({"named_endpoints"});
  table.message<endpoint::ClusterLoadAssignment::Policy>()
      .fields({"overprovisioning_factor", "weighted_priority_health", "drop_overloads"})
      .harmless({"endpoint_stale_after"});
  table.message<endpoint::ClusterLoadAssignment::Policy::DropOverload>().all_fields();
  table.message<endpoint::LocalityLbEndpoints>()
      .fields({"locality", "lb_endpoints", "load_balancing_weight", "priority"})
      .harmless({"metadata", "proximity"});
  table.message<endpoint::LbEndpoint>().fields(
      {"endpoint", "endpoint_name", "health_status", "metadata", "load_balancing_weight"});
  table.message<endpoint::Endpoint>().all_fields();
  table.message<endpoint::Endpoint::HealthCheckConfig>().all_fields();
  table.message<endpoint::Endpoint::AdditionalAddress>().fields({"address"});
  table.message<core::Metadata>().fields({"filter_metadata"}).harmless({"typed_filter_metadata"});
  table.message<core::Locality>().all_fields();
}

void declare_connections(config::SupportTable& table) {
  table.message<core::TransportSocket>().fields({"name", "typed_config"});
  table.extension<extensions::transport_sockets::raw_buffer::v3::RawBuffer>(kSockets, "envoy.transport_sockets.raw_buffer");
  table
      .extension<extensions::transport_sockets::internal_upstream::v3::InternalUpstreamTransport>(
          kSockets, "envoy.transport_sockets.internal_upstream")
      .extensions("transport_socket", kSockets)
      .harmless({"passthrough_metadata"});  // nothing behind an internal listener reads it yet
  table
      .extension<extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport>(
          kSockets, "envoy.transport_sockets.upstream_proxy_protocol")
      .fields({"config"})
      .extensions("transport_socket", kSockets);
  table.message<core::ProxyProtocolConfig>().all_fields();
  table.message<core::ProxyProtocolPassThroughTLVs>().all_fields();
  table.message<core::TlvEntry>().fields({"type", "value"});
  table.message<core::TcpKeepalive>().all_fields();
  table.message<core::BindConfig>().fields({"source_address", "freebind", "socket_options"});
  table.message<core::SocketOption>().fields({"description", "level", "name", "int_value", "buf_value", "state"});
  table.message<core::UpstreamHttpProtocolOptions>().all_fields();
  net::declare_tls(table);

  using Options = extensions::upstreams::http::v3::HttpProtocolOptions;
  table.extension<Options>(kProtocols, "envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
      .fields({"common_http_protocol_options", "upstream_http_protocol_options", "explicit_http_config",
               "use_downstream_protocol_config", "auto_config"})
      .extensions("http_filters", kFilters);
  table.message<Options::AutoHttpConfig>().fields({"http_protocol_options", "http2_protocol_options"});
  table.message<Options::ExplicitHttpConfig>().fields({"http_protocol_options", "http2_protocol_options"});
  table.message<Options::UseDownstreamHttpConfig>().fields({"http_protocol_options", "http2_protocol_options"});
  table.message<extensions::filters::network::http_connection_manager::v3::HttpFilter>().fields({"name", "typed_config"});
  table.extension<extensions::filters::http::upstream_codec::v3::UpstreamCodec>(kFilters, "envoy.filters.http.upstream_codec");
  table
      .extension<extensions::upstreams::tcp::v3::TcpProtocolOptions>(kProtocols,
                                                                     "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions")
      .fields({"idle_timeout"});  // of connections that wait in a pool; those of tcp_proxy never do
}

void declare_resolvers(config::SupportTable& table) {
  namespace resolvers = extensions::network::dns_resolver;
  table.message<core::TypedExtensionConfig>().all_fields();
  table.extension<resolvers::cares::v3::CaresDnsResolverConfig>(kResolvers, "envoy.network.dns_resolver.cares")
      .fields({"resolvers", "use_resolvers_as_fallback", "dns_resolver_options"})
      .harmless({"udp_max_queries", "filter_unroutable_families"});
  table.extension<resolvers::getaddrinfo::v3::GetAddrInfoDnsResolverConfig>(kResolvers, "envoy.network.dns_resolver.getaddrinfo");
  table.message<core::DnsResolverOptions>().all_fields();
  table.message<core::DnsResolutionConfig>().all_fields();
}

}  // namespace

void declare_clusters(config::SupportTable& table) {
  net::declare_addresses(table);
  http::declare_protocol_options(table);
  declare_cluster(table);
  declare_health(table);
  declare_endpoints(table);
  declare_connections(table);
  declare_resolvers(table);
  declare_balancing(table);
  table.message<core::ConfigSource>().fields(
      {"path", "path_config_source", "api_config_source", "initial_fetch_timeout", "resource_api_version"});
  table.message<core::ApiConfigSource>()
      .fields({"api_type", "transport_api_version", "grpc_services", "set_node_on_first_message_only"})
      .harmless({"request_timeout", "refresh_delay"});
  table.message<core::PathConfigSource>().all_fields();
  table.message<core::WatchedDirectory>().all_fields();
}

}  // namespace weir::upstream
