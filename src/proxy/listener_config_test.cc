// What a user's listeners become, and what is said about those that cannot work.
#include "proxy/listener_config.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "observe/access_log_config.h"
#include "route/route_config.h"

namespace weir::proxy {
namespace {

constexpr char kHttp[] =
    R"({name: http, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, )";
constexpr char kTcp[] =
    R"({name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, )";
constexpr char kRouter[] =
    R"({name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}})";
constexpr char kRoutes[] = "route_config: {name: local}";

class ListenerConfig : public testing::Test {
 protected:
  ListenerConfig() {
    declare_listeners(table_);
    route::declare_support(table_);
    observe::declare_access_logs(table_);
    table_.message<envoy::config::core::v3::ConfigSource>().fields({"path_config_source"});
    table_.message<envoy::config::core::v3::PathConfigSource>().fields({"path"});
    context_.read_routes = [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& diagnostics) {
      return route::compile(routes, read_context_, diagnostics, at);
    };
    context_.find_rds = [this](const auto& rds, const std::string&, const config::FieldPath&, config::Diagnostics&) {
      rds_asked_ = rds.route_config_name();
      return std::make_shared<route::TableSource>(rds_asked_, nullptr);
    };
    context_.read_access_log = [this](const auto& log, const config::FieldPath& at, config::Diagnostics& diagnostics) {
      return observe::read_access_log(log, logs_, nullptr, at, diagnostics);
    };
  }

  /// A listener with one chain of one filter; `more` are further fields of the listener.
  std::string with_filter(const std::string& filter, const std::string& more = "") {
    return "{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [" + filter +
           "]}]" + (more.empty() ? "" : ", " + more) + "}";
  }
  std::string http(const std::string& more = "") {
    return kHttp + std::string("stat_prefix: ingress, http_filters: [") + kRouter + "], " + kRoutes +
           (more.empty() ? "" : ", " + more) + "}}";
  }
  std::string tcp(const std::string& more = "cluster: c") { return kTcp + std::string("stat_prefix: t, ") + more + "}}"; }

  std::shared_ptr<ListenerSpec> read(const std::string& yaml) {
    loaded_ = config::load<envoy::config::listener::v3::Listener>(schema_, {.yaml = yaml, .support = &table_});
    EXPECT_TRUE(loaded_.ok()) << loaded_.diagnostics.text();
    errors_ = {};
    return loaded_.ok() ? read_listener(*loaded_, {}, context_, errors_) : nullptr;
  }
  /// What the loader and the reader say about it.
  std::string complaint(const std::string& yaml) {
    loaded_ = config::load<envoy::config::listener::v3::Listener>(schema_, {.yaml = yaml, .support = &table_});
    if (!loaded_.ok()) return loaded_.diagnostics.text();
    errors_ = {};
    EXPECT_EQ(read_listener(*loaded_, {}, context_, errors_), nullptr);
    return errors_.text();
  }
  std::shared_ptr<const HttpConnectionSpec> read_http(const std::string& more) {
    const auto spec = read(with_filter(http(more)));
    EXPECT_TRUE(spec) << errors_.text();
    return spec ? std::get<0>(spec->chains[0].terminal) : nullptr;
  }

  config::Schema schema_;
  config::SupportTable table_;
  stats::Registry registry_;
  observe::LogFiles logs_{observe::LogFileOptions{}};
  Names names_;
  Random random_{1};
  StatScopes scopes_{registry_, 2};
  route::ReadContext read_context_{schema_, names_, [](std::string_view) { return true; }};
  ListenerConfigContext context_{.clusters = names_, .stats = scopes_, .random = random_};
  config::Loaded<envoy::config::listener::v3::Listener> loaded_;
  config::Diagnostics errors_;
  std::string rds_asked_;
};

TEST_F(ListenerConfig, AMinimalListenerHasEnvoysDefaults) {
  const auto spec = read(with_filter(http()));
  ASSERT_TRUE(spec) << errors_.text();
  EXPECT_EQ(spec->name, "l");
  EXPECT_EQ(spec->stat_prefix, "127.0.0.1_0");
  EXPECT_EQ(spec->buffer_limit, 1024u * 1024);
  EXPECT_TRUE(spec->reuse_port);
  const auto& http = *std::get<0>(spec->chains[0].terminal);
  EXPECT_EQ(http.stat_prefix, "ingress");
  EXPECT_EQ(http.server_name, "envoy");
  EXPECT_EQ(http.idle_timeout_ms, 3'600'000);
  EXPECT_EQ(http.stream_idle_timeout_ms, 300'000);
  EXPECT_TRUE(http.generate_request_id);
  EXPECT_TRUE(http.filters.empty());
  EXPECT_EQ(http.routes->name(), "local");
  ASSERT_TRUE(http.routes->table());
}

TEST_F(ListenerConfig, AnAddressThatIsNamedTwiceIsWorthAWarning) {
  const std::string address = "address: {socket_address: {address: 127.0.0.1, port_value: 80}}";
  const auto spec =
      read("{" + address + ", additional_addresses: [{" + address + "}], filter_chains: [{filters: [" + tcp() + "]}]}");
  ASSERT_TRUE(spec) << errors_.text();
  EXPECT_EQ(spec->addresses.size(), 1u);
  ASSERT_EQ(errors_.warnings().size(), 1u);
  EXPECT_EQ(errors_.warnings()[0].path, "additional_addresses[0].address");
}

TEST_F(ListenerConfig, AddressesOfAllKindsAreTaken) {
  const auto spec = read(
      "{address: {socket_address: {address: '::1', port_value: 80}}, additional_addresses: [{address: {pipe: {path: "
      "/run/w.sock}}}, "
      "{address: {socket_address: {address: 0.0.0.0, port_value: 80}}}], stat_prefix: 'a:b', filter_chains: [{filters: [" +
      tcp() + "]}]}");
  ASSERT_TRUE(spec) << errors_.text();
  ASSERT_EQ(spec->addresses.size(), 3u);
  EXPECT_EQ(spec->addresses[0]->text(), "[::1]:80");
  EXPECT_EQ(spec->addresses[1]->text(), "/run/w.sock");
  EXPECT_EQ(spec->stat_prefix, "a_b");
  EXPECT_FALSE(spec->name.empty()) << "a listener without a name gets one";
}

TEST_F(ListenerConfig, AListenerOfUdpIsRefusedRatherThanOpenedAsAnother) {
  const std::string said =
      complaint("{name: l, address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 0}}, filter_chains: []}");
  EXPECT_NE(said.find("address.socket_address.protocol: UDP is known to Envoy"), std::string::npos) << said;
}

TEST_F(ListenerConfig, SocketFieldsArrive) {
  const auto spec =
      read(with_filter(tcp(),
                       "tcp_backlog_size: 7, enable_reuse_port: false, connection_balance_config: {exact_balance: {}}, "
                       "freebind: true, transparent: true, per_connection_buffer_limit_bytes: 9, "
                       "max_connections_to_accept_per_socket_event: 3, traffic_direction: INBOUND, "
                       "socket_options: [{level: 1, name: 9, int_value: 1}]"));
  ASSERT_TRUE(spec) << errors_.text();
  EXPECT_EQ(spec->backlog, 7);
  EXPECT_FALSE(spec->reuse_port);
  EXPECT_TRUE(spec->exact_balance && spec->freebind && spec->transparent && spec->inbound);
  EXPECT_EQ(spec->buffer_limit, 9u);
  EXPECT_EQ(spec->max_accepts_per_event, 3u);
  ASSERT_EQ(spec->socket_options.size(), 1u);
  EXPECT_EQ(spec->socket_options[0].value, std::string("\1\0\0\0", 4));
}

TEST_F(ListenerConfig, HttpOptionsArrive) {
  const auto spec = read_http(
      "codec_type: HTTP2, server_name: me, server_header_transformation: PASS_THROUGH, via: v, use_remote_address: true, "
      "xff_num_trusted_hops: 2, skip_xff_append: true, max_request_headers_kb: 8, request_timeout: 2s, drain_timeout: 0.0001s, "
      "common_http_protocol_options: {idle_timeout: 0s, max_headers_count: 5, headers_with_underscores_action: DROP_HEADER, "
      "max_requests_per_connection: 4}, http_protocol_options: {accept_http_10: true}, http2_protocol_options: "
      "{max_concurrent_streams: 3}, internal_address_config: {unix_sockets: true, cidr_ranges: [{address_prefix: 10.0.0.0, "
      "prefix_len: 8}]}, generate_request_id: false, scheme_header_transformation: {scheme_to_overwrite: https}");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->codec, CodecKind::kHttp2);
  EXPECT_EQ(spec->server_name, "me");
  EXPECT_EQ(spec->server_header, ServerHeader::kPassThrough);
  EXPECT_EQ(spec->xff_num_trusted_hops, 2u);
  EXPECT_EQ(spec->limits.max_headers_kb, 8u);
  EXPECT_EQ(spec->limits.max_headers_count, 5u);
  EXPECT_EQ(spec->request_timeout_ms, 2000);
  EXPECT_EQ(spec->drain_timeout_ms, 1) << "never rounded down to off";
  EXPECT_EQ(spec->idle_timeout_ms, 0);
  EXPECT_TRUE(spec->http1.accept_http_10);
  EXPECT_EQ(spec->http2.max_concurrent_streams, 3u);
  EXPECT_EQ(spec->internal_addresses.size(), 1u);
  EXPECT_FALSE(spec->generate_request_id);
  EXPECT_EQ(spec->scheme_to_overwrite, "https");
}

TEST_F(ListenerConfig, RdsTablesComeFromWhoeverKeepsThem) {
  const auto spec =
      read(with_filter(kHttp + std::string("stat_prefix: p, http_filters: [") + kRouter +
                       "], rds: {route_config_name: remote, config_source: {path_config_source: {path: /r.yaml}}}}}"));
  ASSERT_TRUE(spec) << errors_.text();
  EXPECT_EQ(rds_asked_, "remote");
  EXPECT_EQ(std::get<0>(spec->chains[0].terminal)->routes->table(), nullptr);
}

TEST_F(ListenerConfig, ManagersWithTheSameStatPrefixShareTheirCounters) {
  const auto first = read_http(""), second = read_http("server_name: other");
  EXPECT_EQ(first->stats, second->stats);
}

TEST_F(ListenerConfig, TheRouterMustBeTheLastFilterAndOnlyTheLast) {
  const std::string mutation =
      R"({name: m, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{remove: x}]}}})";
  const auto manager = [&](const std::string& filters) {
    return with_filter(kHttp + std::string("stat_prefix: p, ") + kRoutes + ", http_filters: [" + filters + "]}}");
  };
  const auto spec = read(manager(mutation + ", " + kRouter));
  ASSERT_TRUE(spec) << errors_.text();
  const auto& filters = std::get<0>(spec->chains[0].terminal)->filters;
  ASSERT_EQ(filters.size(), 1u);
  EXPECT_EQ(filters[0].name, "m");
  EXPECT_NE(complaint(manager(mutation)).find("typed_config.http_filters[0]: the last filter must be the router"),
            std::string::npos);
  EXPECT_NE(complaint(manager(kRouter + std::string(", ") + kRouter)).find("http_filters[0]: the router ends"),
            std::string::npos);
  EXPECT_TRUE(read(manager(""))) << "without filters every request is answered with 404";
  EXPECT_NE(complaint(manager("{name: envoy.filters.http.router}")).find("http_filters[0].typed_config"), std::string::npos);
}

TEST_F(ListenerConfig, TcpProxyTakesClustersByWeight) {
  const auto spec =
      read(with_filter(tcp("weighted_clusters: {clusters: [{name: a, weight: 2}, {name: b, weight: 3}]}, idle_timeout: 0s, "
                           "max_connect_attempts: 4")));
  ASSERT_TRUE(spec) << errors_.text();
  const TcpProxySpec& proxy = *std::get<1>(spec->chains[0].terminal);
  ASSERT_EQ(proxy.clusters.size(), 2u);
  EXPECT_EQ(proxy.clusters[1].id, names_.find("b"));
  EXPECT_EQ(proxy.total_weight, 5u);
  EXPECT_EQ(proxy.idle_timeout_ms, 0);
  EXPECT_EQ(proxy.max_connect_attempts, 4u);
}

TEST_F(ListenerConfig, WhatCannotWorkIsRefusedWithItsPath) {
  const std::string address = "address: {socket_address: {address: 127.0.0.1, port_value: 80}}";
  const std::pair<std::string, std::string> cases[] = {
      {"{filter_chains: [{filters: [" + tcp() + "]}]}", "address: "},
      {"{" + address + "}", "filter_chains: "},
      {"{" + address + ", filter_chains: [{filters: [" + tcp() + ", " + tcp() + "]}]}", "filter_chains[0].filters[1]: "},
      {"{" + address + ", filter_chains: [{filters: [" + tcp() + "]}, {filters: [" + tcp() + "]}]}", "filter_chains: "},
      {"{" + address + ", filter_chains: [{filters: [" + tcp() + "], filter_chain_match: {server_names: ['a*.com']}}]}",
       "filter_chains[0].filter_chain_match.server_names[0]: "},
      {with_filter(http("upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: WebSocket}]")),
       "typed_config.upgrade_configs[1].upgrade_type: "},
      {with_filter("{name: envoy.filters.network.tcp_proxy}"), "filter_chains[0].filters[0].typed_config: "},
      {with_filter(http("http2_protocol_options: {custom_settings_parameters: [{identifier: 2, value: 1}]}")),
       "typed_config.http2_protocol_options.custom_settings_parameters[0]: "},
      {with_filter(http("http2_protocol_options: {custom_settings_parameters: [{identifier: 5, value: 100}]}")),
       "typed_config.http2_protocol_options.custom_settings_parameters[0]: "},
      {with_filter(http("http2_protocol_options: {custom_settings_parameters: [{identifier: 8, value: 1}]}")),
       "typed_config.http2_protocol_options.custom_settings_parameters[0]: "},
      {with_filter(
           http("http2_protocol_options: {max_concurrent_streams: 5, custom_settings_parameters: [{identifier: 3, value: 5}]}")),
       "typed_config.http2_protocol_options.custom_settings_parameters[0]: "},
      {with_filter(http(
           "http2_protocol_options: {custom_settings_parameters: [{identifier: 99, value: 1}, {identifier: 99, value: 2}]}")),
       "typed_config.http2_protocol_options.custom_settings_parameters[1]: "},
      {with_filter(http("upgrade_configs: [{upgrade_type: websocket, filters: [{name: a}]}]")),
       "typed_config.upgrade_configs[0].filters[0].typed_config: "},
  };
  for (const auto& [yaml, expected] : cases) {
    const std::string text = complaint(yaml);
    EXPECT_NE(text.find(expected), std::string::npos) << yaml << "\n" << text;
  }
}

TEST_F(ListenerConfig, ListenersOfOneSetHaveTheirOwnNamesAndAddresses) {
  const auto make = [&](const std::string& name, const std::string& port) {
    return read("{name: " + name + ", address: {socket_address: {address: 127.0.0.1, port_value: " + port +
                "}}, filter_chains: [{filters: [" + tcp() + "]}]}");
  };
  config::Diagnostics diagnostics;
  check_listeners({make("a", "1"), make("b", "0"), make("c", "0")}, {nullptr, "listeners"}, diagnostics);
  EXPECT_EQ(diagnostics.text(), "");
  check_listeners({make("a", "1"), make("a", "2"), make("c", "1")}, {nullptr, "listeners"}, diagnostics);
  ASSERT_EQ(diagnostics.errors().size(), 2u);
  EXPECT_EQ(diagnostics.errors()[0].path, "listeners[1].name");
  EXPECT_EQ(diagnostics.errors()[1].path, "listeners[2].address");
}

}  // namespace
}  // namespace weir::proxy
