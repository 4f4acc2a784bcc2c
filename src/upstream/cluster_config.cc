#include "upstream/cluster_config.h"

#include <netinet/in.h>

#include <limits>

#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "format/static_metadata_config.h"
#include "net/address_config.h"
#include "upstream/balancing_config.h"
#include "upstream/cluster_reader.h"
#include "upstream/discovery_config.h"
#include "upstream/health_config.h"
#include "upstream/protocol_config.h"
#include "upstream/transport_config.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
using config::FieldPath;
using config::milliseconds;
using envoy::config::cluster::v3::CircuitBreakers;
using envoy::config::cluster::v3::Cluster;

namespace {

/// Reads one cluster, part by part.
class Reader : private ClusterReader {
 public:
  Reader(const Cluster& from, const FieldPath& at, const ClusterSources& sources, ClusterSpec& spec,
         config::Diagnostics& diagnostics)
      : ClusterReader(from, at, spec, diagnostics), sources_(sources) {}

  bool read() {
    spec_.name = from_.name();
    spec_.metadata = format::read_static_metadata(from_.metadata());
    spec_.tracks_timeout_budgets = from_.track_timeout_budgets() || from_.track_cluster_stats().timeout_budgets();
    spec_.tracks_sizes = from_.track_cluster_stats().request_response_sizes();
    spec_.shows_endpoints = from_.track_cluster_stats().per_endpoint_stats();
    spec_.closes_at_failure = from_.close_connections_on_host_health_failure();
    spec_.stat_name = from_.alt_stat_name().empty() ? from_.name() : from_.alt_stat_name();
    if (from_.name().empty()) error("name", "a cluster needs a name", "");
    if (from_.has_connect_timeout()) spec_.connect_timeout_ms = milliseconds(from_.connect_timeout());
    if (from_.has_per_connection_buffer_limit_bytes()) {
      const uint32_t limit = from_.per_connection_buffer_limit_bytes().value();
      spec_.buffer_limit = limit != 0 ? limit : std::numeric_limits<uint32_t>::max();  // 0: no limit, as in Envoy
    }
    if (from_.has_wait_for_warm_on_init()) spec_.wait_for_warm = from_.wait_for_warm_on_init().value();
    good_ = read_discovery(from_, at_, spec_, diagnostics_) && good_;
    endpoints();
    balancer();
    circuit_breakers();
    good_ = read_protocol(from_, at_, spec_, diagnostics_) && good_;
    connections(sources_.bind_default);
    good_ = read_transports(from_, at_, sources_.read_tls, spec_, diagnostics_) && good_;
    if (spec_.forward_proxy) good_ = secure_forward_proxy(from_, at_, spec_, diagnostics_) && good_;
    return read_health(from_, at_, sources_.runtime, spec_, diagnostics_) && good_;
  }

 private:
  void endpoints() {
    using enum DiscoveryType;
    const bool ignored = spec_.discovery == kEds || spec_.discovery == kOriginalDst || spec_.discovery == kAggregate ||
                         spec_.discovery == kDynamicForwardProxy;
    if (ignored) return;  // as in Envoy
    const FieldPath path{&at_, "load_assignment"};
    good_ = read_assignment(from_.load_assignment(), spec_.discovery, path, diagnostics_, spec_.assignment) && good_;
  }

  void balancer() {
    if (from_.lb_policy() == Cluster::CLUSTER_PROVIDED && from_.lb_subset_config().subset_selectors_size() != 0) {
      error("lb_subset_config", "a cluster that provides its own balancer has no subsets",
            "remove it, or choose another lb_policy");
    }
    if (from_.common_lb_config().consistent_hashing_lb_config().use_hostname_for_hashing() &&
        spec_.discovery != DiscoveryType::kStrictDns && spec_.discovery != DiscoveryType::kLogicalDns) {
      const FieldPath common{&at_, "common_lb_config"}, hashing{&common, "consistent_hashing_lb_config"};
      error(FieldPath{&hashing, "use_hostname_for_hashing"}, "only clusters of DNS names have names to hash", "remove it");
    }
    if (from_.common_lb_config().has_override_host_status()) {
      spec_.wanted_health = 0;
      for (const int status : from_.common_lb_config().override_host_status().statuses()) {
        spec_.wanted_health |= 1u << static_cast<unsigned>(health_of(static_cast<core::HealthStatus>(status)));
      }
    }
    good_ = read_balancing(from_, at_, sources_.runtime, diagnostics_, spec_.balancing) && good_;
  }

  void circuit_breakers() {
    bool seen[kPriorities] = {};
    for (const CircuitBreakers::Thresholds& from : from_.circuit_breakers().thresholds()) {
      const size_t priority = from.priority() == core::HIGH ? 1 : 0;
      if (std::exchange(seen[priority], true)) continue;  // the first of a priority wins
      Thresholds& into = spec_.thresholds[priority];
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
      if (from.has_max_connections()) spec_.thresholds[priority].max_connections_per_host = from.max_connections().value();
    }
  }

  void connections(const core::BindConfig* bind_default) {
    if (from_.upstream_connection_options().has_tcp_keepalive()) {
      const core::TcpKeepalive& from = from_.upstream_connection_options().tcp_keepalive();
      spec_.keepalive = {true, from.keepalive_probes().value(), from.keepalive_time().value(), from.keepalive_interval().value()};
    }
    using Options = envoy::config::cluster::v3::UpstreamConnectionOptions;
    const Options::HappyEyeballsConfig& order = from_.upstream_connection_options().happy_eyeballs_config();
    spec_.v4_first = order.first_address_family_version() == Options::V4;
    spec_.v6_first = order.first_address_family_version() == Options::V6;
    if (order.has_first_address_family_count()) spec_.first_family_count = order.first_address_family_count().value();
    spec_.pool_per_client = from_.connection_pool_per_downstream_connection();
    const Cluster::PreconnectPolicy& preconnect = from_.preconnect_policy();
    if (preconnect.has_per_upstream_preconnect_ratio())
      spec_.preconnect_ratio = preconnect.per_upstream_preconnect_ratio().value();
    spec_.predictive_preconnect_ratio = preconnect.predictive_preconnect_ratio().value();
    if (from_.has_upstream_bind_config()) {
      bind(from_.upstream_bind_config(), FieldPath{&at_, "upstream_bind_config"});
    } else if (bind_default != nullptr) {
      bind(*bind_default, FieldPath{nullptr, "cluster_manager.upstream_bind_config"});
    }
  }

  void bind(const core::BindConfig& from, const FieldPath& at) {
    if (from.has_source_address()) {
      spec_.bind_source = net::read_address(from.source_address(), FieldPath{&at, "source_address"}, diagnostics_);
      if (spec_.bind_source == nullptr) good_ = false;
    }
    const auto option = [this](int level, int name, int value) {
      spec_.socket_options.push_back({level, name, std::string(reinterpret_cast<const char*>(&value), sizeof value)});
    };
    if (from.has_freebind()) option(IPPROTO_IP, IP_FREEBIND, from.freebind().value() ? 1 : 0);
    for (const core::SocketOption& each : from.socket_options()) {
      if (each.state() != core::SocketOption::STATE_PREBIND) continue;  // connections never get as far, as in Envoy
      const int level = static_cast<int>(each.level());
      const int name = static_cast<int>(each.name());
      if (each.has_int_value()) {
        option(level, name, static_cast<int>(each.int_value()));
      } else {
        spec_.socket_options.push_back({level, name, each.buf_value()});
      }
    }
  }

  const ClusterSources& sources_;
};

}  // namespace

std::shared_ptr<ClusterSpec> read_cluster(const Cluster& cluster, const FieldPath& at, config::Diagnostics& diagnostics,
                                          const ClusterSources& sources) {
  auto spec = std::make_shared<ClusterSpec>();
  return Reader(cluster, at, sources, *spec, diagnostics).read() ? spec : nullptr;
}

}  // namespace weir::upstream
