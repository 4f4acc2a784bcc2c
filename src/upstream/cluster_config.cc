#include "upstream/cluster_config.h"

#include <netinet/in.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/extensions/clusters/aggregate/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "format/static_metadata_config.h"
#include "http/options_config.h"
#include "net/address_config.h"
#include "stats/registry.h"
#include "upstream/balancing_config.h"
#include "upstream/dns_cache_config.h"
#include "upstream/health_config.h"
#include "upstream/match_values.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
namespace extensions = envoy::extensions;
using config::FieldPath;
using config::milliseconds;
using envoy::config::cluster::v3::CircuitBreakers;
using envoy::config::cluster::v3::Cluster;
using extensions::clusters::dns::v3::DnsCluster;
using ForwardProxy = extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
using extensions::clusters::dynamic_forward_proxy::v3::SubClustersConfig;
using HttpOptions = extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

constexpr char kHttpOptionsName[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
constexpr char kTcpOptionsName[] = "envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions";

/// Reads one cluster; each method one part of it. Goes on after an error, so that all are found.
class Reader {
 public:
  Reader(const Cluster& from, const FieldPath& at, config::Diagnostics& diagnostics, const ClusterSources& sources)
      : from_(from), at_(at), diagnostics_(diagnostics), sources_(sources), spec_(std::make_shared<ClusterSpec>()) {}

  std::shared_ptr<ClusterSpec> read() {
    spec_->name = from_.name();
    spec_->metadata = format::read_static_metadata(from_.metadata());
    spec_->tracks_timeout_budgets = from_.track_timeout_budgets() || from_.track_cluster_stats().timeout_budgets();
    spec_->tracks_sizes = from_.track_cluster_stats().request_response_sizes();
    spec_->shows_endpoints = from_.track_cluster_stats().per_endpoint_stats();
    spec_->closes_at_failure = from_.close_connections_on_host_health_failure();
    spec_->stat_name = from_.alt_stat_name().empty() ? from_.name() : from_.alt_stat_name();
    if (from_.name().empty()) error("name", "a cluster needs a name", "");
    if (from_.has_connect_timeout()) spec_->connect_timeout_ms = milliseconds(from_.connect_timeout());
    if (from_.has_per_connection_buffer_limit_bytes()) {
      const uint32_t limit = from_.per_connection_buffer_limit_bytes().value();
      spec_->buffer_limit = limit != 0 ? limit : std::numeric_limits<uint32_t>::max();  // 0: no limit, as in Envoy
    }
    if (from_.has_wait_for_warm_on_init()) spec_->wait_for_warm = from_.wait_for_warm_on_init().value();
    discovery();
    endpoints();
    balancer();
    circuit_breakers();
    protocol();
    connections(sources_.bind_default);
    transports();
    if (spec_->forward_proxy) names_in_tls();
    good_ = read_health(from_, at_, sources_.runtime, *spec_, diagnostics_) && good_;
    return good_ ? spec_ : nullptr;
  }

 private:
  void error(const FieldPath& path, std::string message, std::string hint) {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }
  void error(std::string_view field, std::string message, std::string hint) {
    error(FieldPath{&at_, field}, std::move(message), std::move(hint));
  }

  void discovery() {
    if (from_.has_cluster_type()) {
      custom_type();
    } else {
      switch (from_.type()) {
        case Cluster::STATIC:
          spec_->discovery = DiscoveryType::kStatic;
          break;
        case Cluster::STRICT_DNS:
          spec_->discovery = DiscoveryType::kStrictDns;
          break;
        case Cluster::LOGICAL_DNS:
          spec_->discovery = DiscoveryType::kLogicalDns;
          break;
        case Cluster::EDS:
          spec_->discovery = DiscoveryType::kEds;
          break;
        case Cluster::ORIGINAL_DST:
          original_dst();
          break;
        default:
          error("type", Cluster::DiscoveryType_Name(from_.type()) + " is not implemented yet", "");
      }
    }
    using enum DiscoveryType;
    const bool resolves =
        spec_->discovery == kStrictDns || spec_->discovery == kLogicalDns || spec_->discovery == kDynamicForwardProxy;
    if (resolves) dns(from_);  // elsewhere it means nothing, however wrong it may be
    if (from_.has_cluster_type()) typed_dns();
    eds();
  }

  void original_dst() {
    spec_->discovery = DiscoveryType::kOriginalDst;
    if (from_.lb_policy() != Cluster::CLUSTER_PROVIDED) {
      error("lb_policy", "an ORIGINAL_DST cluster cannot have " + Cluster::LbPolicy_Name(from_.lb_policy()),
            "set lb_policy: CLUSTER_PROVIDED");
    }
    if (from_.has_load_assignment()) error("load_assignment", "an ORIGINAL_DST cluster has no endpoints of its own", "remove it");
    const Cluster::OriginalDstLbConfig& config = from_.original_dst_lb_config();
    OriginalDstSpec& into = spec_->original_dst.emplace();
    if (config.use_http_header()) {
      into.header = config.http_header_name().empty() ? "x-envoy-original-dst-host" : lower(config.http_header_name());
    } else if (!config.http_header_name().empty()) {
      const FieldPath path{&at_, "original_dst_lb_config"};
      error(FieldPath{&path, "http_header_name"}, "is not used without use_http_header", "set use_http_header: true");
    }
    into.metadata_filter = config.metadata_key().key();
    for (const auto& segment : config.metadata_key().path()) into.metadata_path.push_back(segment.key());
    if (config.has_upstream_port_override()) into.port = static_cast<uint16_t>(config.upstream_port_override().value());
    if (from_.has_cleanup_interval()) into.cleanup_ms = milliseconds(from_.cleanup_interval());
  }

  void forward_proxy(const ForwardProxy& from, const FieldPath& type) {
    spec_->discovery = DiscoveryType::kDynamicForwardProxy;
    provides_balancer("a dynamic forward proxy");
    ForwardProxySpec& into = spec_->forward_proxy.emplace();
    const FieldPath typed{&type, "typed_config"};
    // Without a dns_cache_config, too, it has a cache: one without a name.
    auto cache = read_dns_cache(from.dns_cache_config(), FieldPath{&typed, "dns_cache_config"}, diagnostics_);
    good_ = good_ && cache.has_value();
    if (cache) into.cache = std::move(*cache);
    if (from.has_sub_clusters_config()) sub_clusters(from.sub_clusters_config(), FieldPath{&typed, "sub_clusters_config"}, into);
    insecure_names_ = from.allow_insecure_cluster_options();
  }

  void sub_clusters(const SubClustersConfig& from, const FieldPath& at, ForwardProxySpec& into) {
    if (from.lb_policy() == Cluster::CLUSTER_PROVIDED) {
      error(FieldPath{&at, "lb_policy"}, "a sub cluster cannot have CLUSTER_PROVIDED", "give ROUND_ROBIN, for example");
    }
    into.sub_clusters.emplace();
    if (from.has_max_sub_clusters()) into.sub_clusters->most = from.max_sub_clusters().value();
    if (from.has_sub_cluster_ttl()) into.sub_clusters->ttl_ms = milliseconds(from.sub_cluster_ttl());
  }

  /// Clients choose the hosts: that these are who they should be must be checked.
  void names_in_tls() {
    if (spec_->transport.tls != nullptr) spec_->forward_proxy->default_port = 443;
    if (insecure_names_) return;
    if (!from_.typed_extension_protocol_options().contains(kHttpOptionsName)) {
      spec_->auto_sni = spec_->auto_san_validation = true;
    } else if (!spec_->auto_sni || !spec_->auto_san_validation) {
      error("cluster_type", "a dynamic forward proxy needs auto_sni and auto_san_validation",
            "set them in the HttpProtocolOptions, or allow_insecure_cluster_options");
    }
  }

  void provides_balancer(std::string_view what) {
    if (from_.lb_policy() == Cluster::CLUSTER_PROVIDED || from_.has_load_balancing_policy()) return;
    error("lb_policy", std::string(what) + " cannot have " + Cluster::LbPolicy_Name(from_.lb_policy()),
          "set lb_policy: CLUSTER_PROVIDED");
  }

  // Unlike the enumeration, the names of cluster types are in the singular: envoy.cluster.static.
  void custom_type() {
    const FieldPath type{&at_, "cluster_type"};
    if (extensions::clusters::aggregate::v3::ClusterConfig config; from_.cluster_type().typed_config().UnpackTo(&config)) {
      spec_->discovery = DiscoveryType::kAggregate;
      spec_->members.assign(config.clusters().begin(), config.clusters().end());
      return provides_balancer("an aggregate cluster");
    }
    if (ForwardProxy config; from_.cluster_type().typed_config().UnpackTo(&config)) return forward_proxy(config, type);
    const std::string& name = from_.cluster_type().name();
    if (from_.cluster_type().typed_config().Is<DnsCluster>()) {
      spec_->discovery = DiscoveryType::kStrictDns;  // the type chooses, whatever the name
    } else if (name == "envoy.cluster.static") {
      spec_->discovery = DiscoveryType::kStatic;
    } else if (name == "envoy.cluster.strict_dns" || name == "envoy.cluster.dns") {
      spec_->discovery = DiscoveryType::kStrictDns;
    } else if (name == "envoy.cluster.logical_dns") {
      spec_->discovery = DiscoveryType::kLogicalDns;
    } else {
      error(FieldPath{&type, "name"}, "there is no cluster type named " + config::quoted(name),
            "known are envoy.cluster.static, envoy.cluster.strict_dns, envoy.cluster.logical_dns and envoy.cluster.dns");
    }
  }

  // What Cluster says about DNS.
  void dns(const Cluster& from) {
    if (from.has_dns_refresh_rate()) spec_->dns_refresh_ms = milliseconds(from.dns_refresh_rate());
    failure_rate(from.has_dns_failure_refresh_rate(), from.dns_failure_refresh_rate(), at_);
    spec_->respect_dns_ttl = from.respect_dns_ttl();
    switch (from.dns_lookup_family()) {
      case Cluster::V4_ONLY:
        spec_->dns_family = DnsFamily::kV4Only;
        break;
      case Cluster::V6_ONLY:
        spec_->dns_family = DnsFamily::kV6Only;
        break;
      case Cluster::V4_PREFERRED:
        spec_->dns_family = DnsFamily::kV4Preferred;
        break;
      case Cluster::ALL:
        spec_->dns_family = DnsFamily::kAll;
        break;
      default:
        spec_->dns_family = DnsFamily::kAuto;
    }
    net::ResolverSpec& resolver = spec_->dns_resolver;
    if (from.has_typed_dns_resolver_config()) {
      cares(from.typed_dns_resolver_config(), FieldPath{&at_, "typed_dns_resolver_config"});
    } else if (from.has_dns_resolution_config()) {
      const FieldPath path{&at_, "dns_resolution_config"};
      servers(from.dns_resolution_config().resolvers(), FieldPath{&path, "resolvers"});
      resolver.tcp_only = from.dns_resolution_config().dns_resolver_options().use_tcp_for_dns_lookups();
      resolver.no_search = from.dns_resolution_config().dns_resolver_options().no_default_search_domain();
    } else {
      servers(from.dns_resolvers(), FieldPath{&at_, "dns_resolvers"});
      resolver.tcp_only = from.use_tcp_for_dns_lookups();
    }
  }

  // What DnsCluster says wins over Cluster's older fields.
  void typed_dns() {
    const FieldPath type{&at_, "cluster_type"};
    const FieldPath path{&type, "typed_config"};
    DnsCluster from;
    if (!from_.cluster_type().typed_config().UnpackTo(&from)) return;
    if (from.all_addresses_in_single_endpoint()) spec_->discovery = DiscoveryType::kLogicalDns;
    spec_->dns_refresh_ms = from.has_dns_refresh_rate() ? milliseconds(from.dns_refresh_rate()) : 5000;
    failure_rate(from.has_dns_failure_refresh_rate(), from.dns_failure_refresh_rate(), path);
    spec_->respect_dns_ttl = from.respect_dns_ttl();
    spec_->dns_jitter_ms = milliseconds(from.dns_jitter());
    namespace family = extensions::clusters::common::dns::v3;
    switch (from.dns_lookup_family()) {
      case family::V4_ONLY:
        spec_->dns_family = DnsFamily::kV4Only;
        break;
      case family::V6_ONLY:
        spec_->dns_family = DnsFamily::kV6Only;
        break;
      case family::V4_PREFERRED:
        spec_->dns_family = DnsFamily::kV4Preferred;
        break;
      case family::ALL:
        spec_->dns_family = DnsFamily::kAll;
        break;
      default:
        spec_->dns_family = DnsFamily::kAuto;
    }
    if (from.has_typed_dns_resolver_config()) {
      cares(from.typed_dns_resolver_config(), FieldPath{&path, "typed_dns_resolver_config"});
    }
  }

  template <class Rate>
  void failure_rate(bool given, const Rate& rate, const FieldPath& around) {
    spec_->dns_failure_refresh_ms = spec_->dns_refresh_ms;
    spec_->dns_failure_refresh_max_ms = 0;
    if (!given) return;
    spec_->dns_failure_refresh_ms = milliseconds(rate.base_interval());
    spec_->dns_failure_refresh_max_ms =
        rate.has_max_interval() ? milliseconds(rate.max_interval()) : 10 * spec_->dns_failure_refresh_ms;
    if (spec_->dns_failure_refresh_max_ms >= spec_->dns_failure_refresh_ms) return;
    const FieldPath path{&around, "dns_failure_refresh_rate"};
    error(FieldPath{&path, "max_interval"}, "must not be less than base_interval", "");
  }

  void cares(const core::TypedExtensionConfig& from, const FieldPath& at) {
    good_ = read_dns_resolver(from, at, diagnostics_, spec_->dns_resolver) && good_;
  }

  void servers(const google::protobuf::RepeatedPtrField<core::Address>& from, const FieldPath& at) {
    for (int i = 0; i < from.size(); ++i) {
      const FieldPath path{&at, {}, i};
      if (net::AddressPtr address = net::read_address(from.Get(i), path, diagnostics_)) {
        if (!address->is_ip()) error(path, "a DNS server needs an IP address", "");
        spec_->dns_resolver.servers.push_back(std::move(address));
      } else {
        good_ = false;
      }
    }
  }

  void eds() {
    const FieldPath path{&at_, "eds_cluster_config"};
    if (spec_->discovery != DiscoveryType::kEds || from_.has_cluster_type()) {
      if (from_.has_eds_cluster_config()) error(path, "only an EDS cluster can have one", "set type: EDS, or remove it");
      return;
    }
    if (!from_.eds_cluster_config().has_eds_config()) return error(path, "an EDS cluster needs an eds_config", "");
    const core::ConfigSource& source = from_.eds_cluster_config().eds_config();
    spec_->eds_service_name = from_.eds_cluster_config().service_name();
    if (spec_->eds_service_name.empty()) spec_->eds_service_name = from_.name();
    if (source.has_initial_fetch_timeout()) spec_->eds_initial_fetch_timeout_ms = milliseconds(source.initial_fetch_timeout());
    if (source.has_path_config_source()) {
      spec_->eds_path = source.path_config_source().path();
      spec_->eds_watched_directory = source.path_config_source().watched_directory().path();
    } else if (source.config_source_specifier_case() == core::ConfigSource::kPath) {
      spec_->eds_path = source.path();
    } else {
      error(FieldPath{&path, "eds_config"}, "only path_config_source is implemented yet", "");
    }
  }

  void endpoints() {
    using enum DiscoveryType;
    const bool ignored = spec_->discovery == kEds || spec_->discovery == kOriginalDst || spec_->discovery == kAggregate ||
                         spec_->discovery == kDynamicForwardProxy;
    if (ignored) return;  // as in Envoy
    const FieldPath path{&at_, "load_assignment"};
    good_ = read_assignment(from_.load_assignment(), spec_->discovery, path, diagnostics_, spec_->assignment) && good_;
  }

  void balancer() {
    if (from_.lb_policy() == Cluster::CLUSTER_PROVIDED && from_.lb_subset_config().subset_selectors_size() != 0) {
      error("lb_subset_config", "a cluster that provides its own balancer has no subsets",
            "remove it, or choose another lb_policy");
    }
    if (from_.common_lb_config().consistent_hashing_lb_config().use_hostname_for_hashing() &&
        spec_->discovery != DiscoveryType::kStrictDns && spec_->discovery != DiscoveryType::kLogicalDns) {
      const FieldPath common{&at_, "common_lb_config"}, hashing{&common, "consistent_hashing_lb_config"};
      error(FieldPath{&hashing, "use_hostname_for_hashing"}, "only clusters of DNS names have names to hash", "remove it");
    }
    if (from_.common_lb_config().has_override_host_status()) {
      spec_->wanted_health = 0;
      for (const int status : from_.common_lb_config().override_host_status().statuses()) {
        spec_->wanted_health |= 1u << static_cast<unsigned>(health_of(static_cast<core::HealthStatus>(status)));
      }
    }
    good_ = read_balancing(from_, at_, sources_.runtime, diagnostics_, spec_->balancing) && good_;
  }

  void circuit_breakers() {
    bool seen[kPriorities] = {};
    for (const CircuitBreakers::Thresholds& from : from_.circuit_breakers().thresholds()) {
      const size_t priority = from.priority() == core::HIGH ? 1 : 0;
      if (std::exchange(seen[priority], true)) continue;  // the first of a priority wins
      Thresholds& into = spec_->thresholds[priority];
      if (from.has_max_connections()) into.max_connections = from.max_connections().value();
      if (from.has_max_pending_requests()) into.max_pending_requests = from.max_pending_requests().value();
      if (from.has_max_requests()) into.max_requests = from.max_requests().value();
      if (from.has_max_retries()) into.max_retries = from.max_retries().value();
      if (from.has_max_connection_pools()) into.max_connection_pools = from.max_connection_pools().value();
      into.track_remaining = from.track_remaining();
      if (from.has_retry_budget()) {
        Thresholds::RetryBudget& budget = into.retry_budget.emplace();
        if (from.retry_budget().has_budget_percent()) budget.percent = from.retry_budget().budget_percent().value();
        if (from.retry_budget().has_min_retry_concurrency())
          budget.min_concurrency = from.retry_budget().min_retry_concurrency().value();
      }
    }
    bool hosts_seen[kPriorities] = {};
    for (const CircuitBreakers::Thresholds& from : from_.circuit_breakers().per_host_thresholds()) {
      const size_t priority = from.priority() == core::HIGH ? 1 : 0;
      if (from.has_max_pending_requests() || from.has_max_requests() || from.has_max_retries() ||
          from.has_max_connection_pools() || from.has_retry_budget()) {
        const FieldPath breakers{&at_, "circuit_breakers"};
        error(FieldPath{&breakers, "per_host_thresholds"}, "endpoints have a limit of connections only",
              "give max_connections only");
      }
      if (std::exchange(hosts_seen[priority], true)) continue;
      if (from.has_max_connections()) spec_->thresholds[priority].max_connections_per_host = from.max_connections().value();
    }
  }

  void protocol() {
    const FieldPath path{&at_, "typed_extension_protocol_options"};
    const auto& all = from_.typed_extension_protocol_options();
    for (const auto& [name, any] : all) {
      if (name == kHttpOptionsName || name == kTcpOptionsName) continue;
      error(FieldPath{&path, name, -1, true}, "there are no protocol options with this name",
            std::string("known are ") + kHttpOptionsName + " and " + kTcpOptionsName);
    }
    const auto found = all.find(kHttpOptionsName);
    if (found == all.end()) return old_protocol();
    const FieldPath at{&path, kHttpOptionsName, -1, true};
    HttpOptions options;
    if (!found->second.UnpackTo(&options)) return error(at, "expected " + std::string(kHttpOptionsName), "");
    typed_protocol(options, at);
  }

  void old_protocol() {
    common(from_.common_http_protocol_options());
    names(from_.upstream_http_protocol_options());
    if (from_.protocol_selection() == Cluster::USE_CONFIGURED_PROTOCOL && from_.has_http_protocol_options() &&
        from_.has_http2_protocol_options()) {
      error("http_protocol_options", "stands beside http2_protocol_options, and a cluster speaks one protocol",
            "give one of them, or set protocol_selection: USE_DOWNSTREAM_PROTOCOL");
    }
    if (from_.has_max_requests_per_connection()) {
      if (from_.common_http_protocol_options().has_max_requests_per_connection()) {
        error("max_requests_per_connection", "given here and in common_http_protocol_options", "give only one of them");
      }
      spec_->max_requests_per_connection = from_.max_requests_per_connection().value();
    }
    spec_->http1 = http::read_http1_options(from_.http_protocol_options());
    spec_->http2 = http2_options(from_.http2_protocol_options(), at_);
    if (from_.protocol_selection() == Cluster::USE_DOWNSTREAM_PROTOCOL) {
      spec_->protocol = UpstreamProtocol::kAsDownstream;
    } else if (from_.has_http2_protocol_options()) {
      spec_->protocol = UpstreamProtocol::kHttp2;
    }
  }

  http::Http2Options http2_options(const core::Http2ProtocolOptions& options, const FieldPath& at) {
    const size_t errors = diagnostics_.errors().size();
    http::Http2Options result = http::read_http2_options(options, FieldPath{&at, "http2_protocol_options"}, diagnostics_);
    good_ = good_ && diagnostics_.errors().size() == errors;
    return result;
  }

  void typed_protocol(const HttpOptions& options, const FieldPath& at) {
    common(options.common_http_protocol_options());
    names(options.upstream_http_protocol_options());
    if (from_.has_max_requests_per_connection()) {
      if (options.common_http_protocol_options().has_max_requests_per_connection()) {
        error("max_requests_per_connection", "given here and in HttpProtocolOptions", "give only one of them");
      }
      spec_->max_requests_per_connection = from_.max_requests_per_connection().value();
    }
    const auto take = [&](const auto& from, std::string_view name) {
      spec_->http1 = http::read_http1_options(from.http_protocol_options());
      spec_->http2 = http2_options(from.http2_protocol_options(), FieldPath{&at, name});
    };
    switch (options.upstream_protocol_options_case()) {
      case HttpOptions::kExplicitHttpConfig: {
        take(options.explicit_http_config(), "explicit_http_config");
        if (options.explicit_http_config().has_http2_protocol_options()) spec_->protocol = UpstreamProtocol::kHttp2;
        const FieldPath path{&at, "explicit_http_config"};
        if (options.explicit_http_config().has_http3_protocol_options()) {
          error(FieldPath{&path, "http3_protocol_options"}, "HTTP/3 is not implemented yet", "use http2_protocol_options");
        }
        break;
      }
      case HttpOptions::kUseDownstreamProtocolConfig:
        take(options.use_downstream_protocol_config(), "use_downstream_protocol_config");
        spec_->protocol = UpstreamProtocol::kAsDownstream;
        break;
      case HttpOptions::kAutoConfig:
        take(options.auto_config(), "auto_config");
        spec_->protocol = UpstreamProtocol::kByAlpn;
        break;
      case HttpOptions::UPSTREAM_PROTOCOL_OPTIONS_NOT_SET:
        error(at, "no protocol is chosen", "give explicit_http_config or use_downstream_protocol_config");
    }
  }

  void names(const core::UpstreamHttpProtocolOptions& from) {
    spec_->auto_sni = from.auto_sni();
    spec_->auto_san_validation = from.auto_san_validation();
    spec_->auto_sni_header = lower(from.override_auto_sni_header());
  }

  void common(const core::HttpProtocolOptions& from) {
    if (from.has_idle_timeout()) spec_->idle_timeout_ms = milliseconds(from.idle_timeout());
    if (from.has_max_connection_duration()) spec_->max_connection_duration_ms = milliseconds(from.max_connection_duration());
    if (from.has_max_stream_duration()) spec_->max_stream_duration_ms = milliseconds(from.max_stream_duration());
    if (from.has_max_headers_count()) spec_->limits.max_headers_count = from.max_headers_count().value();
    if (from.has_max_response_headers_kb()) {
      spec_->limits.max_headers_kb = spec_->limits.max_response_headers_kb = from.max_response_headers_kb().value();
    }
    if (from.has_max_requests_per_connection()) {
      spec_->max_requests_per_connection = from.max_requests_per_connection().value();
    }
  }

  void connections(const core::BindConfig* bind_default) {
    if (from_.upstream_connection_options().has_tcp_keepalive()) {
      const core::TcpKeepalive& from = from_.upstream_connection_options().tcp_keepalive();
      spec_->keepalive = {true, from.keepalive_probes().value(), from.keepalive_time().value(),
                          from.keepalive_interval().value()};
    }
    using Options = envoy::config::cluster::v3::UpstreamConnectionOptions;
    const Options::HappyEyeballsConfig& order = from_.upstream_connection_options().happy_eyeballs_config();
    spec_->v4_first = order.first_address_family_version() == Options::V4;
    spec_->v6_first = order.first_address_family_version() == Options::V6;
    if (order.has_first_address_family_count()) spec_->first_family_count = order.first_address_family_count().value();
    spec_->pool_per_client = from_.connection_pool_per_downstream_connection();
    const Cluster::PreconnectPolicy& preconnect = from_.preconnect_policy();
    if (preconnect.has_per_upstream_preconnect_ratio())
      spec_->preconnect_ratio = preconnect.per_upstream_preconnect_ratio().value();
    spec_->predictive_preconnect_ratio = preconnect.predictive_preconnect_ratio().value();
    if (from_.has_upstream_bind_config()) {
      bind(from_.upstream_bind_config(), FieldPath{&at_, "upstream_bind_config"});
    } else if (bind_default != nullptr) {
      bind(*bind_default, FieldPath{nullptr, "cluster_manager.upstream_bind_config"});
    }
  }

  void transports() {
    if (from_.has_transport_socket()) transport(from_.transport_socket(), FieldPath{&at_, "transport_socket"}, spec_->transport);
    const FieldPath list{&at_, "transport_socket_matches"};
    for (int i = 0; i < from_.transport_socket_matches_size(); ++i) {
      const FieldPath item{&list, {}, i};
      const Cluster::TransportSocketMatch& from = from_.transport_socket_matches(i);
      for (int k = 0; k < i; ++k) {
        if (from_.transport_socket_matches(k).name() == from.name()) {
          error(FieldPath{&item, "name"}, "the name " + config::quoted(from.name()) + " is taken", "names must differ");
        }
      }
      TransportMatch& match = spec_->transport_matches.emplace_back();
      match.criteria = match_values(from.match());
      transport(from.transport_socket(), FieldPath{&item, "transport_socket"}, match.transport);
      match.transport.name = from.name();
    }
    const bool by_alpn = spec_->protocol == UpstreamProtocol::kByAlpn;
    if (by_alpn && spec_->transport.tls == nullptr && spec_->transport_matches.empty()) {
      error("transport_socket", "auto_config lets the handshake of TLS choose the protocol, and there is none",
            "give a TLS transport_socket, or use explicit_http_config");
    }
  }

  void transport(const core::TransportSocket& from, const FieldPath& at, Transport& into) {
    const FieldPath config{&at, "typed_config"};
    extensions::transport_sockets::tls::v3::UpstreamTlsContext tls;
    extensions::transport_sockets::internal_upstream::v3::InternalUpstreamTransport internal;
    extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport proxy;
    if (from.typed_config().UnpackTo(&proxy)) {
      transport(proxy.transport_socket(), FieldPath{&config, "transport_socket"}, into);
      into.proxy_header = proxy_header(proxy.config());
      spec_->writes_proxy_headers = true;
    } else if (from.typed_config().UnpackTo(&internal)) {
      transport(internal.transport_socket(), FieldPath{&config, "transport_socket"}, into);
    } else if (!from.has_typed_config()) {
      error(at, "a transport socket is chosen by the type of its configuration", "give typed_config");
    } else if (from.typed_config().UnpackTo(&tls)) {
      into.tls = sources_.read_tls ? sources_.read_tls(tls, config, diagnostics_) : std::make_shared<net::TlsSource>(nullptr);
      good_ = good_ && into.tls != nullptr;
    } else if (!from.typed_config().Is<extensions::transport_sockets::raw_buffer::v3::RawBuffer>()) {
      error(config, "only envoy.transport_sockets.tls and envoy.transport_sockets.raw_buffer are implemented yet", "");
    }
  }

  static std::shared_ptr<const ProxyHeaderSpec> proxy_header(const core::ProxyProtocolConfig& from) {
    auto spec = std::make_shared<ProxyHeaderSpec>();
    spec->version = from.version() == core::ProxyProtocolConfig::V2 ? 2 : 1;
    if (from.has_pass_through_tlvs()) {
      const core::ProxyProtocolPassThroughTLVs& passed = from.pass_through_tlvs();
      if (passed.match_type() == core::ProxyProtocolPassThroughTLVs::INCLUDE_ALL) spec->passed.set();
      for (const uint32_t type : passed.tlv_type()) spec->passed.set(type);
    }
    for (const core::TlvEntry& tlv : from.added_tlvs()) spec->added.emplace_back(static_cast<uint8_t>(tlv.type()), tlv.value());
    return spec;
  }

  void bind(const core::BindConfig& from, const FieldPath& at) {
    if (from.has_source_address()) {
      spec_->bind_source = net::read_address(from.source_address(), FieldPath{&at, "source_address"}, diagnostics_);
      if (spec_->bind_source == nullptr) good_ = false;
    }
    const auto option = [this](int level, int name, int value) {
      spec_->socket_options.push_back({level, name, std::string(reinterpret_cast<const char*>(&value), sizeof value)});
    };
    if (from.has_freebind()) option(IPPROTO_IP, IP_FREEBIND, from.freebind().value() ? 1 : 0);
    for (const core::SocketOption& each : from.socket_options()) {
      if (each.state() != core::SocketOption::STATE_PREBIND) continue;  // connections never get as far, as in Envoy
      const int level = static_cast<int>(each.level());
      const int name = static_cast<int>(each.name());
      if (each.has_int_value()) {
        option(level, name, static_cast<int>(each.int_value()));
      } else {
        spec_->socket_options.push_back({level, name, each.buf_value()});
      }
    }
  }

  const Cluster& from_;
  const FieldPath& at_;
  config::Diagnostics& diagnostics_;
  const ClusterSources& sources_;
  std::shared_ptr<ClusterSpec> spec_;
  bool insecure_names_ = false;
  bool good_ = true;
};

}  // namespace

std::shared_ptr<ClusterSpec> read_cluster(const Cluster& cluster, const FieldPath& at, config::Diagnostics& diagnostics,
                                          const ClusterSources& sources) {
  return Reader(cluster, at, diagnostics, sources).read();
}

}  // namespace weir::upstream
