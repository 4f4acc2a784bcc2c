#include "main/bootstrap_config.h"

#include <google/protobuf/unknown_field_set.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "config/duration.h"
#include "config/path.h"
#include "config/schema.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/regex_engines/v3/google_re2.pb.h"
#include "format/matcher_config.h"
#include "net/address_config.h"

namespace weir::main {

using envoy::extensions::bootstrap::internal_listener::v3::InternalListener;

namespace {

/// The machine's own address, for x-forwarded-for behind a loopback peer: that of the first interface that is up and not
/// loopback.
net::AddressPtr machine_address(int family) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return nullptr;
  net::AddressPtr found;
  for (const ifaddrs* at = list; at != nullptr && found == nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != family || (at->ifa_flags & IFF_LOOPBACK) ||
        !(at->ifa_flags & IFF_UP))
      continue;
    sockaddr_storage storage{};
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::memcpy(&storage, at->ifa_addr, size);
    found = std::make_shared<const net::Address>(net::Address::from_sockaddr(storage, size));
  }
  freeifaddrs(list);
  if (found == nullptr)
    found = std::make_shared<const net::Address>(*net::Address::from_ip(family == AF_INET ? "127.0.0.1" : "::1", 0));
  return found;
}

void check_cluster_manager(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const std::string& local = bootstrap.cluster_manager().local_cluster_name();
  if (local.empty()) return;
  constexpr const char* kField = "cluster_manager.local_cluster_name";
  const auto& clusters = bootstrap.static_resources().clusters();
  if (std::ranges::none_of(clusters, [&](const auto& cluster) { return cluster.name() == local; })) {
    diagnostics.error({{}, kField, "there is no cluster " + config::quoted(local) + " in static_resources", "name one of them"});
  }
}

/// Nobody is told of traces, but whoever would be must be somebody. `any` is the configuration of a connection manager's tracer.
void check_tracer(const google::protobuf::Any& any, const config::FieldPath& at,
                  const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const std::string_view type = config::type_name(any.type_url());
  const auto wrong = [&](const config::FieldPath& path, std::string message, std::string hint) {
    diagnostics.error({{}, path.text(), std::move(message), std::move(hint)});
  };
  if (type.empty()) return wrong(at, "is missing: its @type chooses the tracer, the name is only a label", "");
  if (!type.starts_with("envoy.config.trace.") && !type.starts_with("envoy.extensions.tracers."))
    return wrong(at, std::string(type) + " is no tracer", "");
  if (type != "envoy.config.trace.v3.ZipkinConfig" && type != "envoy.config.trace.v3.DatadogConfig") return;
  // Both name their collector's cluster in their first field; there is no generated code for them.
  google::protobuf::UnknownFieldSet fields;
  if (!fields.ParseFromString(any.value())) return;
  std::string cluster;
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).number() == 1) cluster = fields.field(i).length_delimited();
  }
  const auto& clusters = bootstrap.static_resources().clusters();
  if (cluster.empty() || std::ranges::any_of(clusters, [&](const auto& each) { return each.name() == cluster; })) return;
  wrong(config::FieldPath{&at, "collector_cluster"}, "there is no cluster " + config::quoted(cluster),
        "name one of static_resources");
}

void check_tracers(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  using config::FieldPath;
  const FieldPath resources{nullptr, "static_resources"}, listeners{&resources, "listeners"};
  const auto in_chain = [&](const envoy::config::listener::v3::FilterChain& chain, const FieldPath& at) {
    const FieldPath filters{&at, "filters"};
    for (int i = 0; i < chain.filters_size(); ++i) {
      envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
      if (!chain.filters(i).typed_config().UnpackTo(&manager) || !manager.tracing().has_provider()) continue;
      const FieldPath filter{&filters, {}, i}, config{&filter, "typed_config"}, tracing{&config, "tracing"},
          provider{&tracing, "provider"};
      check_tracer(manager.tracing().provider().typed_config(), FieldPath{&provider, "typed_config"}, bootstrap, diagnostics);
    }
  };
  for (int i = 0; i < bootstrap.static_resources().listeners_size(); ++i) {
    const auto& listener = bootstrap.static_resources().listeners(i);
    const FieldPath item{&listeners, {}, i}, chains{&item, "filter_chains"};
    for (int k = 0; k < listener.filter_chains_size(); ++k) in_chain(listener.filter_chains(k), FieldPath{&chains, {}, k});
    if (listener.has_default_filter_chain()) in_chain(listener.default_filter_chain(), FieldPath{&item, "default_filter_chain"});
  }
}

/// What must not stand beside each other.
void check_pairs(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const auto wrong = [&](const char* field, std::string message, std::string hint) {
    diagnostics.error({{}, field, std::move(message), std::move(hint)});
  };
  if (bootstrap.has_stats_flush_interval() && bootstrap.stats_flush_on_admin()) {
    wrong("stats_flush_on_admin", "stands beside stats_flush_interval", "give one of them");
  }
  if (bootstrap.has_watchdog() && bootstrap.has_watchdogs()) wrong("watchdog", "stands beside watchdogs", "give one of them");
  if (!bootstrap.has_stats_eviction_interval()) return;
  const int64_t flush = bootstrap.has_stats_flush_interval() ? config::milliseconds(bootstrap.stats_flush_interval()) : 5000;
  if (flush > 0 && config::milliseconds(bootstrap.stats_eviction_interval()) % flush != 0) {
    wrong("stats_eviction_interval", "must be a multiple of stats_flush_interval, " + std::to_string(flush) + " ms", "");
  }
}

/// As a management server is told; it goes by what it knows of Envoy, for that is what it configures.
std::string describe_node(envoy::config::core::v3::Node node, const proxy::LocalIdentity& identity) {
  node.set_id(identity.node_id);
  node.set_cluster(identity.node_cluster);
  if (!identity.zone.empty()) node.mutable_locality()->set_zone(identity.zone);
  node.set_user_agent_name("envoy");
  auto& version = *node.mutable_user_agent_build_version()->mutable_version();
  version.set_major_number(1);
  version.set_minor_number(36);
  version.set_patch(4);
  return node.SerializeAsString();
}

}  // namespace

BootstrapSpec read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                             config::Diagnostics& diagnostics) {
  BootstrapSpec spec;
  if (bootstrap.has_admin() && bootstrap.admin().has_address()) {
    const config::FieldPath admin{nullptr, "admin"};
    spec.admin_address =
        net::read_address(bootstrap.admin().address(), config::FieldPath{&admin, "address"}, diagnostics, "give an IP address");
  }
  if (bootstrap.has_stats_flush_interval()) {
    spec.stats_flush_interval_ms =
        bootstrap.stats_flush_interval().seconds() * 1000 + bootstrap.stats_flush_interval().nanos() / 1'000'000;
  }
  spec.stats_flush_on_admin = bootstrap.stats_flush_on_admin();
  for (const auto& extension : bootstrap.bootstrap_extensions()) {
    InternalListener internal;
    if (!extension.typed_config().UnpackTo(&internal)) continue;
    spec.internal_listeners = true;
    if (internal.has_buffer_size_kb()) spec.internal_buffer = size_t{internal.buffer_size_kb().value()} * 1024;
  }
  auto either = [](const std::string& configured, const std::string& given) { return configured.empty() ? given : configured; };
  spec.identity.node_id = either(bootstrap.node().id(), options.service_node);
  spec.identity.node_cluster = either(bootstrap.node().cluster(), options.service_cluster);
  spec.identity.zone = either(bootstrap.node().locality().zone(), options.service_zone);
  if (bootstrap.node().has_locality() || !options.service_zone.empty()) {
    const envoy::config::core::v3::Locality& from = bootstrap.node().locality();
    spec.locality =
        std::make_shared<const upstream::Locality>(upstream::Locality{from.region(), spec.identity.zone, from.sub_zone()});
  }
  spec.node = describe_node(bootstrap.node(), spec.identity);
  check_cluster_manager(bootstrap, diagnostics);
  check_pairs(bootstrap, diagnostics);
  check_tracers(bootstrap, diagnostics);
  const bool has_node = !spec.identity.node_id.empty() && !spec.identity.node_cluster.empty();
  spec.stat_sinks = read_stat_sinks(bootstrap, has_node, diagnostics);
  constexpr std::string_view kOnlyInterface = "envoy.extensions.network.socket_interface.default_socket_interface";
  if (!bootstrap.default_socket_interface().empty() && bootstrap.default_socket_interface() != kOnlyInterface) {
    diagnostics.error({{}, "default_socket_interface", "only the default one is implemented yet", "remove it"});
  }
  if (bootstrap.application_log_config().has_log_format())
    spec.log_format = bootstrap.application_log_config().log_format().text_format();
  if (bootstrap.has_stats_server_version_override())
    spec.stats_server_version = static_cast<int64_t>(bootstrap.stats_server_version_override().value());
  spec.identity.address = machine_address(options.local_address_v6 ? AF_INET6 : AF_INET);
  return spec;
}

uint32_t regex_program_limit(const RuntimeValues& runtime) {
  const auto limit = runtime.value("re2.max_program_size.error_level").as_integer();
  return limit ? static_cast<uint32_t>(std::min<uint64_t>(*limit, UINT32_MAX)) : format::kMaxRegexProgramSize;
}

void declare_bootstrap(config::SupportTable& table) {
  using namespace envoy::config;
  table.message<bootstrap::v3::Bootstrap>()
      .fields({"node", "static_resources", "dynamic_resources", "admin", "stats_flush_interval", "stats_config",
               "layered_runtime", "overload_manager", "cluster_manager", "application_log_config", "default_socket_interface",
               "stats_server_version_override", "stats_sinks", "stats_flush_on_admin"})
      .extensions("bootstrap_extensions", "envoy.bootstrap")
      .extensions("default_regex_engine", "envoy.regex_engines")
      .extensions("listener_manager", "envoy.listener_manager_impl")
      .harmless({"watchdog", "watchdogs", "use_tcp_for_dns_lookups", "memory_allocator_manager", "flags_path",
                 "enable_dispatcher_stats", "perf_tracing_file_path", "inline_headers", "grpc_async_client_manager_config",
                 "deferred_stat_options", "stats_eviction_interval", "node_context_params"});
  table.extension<envoy::extensions::regex_engines::v3::GoogleRE2>("envoy.regex_engines", "envoy.regex_engines.google_re2");
  table.extension<InternalListener>("envoy.bootstrap", "envoy.bootstrap.internal_listener").fields({"buffer_size_kb"});
  table.extension<listener::v3::ListenerManager>("envoy.listener_manager_impl", "envoy.listener_manager_impl.default");
  table.message<core::v3::TypedExtensionConfig>().fields({"name", "typed_config"});
  table.message<bootstrap::v3::ClusterManager>()
      .fields({"outlier_detection", "local_cluster_name", "upstream_bind_config", "enable_deferred_cluster_creation"})
      .harmless({"load_stats_config"});
  table.message<bootstrap::v3::ClusterManager::OutlierDetection>().fields({"event_log_path"}).harmless({"event_service"});
  table.message<bootstrap::v3::Bootstrap::ApplicationLogConfig>().fields({"log_format"});
  table.message<bootstrap::v3::Bootstrap::ApplicationLogConfig::LogFormat>().fields({"text_format"});
  table.message<bootstrap::v3::Bootstrap::StaticResources>().fields({"listeners", "clusters", "secrets"});
  table.message<bootstrap::v3::Bootstrap::DynamicResources>().fields({"lds_config", "cds_config"});
  table.message<bootstrap::v3::Admin>()
      .fields({"address", "access_log", "access_log_path"})
      .harmless({"profile_path", "ignore_global_conn_limit"});
  table.message<core::v3::Node>().all_fields();
  table.message<core::v3::Locality>().all_fields();
}

}  // namespace weir::main
