// ClusterSpec: what the configuration says about one cluster, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/boxed.h"
#include "format/static_metadata.h"
#include "http/codec.h"
#include "net/address.h"
#include "net/resolver_spec.h"
#include "upstream/balancing_spec.h"
#include "upstream/health_spec.h"
#include "upstream/transport.h"

namespace weir::upstream {

/// Which requests a circuit breaker counts together (RoutingPriority).
enum class Priority : uint8_t { kDefault, kHigh };
constexpr size_t kPriorities = 2;

/// CircuitBreakers.Thresholds; the limits hold for the whole process.
struct Thresholds {
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  uint32_t max_connection_pools = UINT32_MAX;
  uint32_t max_connections_per_host = UINT32_MAX;
  bool track_remaining = false;
  /// Takes the place of max_retries: retries may be that share of the requests under way, and always a few.
  struct RetryBudget {
    double percent = 20;
    uint32_t min_concurrency = 3;
  };
  Boxed<RetryBudget> retry_budget;
};

enum class DiscoveryType : uint8_t { kStatic, kStrictDns, kLogicalDns, kEds, kOriginalDst, kAggregate, kDynamicForwardProxy };
/// Cluster.DnsLookupFamily.
enum class DnsFamily : uint8_t { kAuto, kV4Only, kV6Only, kV4Preferred, kAll };
/// HttpProtocolOptions: which protocol is spoken to the endpoints.
enum class UpstreamProtocol : uint8_t { kHttp1, kHttp2, kAsDownstream, kByAlpn };

enum class Health : uint8_t { kHealthy, kDegraded, kUnhealthy, kDraining, kTimeout };

struct Locality {
  std::string region, zone, sub_zone;
  friend bool operator==(const Locality&, const Locality&) = default;
};

/// An endpoint's metadata `envoy.lb`: values as canonical texts (format/lb_criteria.h), by name.
struct LbField {
  std::string name;
  std::string value;
  bool is_list = false;
  std::vector<std::string> items;  // of a list
  friend bool operator==(const LbField&, const LbField&) = default;
};
struct LbMetadata {
  std::vector<LbField> fields;  // in the order of their names
  std::string hash_key;         // stands for the address in rings and tables; "" for the address
  const LbField* find(std::string_view name) const;
  /// Whether it has all of these, by their canonical texts. A list has what one of its items is, if wanted.
  bool has_all(const format::LbCriteria::Items& wanted, bool list_as_any) const;
  friend bool operator==(const LbMetadata&, const LbMetadata&) = default;
};
using LbMetadataPtr = std::shared_ptr<const LbMetadata>;

/// One lb_endpoint as configured; for DNS clusters `host` is yet to be resolved.
struct EndpointSpec {
  net::AddressPtr address;  // null for a name to resolve
  std::vector<net::AddressPtr> additional_addresses;
  std::string host;  // the name to resolve (DNS clusters)
  uint16_t port = 0;
  std::string hostname;  // endpoint.hostname, for auto host rewriting
  std::string name;      // by which requests ask for it, in a dynamic forward proxy
  uint32_t weight = 1;
  Health health = Health::kHealthy;
  bool canary = false;
  bool no_active_check = false;
  net::AddressPtr check_address;  // where active checks ask; null: `address`
  uint16_t check_port = 0;        // the same for names that are yet to be resolved; 0: `port`
  std::string check_hostname;
  MatchValues transport_match;         // chooses among transport_socket_matches
  LbMetadataPtr lb_metadata;           // null: none
  format::StaticMetadataPtr metadata;  // null: none
};

struct LocalityEndpoints {
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 0;  // 0: not given
  bool has_locality = false;
  std::vector<EndpointSpec> endpoints;
};

/// ClusterLoadAssignment.
struct Assignment {
  std::vector<LocalityEndpoints> localities;
  uint32_t overprovisioning_factor = 140;
  bool weighted_priority_health = false;
  double drop_share = 0;  // of all requests (policy.drop_overloads)
  std::string drop_category;
};

/// original_dst_lb_config: the request, or its connection, says which address it goes to.
struct OriginalDstSpec {
  std::string header;                      // in lower case; "": none is looked at
  std::string metadata_filter;             // of the dynamic metadata; "": none
  std::vector<std::string> metadata_path;  // below that
  std::optional<uint16_t> port;            // in place of the address's own
  int64_t cleanup_ms = 5000;               // an address that was not used for so long is forgotten
};

/// What a DNS cache does (envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig).
struct DnsCacheSpec {
  std::string name;
  DnsFamily family = DnsFamily::kAuto;
  int64_t refresh_ms = 60'000;  // of what came without a time to live
  int64_t least_refresh_ms = 5'000;
  int64_t failure_refresh_ms = 60'000, failure_refresh_max_ms = 0;  // 0: no back-off
  int64_t host_ttl_ms = 300'000;                                    // a host that was not used for so long is forgotten
  uint32_t max_hosts = 1024;
  uint32_t max_pending_requests = 1024;
  int64_t query_timeout_ms = 5'000;
  std::vector<std::string> preresolved;  // "host:port"
  net::ResolverSpec resolver;
  std::string as_configured;  // all of it, to tell two of the same name apart
};

/// A cluster of its own for each host (sub_clusters_config).
struct SubClustersSpec {
  uint32_t most = 1024;
  int64_t ttl_ms = 300'000;  // one that was not used for so long goes
};

/// A dynamic forward proxy goes where a request's host says (envoy.clusters.dynamic_forward_proxy).
struct ForwardProxySpec {
  DnsCacheSpec cache;                           // shared with filters
  std::optional<SubClustersSpec> sub_clusters;  // then the hosts of the cache are not asked for
  uint16_t default_port = 80;                   // 443 if it speaks TLS
};

struct TcpKeepalive {
  bool enabled = false;
  uint32_t probes = 0, time_s = 0, interval_s = 0;  // 0: the kernel's default
};

struct SocketOption {
  int level = 0;
  int name = 0;
  std::string value;  // the bytes given to setsockopt
};

struct ClusterSpec {
  std::string name;
  std::string stat_name;  // alt_stat_name, else name; names of statistics have it with ':' replaced
  uint32_t id = 0;        // dense, the same as in compiled routes
  bool added_via_api = false;
  format::StaticMetadataPtr metadata;  // null: none

  DiscoveryType discovery = DiscoveryType::kStatic;
  Assignment assignment;         // static and DNS clusters
  std::string eds_service_name;  // EDS
  std::string eds_path;          // the file that EDS is read from
  std::string eds_watched_directory;
  int64_t eds_initial_fetch_timeout_ms = 15000;  // 0: wait for ever
  int64_t dns_refresh_ms = 5000;
  int64_t dns_jitter_ms = 0;  // up to this much later
  int64_t dns_failure_refresh_ms = 5000;
  int64_t dns_failure_refresh_max_ms = 0;  // 0: always dns_failure_refresh_ms, else a back-off between the two
  net::ResolverSpec dns_resolver;
  bool respect_dns_ttl = false;
  DnsFamily dns_family = DnsFamily::kAuto;
  bool wait_for_warm = true;

  BalancingSpec balancing;
  uint32_t wanted_health = 1 << 0 | 1 << 1;  // Health values with which a session's endpoint is still good
  Boxed<OriginalDstSpec> original_dst;       // of an ORIGINAL_DST cluster
  Boxed<ForwardProxySpec> forward_proxy;
  std::vector<std::string> members;              // of an aggregate cluster: those that it stands for, the best first
  std::vector<uint32_t> member_ids;              // their numbers; the caller of the reader sets them
  std::shared_ptr<const Locality> own_locality;  // where the proxy itself is; null if it does not know
  bool tracks_timeout_budgets = false, tracks_sizes = false;
  bool shows_endpoints = false;    // each endpoint's own statistics stand beside those of the cluster
  bool closes_at_failure = false;  // connections of TCP proxies to an endpoint that is found failing

  int64_t connect_timeout_ms = 5000;
  int64_t idle_timeout_ms = 3'600'000;       // 0: never
  int64_t max_connection_duration_ms = 0;    // 0: no bound
  int64_t max_stream_duration_ms = 0;        // 0: no bound
  uint32_t max_requests_per_connection = 0;  // 0: no bound
  size_t buffer_limit = 1024 * 1024;
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
  http::Http1Options http1;
  http::Http2Options http2;
  http::CodecLimits limits;
  Thresholds thresholds[kPriorities];
  double preconnect_ratio = 1;             // connections for each request that an endpoint has or awaits
  double predictive_preconnect_ratio = 0;  // the same, for the cluster as a whole; 0: none
  bool v4_first = false,
       v6_first = false;            // which family leads among an endpoint's addresses; neither: that of the first one
  uint32_t first_family_count = 1;  // how many of it are tried before one of the other

  std::vector<HealthCheckSpec> health_checks;  // the first one counts
  Boxed<OutlierSpec> outlier;
  int64_t update_merge_window_ms = 1000;            // how long later changes of health may wait; 0: they do not
  bool ignore_new_hosts_until_first_check = false;  // they count for nothing until then
  bool keeps_removed_while_well = false;            // what discovery names no longer stays until its check fails
  bool drains_on_change = false;                    // whenever endpoints come or go, all begin with new connections

  Transport transport;
  std::vector<TransportMatch> transport_matches;  // the first that fits an endpoint wins over `transport`
  bool pool_per_client = false;                   // no two downstream connections share one to an endpoint
  bool writes_proxy_headers = false;              // at least one of the transports does
  bool auto_sni = false;                          // SNI is the request's host
  bool auto_san_validation = false;               // … and must be in the certificate
  std::string auto_sni_header;                    // where the name is taken from; "" for the host
  bool uses_tls() const {
    bool any = transport.tls != nullptr;
    for (const TransportMatch& match : transport_matches) any = any || match.transport.tls != nullptr;
    return any;
  }
  /// For an endpoint with this metadata.
  const Transport& transport_for(const MatchValues& values) const;

  TcpKeepalive keepalive;
  net::AddressPtr bind_source;
  std::vector<SocketOption> socket_options;
};

}  // namespace weir::upstream
