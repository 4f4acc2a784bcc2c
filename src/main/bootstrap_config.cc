#include "main/bootstrap_config.h"

#include <ifaddrs.h>
#include <net/if.h>

#include <cstring>

#include "base/text.h"
#include "config/path.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"

namespace weir::main {

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

net::AddressPtr read_admin_address(const envoy::config::core::v3::Address& address, config::Diagnostics& diagnostics) {
  if (address.has_pipe()) {
    auto path = net::Address::from_path(address.pipe().path());
    if (path) return std::make_shared<const net::Address>(std::move(*path));
    diagnostics.error({{}, "admin.address.pipe.path", path.error().message, {}});
    return nullptr;
  }
  const auto& socket = address.socket_address();
  auto ip = net::Address::from_ip(socket.address(), static_cast<uint16_t>(socket.port_value()));
  if (ip) return std::make_shared<const net::Address>(std::move(*ip));
  diagnostics.error({{}, "admin.address.socket_address.address", ip.error().message, "give an IP address"});
  return nullptr;
}

/// envoy.resource_limits.listener.<name>.connection_limit, in static layers (a later layer wins), as one key or as a tree.
void read_connection_limits(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, BootstrapSpec& spec) {
  constexpr std::string_view kBefore = "envoy.resource_limits.listener.", kAfter = ".connection_limit";
  auto visit = [&](auto&& self, const google::protobuf::Struct& tree, const std::string& prefix) -> void {
    for (const auto& [name, value] : tree.fields()) {
      const std::string key = prefix + name;
      if (value.has_struct_value()) {
        self(self, value.struct_value(), key + ".");
      } else if (key.starts_with(kBefore) && key.ends_with(kAfter) && key.size() > kBefore.size() + kAfter.size()) {
        const auto limit = value.has_number_value() ? static_cast<uint32_t>(value.number_value())
                                                    : parse_number<uint32_t>(value.string_value()).value_or(0);
        spec.connection_limits[key.substr(kBefore.size(), key.size() - kBefore.size() - kAfter.size())] = limit;
      }
    }
  };
  for (const auto& layer : bootstrap.layered_runtime().layers()) visit(visit, layer.static_layer(), "");
}

}  // namespace

BootstrapSpec read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                             config::Diagnostics& diagnostics) {
  BootstrapSpec spec;
  if (bootstrap.has_admin() && bootstrap.admin().has_address()) {
    spec.admin_address = read_admin_address(bootstrap.admin().address(), diagnostics);
  }
  if (bootstrap.has_stats_flush_interval()) {
    spec.stats_flush_interval_ms =
        bootstrap.stats_flush_interval().seconds() * 1000 + bootstrap.stats_flush_interval().nanos() / 1'000'000;
  }
  auto either = [](const std::string& configured, const std::string& given) { return configured.empty() ? given : configured; };
  spec.identity.node_id = either(bootstrap.node().id(), options.service_node);
  spec.identity.node_cluster = either(bootstrap.node().cluster(), options.service_cluster);
  spec.identity.zone = either(bootstrap.node().locality().zone(), options.service_zone);
  read_connection_limits(bootstrap, spec);
  spec.identity.address = machine_address(options.local_address_v6 ? AF_INET6 : AF_INET);
  return spec;
}

void declare_bootstrap(config::SupportTable& table) {
  using namespace envoy::config;
  table.message<bootstrap::v3::Bootstrap>()
      .fields(
          {"node", "static_resources", "dynamic_resources", "admin", "stats_flush_interval", "stats_config", "layered_runtime"})
      .harmless({"cluster_manager", "watchdog", "watchdogs", "overload_manager", "use_tcp_for_dns_lookups",
                 "memory_allocator_manager"});
  table.message<bootstrap::v3::Bootstrap::StaticResources>().fields({"listeners", "clusters"});
  table.message<bootstrap::v3::Bootstrap::DynamicResources>().fields({"lds_config", "cds_config"});
  table.message<bootstrap::v3::Admin>()
      .fields({"address"})
      .harmless({"access_log", "access_log_path", "profile_path", "ignore_global_conn_limit"});
  // Of the runtime only the listeners' connection limits are read; other keys are known to change nothing here.
  table.message<bootstrap::v3::LayeredRuntime>().fields({"layers"});
  table.message<bootstrap::v3::RuntimeLayer>().fields({"name", "static_layer"}).harmless({"admin_layer"});
  table.message<core::v3::Node>().all_fields();
  table.message<core::v3::Locality>().all_fields();
}

}  // namespace weir::main
