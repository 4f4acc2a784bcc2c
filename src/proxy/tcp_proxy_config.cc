// The configuration of tcp_proxy.
#include <limits>
#include <optional>

#include "base/text.h"
#include "config/duration.h"
#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "format/lb_criteria_config.h"
#include "proxy/access_logs_config.h"
#include "proxy/listener_config.h"
#include "route/config_reader.h"

// Envoy still accepts its deprecated fields, so they are read here.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::proxy {

namespace v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using config::FieldPath;

namespace {

class Reader {
 public:
  Reader(const v3::TcpProxy& from, const FieldPath& at, ListenerConfigContext& context, config::Diagnostics& diagnostics)
      : from_(from), at_(at), context_(context), diagnostics_(diagnostics), spec_(std::make_shared<TcpProxySpec>()) {}

  std::shared_ptr<TcpProxySpec> read() {
    spec_->stat_prefix = from_.stat_prefix();
    clusters();
    const FieldPath tlvs{&at_, "proxy_protocol_tlvs"};
    for (int i = 0; i < from_.proxy_protocol_tlvs_size(); ++i) {
      const auto& tlv = from_.proxy_protocol_tlvs(i);
      if (tlv.value().empty()) wrong(FieldPath{&tlvs, {}, i}, "has no value", "give one");
      spec_->tlvs.emplace_back(static_cast<uint8_t>(tlv.type()), tlv.value());
    }
    hash();
    times();
    attempts();
    if (from_.has_tunneling_config()) tunnel(from_.tunneling_config(), FieldPath{&at_, "tunneling_config"});
    logs();
    if (!good_) return nullptr;
    spec_->stats = context_.stats.tcp(spec_->stat_prefix);
    if (from_.has_tunneling_config()) {
      context_.stats.router_names("tcp." + spec_->stat_prefix + ".http.async-client.");
      context_.stats.router_names("tcp." + spec_->stat_prefix + ".tcpproxy_tunneling.");
    }
    return spec_;
  }

 private:
  void wrong(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  void clusters() {
    std::shared_ptr<const format::LbCriteria> criteria;
    if (auto read = format::read_lb_criteria(from_.metadata_match()); !read.empty()) {
      criteria = std::make_shared<const format::LbCriteria>(std::move(read));
    }
    if (!from_.has_weighted_clusters()) {
      spec_->clusters.push_back({from_.cluster(), context_.clusters.intern(from_.cluster()), 1, criteria});
      return;
    }
    spec_->total_weight = 0;
    for (const v3::TcpProxy::WeightedCluster::ClusterWeight& each : from_.weighted_clusters().clusters()) {
      spec_->clusters.push_back({each.name(), context_.clusters.intern(each.name()), each.weight(), criteria});
      if (format::LbCriteria own = format::read_lb_criteria(each.metadata_match()); !own.empty()) {
        if (criteria != nullptr) own = merged(*criteria, own);
        spec_->clusters.back().criteria = std::make_shared<const format::LbCriteria>(std::move(own));
      }
      spec_->total_weight += each.weight();
    }
  }

  void hash() {
    for (const envoy::type::v3::HashPolicy& policy : from_.hash_policy()) {  // there is at most one
      spec_->hash = policy.has_source_ip() ? TcpProxySpec::Hash::kSourceIp : TcpProxySpec::Hash::kFilterState;
      spec_->hash_key = policy.filter_state().key();
    }
  }

  void times() {
    if (from_.has_idle_timeout()) spec_->idle_timeout_ms = config::milliseconds(from_.idle_timeout());
    if (from_.has_max_downstream_connection_duration()) {
      spec_->max_connection_duration_ms = config::milliseconds(from_.max_downstream_connection_duration());
    }
    spec_->max_connection_jitter_percent = from_.max_downstream_connection_duration_jitter_percentage().value();
  }

  void attempts() {
    if (from_.has_max_connect_attempts()) spec_->max_connect_attempts = from_.max_connect_attempts().value();
    if (!from_.has_backoff_options()) return;
    TcpProxySpec::BackOff& back_off = spec_->back_off.emplace();
    back_off.base_ms = config::milliseconds(from_.backoff_options().base_interval());
    back_off.max_ms = from_.backoff_options().has_max_interval() ? config::milliseconds(from_.backoff_options().max_interval())
                                                                 : back_off.base_ms * 10;
    if (back_off.max_ms >= back_off.base_ms) return;
    const FieldPath options{&at_, "backoff_options"};
    wrong(FieldPath{&options, "max_interval"}, "must not be less than base_interval");
  }

  void tunnel(const v3::TcpProxy::TunnelingConfig& from, const FieldPath& at) {
    TunnelSpec& tunnel = spec_->tunnel.emplace();
    auto hostname = format::Formatter::compile(from.hostname());
    if (!hostname) return wrong(FieldPath{&at, "hostname"}, hostname.error().message);
    tunnel.hostname = std::move(*hostname);
    tunnel.use_post = from.use_post();
    if (!from.post_path().empty()) {
      if (!from.use_post()) wrong(FieldPath{&at, "post_path"}, "a path belongs to a POST", "set use_post, or remove it");
      tunnel.post_path = from.post_path();
    }
    const FieldPath list{&at, "headers_to_add"};
    const size_t errors = diagnostics_.errors().size();
    for (int i = 0; i < from.headers_to_add_size(); ++i) {
      tunnel.headers.add.push_back(
          route::read_header_addition(from.headers_to_add(i), route::Direction::kRequest, FieldPath{&list, {}, i}, diagnostics_));
    }
    good_ = good_ && diagnostics_.errors().size() == errors;
    tunnel.propagate_response_headers = from.propagate_response_headers();
    tunnel.propagate_response_trailers = from.propagate_response_trailers();
    tunnel.generates_request_id = from.has_request_id_extension();
    if (!from.request_id_header().empty()) tunnel.request_id_header = lower(from.request_id_header());
    if (!from.request_id_metadata_key().empty()) tunnel.request_id_metadata_key = from.request_id_metadata_key();
  }

  /// The older fields say the same as the newer message, beside which they must not stand.
  void logs() {
    good_ &= read_access_logs(from_.access_log(), FieldPath{&at_, "access_log"}, context_, diagnostics_, spec_->access_logs);
    const bool newer = from_.has_access_log_options();
    const auto beside = [&](std::string_view old) {
      wrong(FieldPath{&at_, old}, "stands beside access_log_options", "remove it");
    };
    if (newer && from_.has_access_log_flush_interval()) beside("access_log_flush_interval");
    if (newer && from_.flush_access_log_on_connected()) beside("flush_access_log_on_connected");
    spec_->logs_when_connected =
        newer ? from_.access_log_options().flush_access_log_on_connected() : from_.flush_access_log_on_connected();
    const auto& interval = newer ? from_.access_log_options().access_log_flush_interval() : from_.access_log_flush_interval();
    spec_->log_interval_ms = config::milliseconds(interval);
  }

  const v3::TcpProxy& from_;
  const FieldPath& at_;
  ListenerConfigContext& context_;
  config::Diagnostics& diagnostics_;
  std::shared_ptr<TcpProxySpec> spec_;
  bool good_ = true;
};

}  // namespace

std::shared_ptr<TcpProxySpec> read_tcp_proxy(const v3::TcpProxy& proxy, const FieldPath& at, ListenerConfigContext& context,
                                             config::Diagnostics& diagnostics) {
  return Reader(proxy, at, context, diagnostics).read();
}

void declare_tcp_proxies(config::SupportTable& table) {
  table.extension<v3::TcpProxy>("envoy.filters.network", "envoy.filters.network.tcp_proxy")
      .fields({"stat_prefix", "cluster", "weighted_clusters", "idle_timeout", "access_log", "max_connect_attempts",
               "backoff_options", "max_downstream_connection_duration", "max_downstream_connection_duration_jitter_percentage",
               "tunneling_config", "access_log_options", "access_log_flush_interval", "flush_access_log_on_connected",
               "hash_policy", "metadata_match", "proxy_protocol_tlvs", "on_demand"})
      // The two timeouts are not implemented by Envoy either.
      .harmless({"downstream_idle_timeout", "upstream_idle_timeout"});
  // Without odcds_config, which is refused, nobody is asked for clusters, and these say nothing: as in Envoy.
  table.message<v3::TcpProxy::OnDemand>().harmless({"timeout", "resources_locator"});
  table.extension<envoy::extensions::filters::network::sni_cluster::v3::SniCluster>("envoy.filters.network",
                                                                                    "envoy.filters.network.sni_cluster");
  table.message<envoy::type::v3::HashPolicy>().all_fields();
  table.message<envoy::type::v3::HashPolicy::SourceIp>();
  table.message<envoy::type::v3::HashPolicy::FilterState>().all_fields();
  table.message<v3::TcpProxy::TunnelingConfig>()
      .fields({"hostname", "use_post", "headers_to_add", "propagate_response_headers", "propagate_response_trailers", "post_path",
               "request_id_header", "request_id_metadata_key"})
      .extensions("request_id_extension", "envoy.http.request_id");
  table.message<v3::TcpProxy::TcpAccessLogOptions>().fields({"access_log_flush_interval", "flush_access_log_on_connected"});
  table.message<envoy::config::core::v3::BackoffStrategy>().fields({"base_interval", "max_interval"});
  table.message<v3::TcpProxy::WeightedCluster>().fields({"clusters"});
  table.message<v3::TcpProxy::WeightedCluster::ClusterWeight>().fields({"name", "weight", "metadata_match"});
}

}  // namespace weir::proxy
