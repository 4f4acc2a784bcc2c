#include "upstream/discovery_config.h"

#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/extensions/clusters/aggregate/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "net/address_config.h"
#include "upstream/cluster_reader.h"
#include "upstream/dns_cache_config.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
namespace extensions = envoy::extensions;
using config::FieldPath;
using config::milliseconds;
using envoy::config::cluster::v3::Cluster;
using extensions::clusters::dns::v3::DnsCluster;
using ForwardProxy = extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
using extensions::clusters::dynamic_forward_proxy::v3::SubClustersConfig;

namespace {

class DiscoveryReader : private ClusterReader {
 public:
  using ClusterReader::ClusterReader;

  bool read() {
    if (from_.has_cluster_type()) {
      custom_type();
    } else {
      switch (from_.type()) {
        case Cluster::STATIC:
          spec_.discovery = DiscoveryType::kStatic;
          break;
        case Cluster::STRICT_DNS:
          spec_.discovery = DiscoveryType::kStrictDns;
          break;
        case Cluster::LOGICAL_DNS:
          spec_.discovery = DiscoveryType::kLogicalDns;
          break;
        case Cluster::EDS:
          spec_.discovery = DiscoveryType::kEds;
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
        spec_.discovery == kStrictDns || spec_.discovery == kLogicalDns || spec_.discovery == kDynamicForwardProxy;
    if (resolves) dns(from_);  // elsewhere it means nothing, however wrong it may be
    if (from_.has_cluster_type()) typed_dns();
    eds();
    return good_;
  }

 private:
  void original_dst() {
    spec_.discovery = DiscoveryType::kOriginalDst;
    if (from_.lb_policy() != Cluster::CLUSTER_PROVIDED) {
      error("lb_policy", "an ORIGINAL_DST cluster cannot have " + Cluster::LbPolicy_Name(from_.lb_policy()),
            "set lb_policy: CLUSTER_PROVIDED");
    }
    if (from_.has_load_assignment()) error("load_assignment", "an ORIGINAL_DST cluster has no endpoints of its own", "remove it");
    const Cluster::OriginalDstLbConfig& config = from_.original_dst_lb_config();
    OriginalDstSpec& into = spec_.original_dst.emplace();
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
    spec_.discovery = DiscoveryType::kDynamicForwardProxy;
    provides_balancer("a dynamic forward proxy");
    ForwardProxySpec& into = spec_.forward_proxy.emplace();
    const FieldPath typed{&type, "typed_config"};
    // Without a dns_cache_config, too, it has a cache: one without a name.
    auto cache = read_dns_cache(from.dns_cache_config(), FieldPath{&typed, "dns_cache_config"}, diagnostics_);
    good_ = good_ && cache.has_value();
    if (cache) into.cache = std::move(*cache);
    if (from.has_sub_clusters_config()) sub_clusters(from.sub_clusters_config(), FieldPath{&typed, "sub_clusters_config"}, into);
  }

  void sub_clusters(const SubClustersConfig& from, const FieldPath& at, ForwardProxySpec& into) {
    if (from.lb_policy() == Cluster::CLUSTER_PROVIDED) {
      error(FieldPath{&at, "lb_policy"}, "a sub cluster cannot have CLUSTER_PROVIDED", "give ROUND_ROBIN, for example");
    }
    into.sub_clusters.emplace();
    if (from.has_max_sub_clusters()) into.sub_clusters->most = from.max_sub_clusters().value();
    if (from.has_sub_cluster_ttl()) into.sub_clusters->ttl_ms = milliseconds(from.sub_cluster_ttl());
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
      spec_.discovery = DiscoveryType::kAggregate;
      spec_.members.assign(config.clusters().begin(), config.clusters().end());
      return provides_balancer("an aggregate cluster");
    }
    if (ForwardProxy config; from_.cluster_type().typed_config().UnpackTo(&config)) return forward_proxy(config, type);
    const std::string& name = from_.cluster_type().name();
    if (from_.cluster_type().typed_config().Is<DnsCluster>()) {
      spec_.discovery = DiscoveryType::kStrictDns;  // the type chooses, whatever the name
    } else if (name == "envoy.cluster.static") {
      spec_.discovery = DiscoveryType::kStatic;
    } else if (name == "envoy.cluster.strict_dns" || name == "envoy.cluster.dns") {
      spec_.discovery = DiscoveryType::kStrictDns;
    } else if (name == "envoy.cluster.logical_dns") {
      spec_.discovery = DiscoveryType::kLogicalDns;
    } else {
      error(FieldPath{&type, "name"}, "there is no cluster type named " + config::quoted(name),
            "known are envoy.cluster.static, envoy.cluster.strict_dns, envoy.cluster.logical_dns and envoy.cluster.dns");
    }
  }

  // What Cluster says about DNS.
  void dns(const Cluster& from) {
    if (from.has_dns_refresh_rate()) spec_.dns_refresh_ms = milliseconds(from.dns_refresh_rate());
    failure_rate(from.has_dns_failure_refresh_rate(), from.dns_failure_refresh_rate(), at_);
    spec_.respect_dns_ttl = from.respect_dns_ttl();
    switch (from.dns_lookup_family()) {
      case Cluster::V4_ONLY:
        spec_.dns_family = DnsFamily::kV4Only;
        break;
      case Cluster::V6_ONLY:
        spec_.dns_family = DnsFamily::kV6Only;
        break;
      case Cluster::V4_PREFERRED:
        spec_.dns_family = DnsFamily::kV4Preferred;
        break;
      case Cluster::ALL:
        spec_.dns_family = DnsFamily::kAll;
        break;
      default:
        spec_.dns_family = DnsFamily::kAuto;
    }
    net::ResolverSpec& resolver = spec_.dns_resolver;
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
    if (from.all_addresses_in_single_endpoint()) spec_.discovery = DiscoveryType::kLogicalDns;
    spec_.dns_refresh_ms = from.has_dns_refresh_rate() ? milliseconds(from.dns_refresh_rate()) : 5000;
    failure_rate(from.has_dns_failure_refresh_rate(), from.dns_failure_refresh_rate(), path);
    spec_.respect_dns_ttl = from.respect_dns_ttl();
    spec_.dns_jitter_ms = milliseconds(from.dns_jitter());
    namespace family = extensions::clusters::common::dns::v3;
    switch (from.dns_lookup_family()) {
      case family::V4_ONLY:
        spec_.dns_family = DnsFamily::kV4Only;
        break;
      case family::V6_ONLY:
        spec_.dns_family = DnsFamily::kV6Only;
        break;
      case family::V4_PREFERRED:
        spec_.dns_family = DnsFamily::kV4Preferred;
        break;
      case family::ALL:
        spec_.dns_family = DnsFamily::kAll;
        break;
      default:
        spec_.dns_family = DnsFamily::kAuto;
    }
    if (from.has_typed_dns_resolver_config()) {
      cares(from.typed_dns_resolver_config(), FieldPath{&path, "typed_dns_resolver_config"});
    }
  }

  template <class Rate>
  void failure_rate(bool given, const Rate& rate, const FieldPath& around) {
    spec_.dns_failure_refresh_ms = spec_.dns_refresh_ms;
    spec_.dns_failure_refresh_max_ms = 0;
    if (!given) return;
    spec_.dns_failure_refresh_ms = milliseconds(rate.base_interval());
    spec_.dns_failure_refresh_max_ms =
        rate.has_max_interval() ? milliseconds(rate.max_interval()) : 10 * spec_.dns_failure_refresh_ms;
    if (spec_.dns_failure_refresh_max_ms >= spec_.dns_failure_refresh_ms) return;
    const FieldPath path{&around, "dns_failure_refresh_rate"};
    error(FieldPath{&path, "max_interval"}, "must not be less than base_interval", "");
  }

  void cares(const core::TypedExtensionConfig& from, const FieldPath& at) {
    good_ = read_dns_resolver(from, at, diagnostics_, spec_.dns_resolver) && good_;
  }

  void servers(const google::protobuf::RepeatedPtrField<core::Address>& from, const FieldPath& at) {
    for (int i = 0; i < from.size(); ++i) {
      const FieldPath path{&at, {}, i};
      if (net::AddressPtr address = net::read_address(from.Get(i), path, diagnostics_)) {
        if (!address->is_ip()) error(path, "a DNS server needs an IP address", "");
        spec_.dns_resolver.servers.push_back(std::move(address));
      } else {
        good_ = false;
      }
    }
  }

  void eds() {
    const FieldPath path{&at_, "eds_cluster_config"};
    if (spec_.discovery != DiscoveryType::kEds || from_.has_cluster_type()) {
      if (from_.has_eds_cluster_config()) error(path, "only an EDS cluster can have one", "set type: EDS, or remove it");
      return;
    }
    if (!from_.eds_cluster_config().has_eds_config()) return error(path, "an EDS cluster needs an eds_config", "");
    const core::ConfigSource& source = from_.eds_cluster_config().eds_config();
    spec_.eds_service_name = from_.eds_cluster_config().service_name();
    if (spec_.eds_service_name.empty()) spec_.eds_service_name = from_.name();
    if (source.has_initial_fetch_timeout()) spec_.eds_initial_fetch_timeout_ms = milliseconds(source.initial_fetch_timeout());
    if (source.has_path_config_source()) {
      spec_.eds_path = source.path_config_source().path();
      spec_.eds_watched_directory = source.path_config_source().watched_directory().path();
    } else if (source.config_source_specifier_case() == core::ConfigSource::kPath) {
      spec_.eds_path = source.path();
    } else {
      error(FieldPath{&path, "eds_config"}, "only path_config_source is implemented yet", "");
    }
  }
};

}  // namespace

bool read_discovery(const Cluster& cluster, const FieldPath& at, ClusterSpec& spec, config::Diagnostics& diagnostics) {
  return DiscoveryReader(cluster, at, spec, diagnostics).read();
}

bool secure_forward_proxy(const Cluster& cluster, const FieldPath& at, ClusterSpec& spec, config::Diagnostics& diagnostics) {
  if (spec.transport.tls != nullptr) spec.forward_proxy->default_port = 443;
  ForwardProxy config;
  if (cluster.cluster_type().typed_config().UnpackTo(&config) && config.allow_insecure_cluster_options()) return true;
  if (!cluster.typed_extension_protocol_options().contains(kHttpOptionsName)) {
    spec.auto_sni = spec.auto_san_validation = true;
  } else if (!spec.auto_sni || !spec.auto_san_validation) {
    diagnostics.error({{},
                       FieldPath{&at, "cluster_type"}.text(),
                       "a dynamic forward proxy needs auto_sni and auto_san_validation",
                       "set them in the HttpProtocolOptions, or allow_insecure_cluster_options"});
    return false;
  }
  return true;
}

}  // namespace weir::upstream
