#include "proxy/listener_config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/text.h"
#include "config/duration.h"
#include "config/schema.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "format/static_metadata_config.h"
#include "net/address_config.h"
#include "net/cidr_config.h"
#include "net/internal_address.h"
#include "net/tls/tls_config.h"
#include "proxy/access_logs_config.h"
#include "stats/registry.h"

namespace weir::proxy {

namespace core = envoy::config::core::v3;
namespace v3 = envoy::config::listener::v3;
using config::FieldPath;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::filters::network::sni_cluster::v3::SniCluster;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

namespace {

upstream::SocketOption int_option(int level, int name, int value) {
  return {level, name, std::string(reinterpret_cast<const char*>(&value), sizeof value)};
}

upstream::SocketOption read_option(const core::SocketOption& from) {
  const int level = static_cast<int>(from.level()), name = static_cast<int>(from.name());
  if (from.has_buf_value()) return {level, name, from.buf_value()};
  return int_option(level, name, static_cast<int>(from.int_value()));
}

class Reader {
 public:
  Reader(const v3::Listener& from, const FieldPath& at, ListenerConfigContext& context, config::Diagnostics& diagnostics)
      : from_(from), at_(at), context_(context), diagnostics_(diagnostics), spec_(std::make_shared<ListenerSpec>()) {}

  std::shared_ptr<ListenerSpec> read() {
    name();
    addresses();
    socket();
    connections();
    chains();
    good_ = read_listener_filters(from_, at_, *spec_, context_, diagnostics_) && good_;
    if (!read_access_logs(from_.access_log(), FieldPath{&at_, "access_log"}, context_, diagnostics_, spec_->access_logs)) {
      good_ = false;
    }
    return good_ ? spec_ : nullptr;
  }

 private:
  void wrong(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  void name() {
    spec_->name = from_.name();
    if (!spec_->name.empty()) return;
    // As in Envoy, a listener without a name gets one that is like no other.
    char text[48];
    const uint64_t high = context_.random.next(), low = context_.random.next();
    // A UUID of version 4, as Envoy's.
    std::snprintf(text, sizeof text, "%08lx-%04lx-4%03lx-%04lx-%012lx", high >> 32, high >> 16 & 0xffff, high & 0xfff,
                  (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
    spec_->name = text;
  }

  void addresses() {
    const FieldPath main{&at_, "address"};
    if (from_.has_internal_listener()) return internal();
    if (!from_.has_address()) return wrong(main, "a listener needs an address", "give socket_address or pipe");
    add_address(from_.address(), main);
    const FieldPath list{&at_, "additional_addresses"};
    for (int i = 0; i < from_.additional_addresses_size(); ++i) {
      const FieldPath item{&list, {}, i}, path{&item, "address"};
      if (!from_.additional_addresses(i).has_address()) {
        wrong(path, "an address must be set", "give socket_address or pipe");
      } else {
        add_address(from_.additional_addresses(i).address(), path);
      }
    }
    if (!good_) return;
    spec_->stat_prefix = stats::sanitize(from_.stat_prefix().empty() ? spec_->addresses[0]->text() : from_.stat_prefix());
  }

  void internal() {
    const FieldPath here{&at_, "internal_listener"};
    if (from_.has_address() || !from_.additional_addresses().empty()) {
      return wrong(FieldPath{&at_, "address"}, "an internal listener has no address", "remove it");
    }
    if (!context_.internal_listeners) {
      return wrong(here, "internal listeners need an extension of the bootstrap",
                   "add envoy.bootstrap.internal_listener to bootstrap_extensions");
    }
    spec_->internal = true;
    spec_->internal_buffer = context_.internal_buffer;
    auto address = net::make_internal_address(spec_->name, "");
    if (!address) return wrong(FieldPath{&at_, "name"}, address.error().message, "give a shorter name");
    spec_->addresses.push_back(std::make_shared<const net::Address>(std::move(*address)));
    spec_->stat_prefix = stats::sanitize(from_.stat_prefix().empty() ? "envoy_internal_" + spec_->name : from_.stat_prefix());
  }

  void add_address(const core::Address& from, const FieldPath& path) {
    if (from.socket_address().protocol() == core::SocketAddress::UDP) {
      const FieldPath socket{&path, "socket_address"};
      return wrong(FieldPath{&socket, "protocol"}, "UDP is known to Envoy, but Weir's listeners do not implement it yet",
                   "remove it");
    }
    net::AddressPtr address = net::read_address(from, path, diagnostics_, "a listener needs an IP address, such as 0.0.0.0");
    if (address == nullptr) {
      good_ = false;
      return;
    }
    if (net::is_internal(*address))
      return wrong(path, "a listener's own address cannot be internal", "set internal_listener instead");
    for (const net::AddressPtr& other : spec_->addresses) {
      if (*other == *address && !(address->is_ip() && address->port() == 0)) {
        diagnostics_.warning({{}, path.text(), "the listener names the address " + address->text() + " twice", "remove it"});
        return;
      }
    }
    if (from.socket_address().ipv4_compat() && address->ip() != "::" && !address->ip().starts_with("::ffff:")) {
      const FieldPath socket{&path, "socket_address"};
      return wrong(FieldPath{&socket, "ipv4_compat"},
                   "only :: and IPv6 addresses that stand for IPv4 ones can take IPv4 too, not " + address->text(), "remove it");
    }
    if (from.socket_address().ipv4_compat() && address->family() == AF_INET6) {
      spec_->socket_options.push_back(int_option(IPPROTO_IPV6, IPV6_V6ONLY, 0));
    }
    spec_->addresses.push_back(std::move(address));
  }

  void socket() {
    spec_->bind_to_port = !spec_->internal && (!from_.has_bind_to_port() || from_.bind_to_port().value()) &&
                          (!from_.deprecated_v1().has_bind_to_port() || from_.deprecated_v1().bind_to_port().value());
    spec_->hands_over = from_.use_original_dst().value();
    spec_->reuse_port = !from_.has_enable_reuse_port() || from_.enable_reuse_port().value();
    spec_->exact_balance = from_.connection_balance_config().has_exact_balance();
    spec_->transparent = from_.transparent().value();
    spec_->freebind = from_.freebind().value();
    if (from_.has_tcp_backlog_size())
      spec_->backlog = static_cast<int>(std::min<uint32_t>(from_.tcp_backlog_size().value(), INT32_MAX));
    for (int i = 0; i < from_.socket_options_size(); ++i) {
      const core::SocketOption& option = from_.socket_options(i);
      const bool bound = option.state() == core::SocketOption::STATE_BOUND;
      const bool listening = option.state() == core::SocketOption::STATE_LISTENING;
      (bound       ? spec_->bound_options
       : listening ? spec_->listening_options
                   : spec_->socket_options)
          .push_back(read_option(option));
    }
    if (from_.has_tcp_fast_open_queue_length()) {
      spec_->socket_options.push_back(
          int_option(IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(from_.tcp_fast_open_queue_length().value())));
    }
  }

  void connections() {
    spec_->drains_only_when_modified = from_.drain_type() == v3::Listener::MODIFY_ONLY;
    spec_->metadata = format::read_static_metadata(from_.metadata());
    spec_->inbound = from_.traffic_direction() == core::INBOUND;
    spec_->outbound = from_.traffic_direction() == core::OUTBOUND;
    if (from_.has_per_connection_buffer_limit_bytes()) spec_->buffer_limit = from_.per_connection_buffer_limit_bytes().value();
    if (from_.has_max_connections_to_accept_per_socket_event()) {
      spec_->max_accepts_per_event = from_.max_connections_to_accept_per_socket_event().value();
    }
    spec_->counts_globally = !from_.ignore_global_conn_limit();
    spec_->follows_overload = !from_.bypass_overload_manager();
    if (context_.runtime != nullptr) {
      spec_->connection_limit = context_.runtime->key("envoy.resource_limits.listener." + spec_->name + ".connection_limit");
    }
  }

  void chains() {
    const FieldPath list{&at_, "filter_chains"};
    if (from_.filter_chains().empty() && !from_.has_default_filter_chain()) {
      return wrong(list, "the listener has no filter chain, so it could do nothing with a connection", "give at least one");
    }
    std::vector<FilterChainMatch> matches;
    for (int i = 0; i < from_.filter_chains_size(); ++i) {
      const FieldPath item{&list, {}, i};
      chain(from_.filter_chains(i), item);
      matches.push_back(match(from_.filter_chains(i).filter_chain_match(), FieldPath{&item, "filter_chain_match"}));
    }
    spec_->default_chain = from_.has_default_filter_chain() ? matches.size() : FilterChainIndex::kNone;
    if (from_.has_default_filter_chain()) chain(from_.default_filter_chain(), FieldPath{&at_, "default_filter_chain"});
    if (from_.has_filter_chain_matcher()) good_ &= read_filter_chain_matcher(from_, at_, context_, *spec_, diagnostics_);
    if (!good_ || from_.has_filter_chain_matcher()) return;
    Result<FilterChainIndex> index = FilterChainIndex::build(matches, spec_->default_chain);
    if (!index) return wrong(list, index.error().message, "every chain needs a filter_chain_match of its own");
    spec_->index = std::move(*index);
  }

  void chain(const v3::FilterChain& from, const FieldPath& at) {
    FilterChain& chain = spec_->chains.emplace_back();
    chain.name = from.name();
    if (from.has_transport_socket_connect_timeout()) {
      chain.handshake_timeout_ms = config::milliseconds(from.transport_socket_connect_timeout());
    }
    if (from.has_transport_socket()) transport(from, FieldPath{&at, "transport_socket"}, chain);
    const FieldPath list{&at, "filters"};
    if (from.filters().empty()) {
      diagnostics_.warning({{},
                            list.text(),
                            "the filter chain has no filters, so it closes every connection",
                            "give envoy.filters.network.http_connection_manager or envoy.filters.network.tcp_proxy"});
      chain.terminal = std::monostate();
      return;
    }
    bool server_name_is_cluster = false;
    for (int i = 0; i + 1 < from.filters_size(); ++i) {
      const FieldPath item{&list, {}, i}, config{&item, "typed_config"};
      if (from.filters(i).typed_config().Is<SniCluster>()) {
        server_name_is_cluster = true;
        continue;
      }
      if (!is_connection_gate(from.filters(i).typed_config())) {
        return wrong(FieldPath{&list, {}, i + 1}, "nothing can follow a filter that ends its chain", "remove it");
      }
      ConnectionGatePtr gate = read_connection_gate(from.filters(i).typed_config(), config, context_, diagnostics_);
      good_ = good_ && gate != nullptr;
      chain.gates.push_back(std::move(gate));
    }
    const int last = from.filters_size() - 1;
    const v3::Filter& filter = from.filters(last);
    const FieldPath item{&list, {}, last}, config{&item, "typed_config"};
    if (filter.typed_config().Is<HttpConnectionManager>()) {
      HttpConnectionManager manager;
      filter.typed_config().UnpackTo(&manager);
      auto http = read_http_connection(manager, config, context_, diagnostics_);
      good_ = good_ && http != nullptr;
      chain.terminal = std::shared_ptr<const HttpConnectionSpec>(std::move(http));
    } else if (filter.typed_config().Is<TcpProxy>()) {
      TcpProxy proxy;
      filter.typed_config().UnpackTo(&proxy);
      auto tcp = read_tcp_proxy(proxy, config, context_, diagnostics_);
      good_ = good_ && tcp != nullptr;
      if (tcp != nullptr) tcp->server_name_is_cluster = server_name_is_cluster && !proxy.has_weighted_clusters();
      chain.terminal = std::shared_ptr<const TcpProxySpec>(std::move(tcp));
    } else {
      wrong(filter.has_typed_config() ? config : item,
            "the filter " + config::quoted(filter.name()) + " has no configuration that is implemented",
            "the @type of typed_config chooses the filter");
    }
  }

  void transport(const v3::FilterChain& from, const FieldPath& at, FilterChain& chain) {
    const FieldPath config{&at, "typed_config"};
    const google::protobuf::Any& any = from.transport_socket().typed_config();
    envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext tls;
    if (!from.transport_socket().has_typed_config()) {
      wrong(at, "a transport socket is chosen by the type of its configuration", "give typed_config");
    } else if (any.UnpackTo(&tls)) {
      const auto& names = from.filter_chain_match().server_names();
      chain.tls = context_.read_tls ? context_.read_tls(tls, {names.begin(), names.end()}, config, diagnostics_)
                                    : std::make_shared<net::TlsSource>(nullptr);
      good_ = good_ && chain.tls != nullptr;
    } else if (!any.Is<envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer>()) {
      wrong(config, "only envoy.transport_sockets.tls and envoy.transport_sockets.raw_buffer are implemented yet");
    }
  }

  FilterChainMatch match(const v3::FilterChainMatch& from, const FieldPath& at) {
    FilterChainMatch result;
    if (from.has_destination_port()) result.destination_port = static_cast<uint16_t>(from.destination_port().value());
    good_ &= net::read_cidrs(from.prefix_ranges(), FieldPath{&at, "prefix_ranges"}, diagnostics_, result.prefix_ranges);
    good_ &= net::read_cidrs(from.direct_source_prefix_ranges(), FieldPath{&at, "direct_source_prefix_ranges"}, diagnostics_,
                             result.direct_source_prefix_ranges);
    good_ &= net::read_cidrs(from.source_prefix_ranges(), FieldPath{&at, "source_prefix_ranges"}, diagnostics_,
                             result.source_prefix_ranges);
    const FieldPath names{&at, "server_names"};
    for (int i = 0; i < from.server_names_size(); ++i) {
      const std::string& name = from.server_names(i);
      if (name.find('*', name.starts_with("*.") ? 1 : 0) != std::string::npos) {
        wrong(FieldPath{&names, {}, i}, config::quoted(name) + ": a wildcard can only stand for whole labels at the front",
              "write *.example.com, or leave server_names out to match any name");
      }
      result.server_names.push_back(lower(name));
    }
    result.transport_protocol = from.transport_protocol();
    result.application_protocols.assign(from.application_protocols().begin(), from.application_protocols().end());
    if (from.source_type() == v3::FilterChainMatch::SAME_IP_OR_LOOPBACK) {
      result.source_type = FilterChainMatch::SourceType::kSameIpOrLoopback;
    } else if (from.source_type() == v3::FilterChainMatch::EXTERNAL) {
      result.source_type = FilterChainMatch::SourceType::kExternal;
    }
    for (const uint32_t port : from.source_ports()) result.source_ports.push_back(static_cast<uint16_t>(port));
    once(result.server_names, names);
    once(result.application_protocols, FieldPath{&at, "application_protocols"});
    once(result.source_ports, FieldPath{&at, "source_ports"});
    ranges_once(result.prefix_ranges, FieldPath{&at, "prefix_ranges"});
    ranges_once(result.direct_source_prefix_ranges, FieldPath{&at, "direct_source_prefix_ranges"});
    ranges_once(result.source_prefix_ranges, FieldPath{&at, "source_prefix_ranges"});
    return result;
  }

  /// What stands twice would be two rules for the same connections, as in Envoy.
  template <class T>
  void once(const std::vector<T>& values, const FieldPath& at) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::find(values.begin(), values.begin() + static_cast<ptrdiff_t>(i), values[i]) ==
          values.begin() + static_cast<ptrdiff_t>(i))
        continue;
      wrong(FieldPath{&at, {}, static_cast<int>(i)}, "stands here twice", "remove it");
    }
  }
  void ranges_once(const std::vector<net::Cidr>& ranges, const FieldPath& at) {
    for (size_t i = 0; i < ranges.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (ranges[i].prefix_length() != ranges[j].prefix_length() || !ranges[j].contains(ranges[i].network())) continue;
        wrong(FieldPath{&at, {}, static_cast<int>(i)}, "stands here twice", "remove it");
        break;
      }
    }
  }

  const v3::Listener& from_;
  const FieldPath& at_;
  ListenerConfigContext& context_;
  config::Diagnostics& diagnostics_;
  std::shared_ptr<ListenerSpec> spec_;
  bool good_ = true;
};

}  // namespace

std::shared_ptr<ListenerSpec> read_listener(const v3::Listener& listener, const FieldPath& at, ListenerConfigContext& context,
                                            config::Diagnostics& diagnostics) {
  return Reader(listener, at, context, diagnostics).read();
}

void check_listeners(const std::vector<ListenerSpecPtr>& listeners, const FieldPath& list, config::Diagnostics& diagnostics) {
  std::map<std::string_view, size_t> by_name, by_address;
  for (size_t i = 0; i < listeners.size(); ++i) {
    const FieldPath item{&list, {}, static_cast<int>(i)};
    const auto first = [](size_t other) { return "that is already the listener at position " + std::to_string(other); };
    if (const auto [known, added] = by_name.emplace(listeners[i]->name, i); !added) {
      diagnostics.error({{},
                         FieldPath{&item, "name"}.text(),
                         "the name " + config::quoted(listeners[i]->name) + " is taken; " + first(known->second),
                         "names of listeners must differ"});
    }
    for (const net::AddressPtr& address : listeners[i]->addresses) {
      if (address->is_ip() && address->port() == 0) continue;
      const auto [known, added] = by_address.emplace(address->text(), i);
      if (added || known->second == i) continue;
      diagnostics.error({{},
                         FieldPath{&item, "address"}.text(),
                         "the address " + address->text() + " is taken; " + first(known->second),
                         "give each listener an address of its own"});
    }
  }
}

void declare_listeners(config::SupportTable& table) {
  table.message<v3::Listener>()
      .fields({"name",
               "address",
               "additional_addresses",
               "stat_prefix",
               "filter_chains",
               "default_filter_chain",
               "filter_chain_matcher",
               "per_connection_buffer_limit_bytes",
               "listener_filters_timeout",
               "continue_on_listener_filters_timeout",
               "transparent",
               "freebind",
               "socket_options",
               "tcp_fast_open_queue_length",
               "traffic_direction",
               "connection_balance_config",
               "enable_reuse_port",
               "access_log",
               "tcp_backlog_size",
               "max_connections_to_accept_per_socket_event",
               "ignore_global_conn_limit",
               "bypass_overload_manager",
               "bind_to_port",
               "use_original_dst",
               "deprecated_v1",
               "drain_type",
               "internal_listener",
               "metadata"})
      .extensions("listener_filters", "envoy.filters.listener")
      .harmless({"reuse_port"});
  table.message<v3::Listener::InternalListenerConfig>();
  table.message<v3::Listener::DeprecatedV1>().fields({"bind_to_port"});
  table.message<v3::Listener::ConnectionBalanceConfig>().fields({"exact_balance"});
  table.message<v3::Listener::ConnectionBalanceConfig::ExactBalance>();
  table.message<v3::AdditionalAddress>().fields({"address"});
  declare_listener_filters(table);
  declare_filter_chain_matcher(table);
  table.message<v3::FilterChain>()
      .fields({"filter_chain_match", "transport_socket_connect_timeout", "name"})
      .extensions("filters", "envoy.filters.network")
      .extensions("transport_socket", "envoy.transport_sockets.downstream")
      .harmless({"metadata"});
  table.message<v3::Filter>().fields({"name", "typed_config"});
  table.message<v3::FilterChainMatch>().fields({"destination_port", "prefix_ranges", "direct_source_prefix_ranges", "source_type",
                                                "source_prefix_ranges", "source_ports", "server_names", "transport_protocol",
                                                "application_protocols"});
  table.message<core::TransportSocket>().fields({"name", "typed_config"});
  table.extension<envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer>("envoy.transport_sockets.downstream",
                                                                                   "envoy.transport_sockets.raw_buffer");
  table.message<core::SocketOption>().fields({"description", "level", "name", "int_value", "buf_value", "state"});
  net::declare_addresses(table);
  net::declare_tls(table);
  declare_http_connections(table);
  declare_tcp_proxies(table);
  declare_connection_gates(table);
}

}  // namespace weir::proxy
