// What clusters of a configuration become, and what is wrong with those that are refused.
#include "upstream/cluster_config.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/config/cluster/v3/cluster.pb.h"

namespace weir::upstream {
namespace {

class ClusterConfig : public testing::Test {
 protected:
  ClusterConfig() { declare_clusters(table_); }

  // Loads a cluster the way a bootstrap is loaded: decode, validate, support, and then read it.
  std::shared_ptr<ClusterSpec> read(const std::string& yaml) {
    loaded_ = config::load<envoy::config::cluster::v3::Cluster>(schema_, {.yaml = yaml, .support = &table_});
    if (!loaded_.ok()) {
      errors_ = loaded_.diagnostics.text();
      return nullptr;
    }
    config::Diagnostics diagnostics;
    std::shared_ptr<ClusterSpec> spec = read_cluster(*loaded_, {}, diagnostics);
    for (config::Diagnostic& error : diagnostics.errors()) loaded_.positions.locate(error);
    errors_ = diagnostics.text();
    EXPECT_EQ(spec == nullptr, diagnostics.failed());
    return spec;
  }
  std::string errors(const std::string& yaml) {
    read(yaml);
    return errors_;
  }
  static std::string endpoints(const std::string& list) {
    return "\nload_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [" + list + "]}]}\n";
  }
  static std::string at(const std::string& address, const std::string& more = "") {
    return "{endpoint: {address: {socket_address: {address: " + address + ", port_value: 80}}}" + more + "}";
  }
  static std::string http(const std::string& options) {
    return "\ntyped_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': "
           "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, " +
           options + "}}\n";
  }

  config::Schema schema_;
  config::SupportTable table_;
  config::Loaded<envoy::config::cluster::v3::Cluster> loaded_;
  std::string errors_;
};

TEST_F(ClusterConfig, AnEmptyClusterIsStaticRoundRobinWithEnvoysDefaults) {
  const auto spec = read("name: a");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->name, "a");
  EXPECT_EQ(spec->discovery, DiscoveryType::kStatic);
  EXPECT_EQ(spec->balancing.kind, BalancerKind::kRoundRobin);
  EXPECT_EQ(spec->connect_timeout_ms, 5000);
  EXPECT_EQ(spec->idle_timeout_ms, 3'600'000);
  EXPECT_EQ(spec->protocol, UpstreamProtocol::kHttp1);
  EXPECT_EQ(spec->thresholds[0].max_requests, 1024u);
  EXPECT_EQ(spec->balancing.healthy_panic_percent, 50);
  EXPECT_TRUE(spec->assignment.localities.empty());
}

TEST_F(ClusterConfig, WhatIsShownOfAClusterHasItsAlternativeName) {
  EXPECT_EQ(read("name: 'outbound|80||a:b'")->stat_name, "outbound|80||a:b");
  EXPECT_EQ(read("{name: a, alt_stat_name: 'x:y'}")->stat_name, "x:y");
}

TEST_F(ClusterConfig, EndpointsHaveWeightsHealthHostnamesAndPriorities) {
  const auto spec = read(R"(
name: a
load_assignment:
  cluster_name: a
  policy: {overprovisioning_factor: 200}
  endpoints:
  - locality: {region: r, zone: z, sub_zone: s}
    priority: 1
    load_balancing_weight: 7
    lb_endpoints:
    - endpoint: {address: {socket_address: {address: "::1", port_value: 80}}, hostname: h}
      load_balancing_weight: 3
      health_status: DEGRADED
      metadata: {filter_metadata: {envoy.lb: {canary: true}}}
    - endpoint: {address: {pipe: {path: /run/a.sock}}}
      health_status: DRAINING)");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->assignment.overprovisioning_factor, 200u);
  const LocalityEndpoints& place = spec->assignment.localities.at(0);
  EXPECT_EQ(place.locality, (Locality{"r", "z", "s"}));
  EXPECT_EQ(place.priority, 1u);
  EXPECT_EQ(place.weight, 7u);
  EXPECT_EQ(place.endpoints.at(0).address->text(), "[::1]:80");
  EXPECT_EQ(place.endpoints.at(0).hostname, "h");
  EXPECT_EQ(place.endpoints.at(0).weight, 3u);
  EXPECT_EQ(place.endpoints.at(0).health, Health::kDegraded);
  EXPECT_TRUE(place.endpoints.at(0).canary);
  EXPECT_EQ(place.endpoints.at(1).address->text(), "/run/a.sock");
  EXPECT_EQ(place.endpoints.at(1).health, Health::kDraining);
  EXPECT_FALSE(place.endpoints.at(1).canary);
}

TEST_F(ClusterConfig, AHostNameInAStaticClusterIsAMalformedAddressWithItsPlace) {
  EXPECT_EQ(
      errors("name: a\nload_assignment:\n  cluster_name: a\n  endpoints:\n  - lb_endpoints:\n    - endpoint:\n        "
             "address:\n          socket_address: {address: foo.com, port_value: 80}\n"),
      "--config-yaml:8:28: load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: malformed IP "
      "address: foo.com; give an IP address, or set the cluster's type to STRICT_DNS or LOGICAL_DNS");
}

TEST_F(ClusterConfig, AllMistakesAreReportedAtOnce) {
  read("name: a" + endpoints(at("foo") + ", " + at("bar")));
  EXPECT_NE(errors_.find("malformed IP address: foo"), std::string::npos);
  EXPECT_NE(errors_.find("malformed IP address: bar"), std::string::npos);
}

TEST_F(ClusterConfig, DnsClustersKeepNamesForTheResolver) {
  const auto spec =
      read("{name: a, type: STRICT_DNS, dns_lookup_family: V4_PREFERRED, dns_refresh_rate: 2s, respect_dns_ttl: true}" +
           std::string());
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->dns_family, DnsFamily::kV4Preferred);
  EXPECT_EQ(spec->dns_refresh_ms, 2000);
  EXPECT_EQ(spec->dns_failure_refresh_ms, 2000);
  EXPECT_EQ(spec->dns_failure_refresh_max_ms, 0);
  EXPECT_TRUE(spec->respect_dns_ttl);
  const auto named = read("name: a\ntype: STRICT_DNS" + endpoints(at("one.test") + ", " + at("127.0.0.1")));
  ASSERT_NE(named, nullptr) << errors_;
  const auto& list = named->assignment.localities.at(0).endpoints;
  EXPECT_EQ(list.at(0).address, nullptr);
  EXPECT_EQ(list.at(0).host, "one.test");
  EXPECT_EQ(list.at(0).hostname, "one.test");
  EXPECT_EQ(list.at(0).port, 80);
  EXPECT_EQ(list.at(1).host, "127.0.0.1");
}

TEST_F(ClusterConfig, LogicalDnsNeedsExactlyOneEndpoint) {
  EXPECT_NE(
      errors("name: a\ntype: LOGICAL_DNS" + endpoints(at("x.test") + ", " + at("y.test")))
          .find("load_assignment.endpoints: a LOGICAL_DNS cluster must have exactly one locality with exactly one endpoint"),
      std::string::npos);
  EXPECT_NE(errors("{name: a, type: LOGICAL_DNS, load_assignment: {cluster_name: a}}").find("exactly one endpoint"),
            std::string::npos);
  EXPECT_NE(read("name: a\ntype: LOGICAL_DNS" + endpoints(at("x.test"))), nullptr) << errors_;
}

TEST_F(ClusterConfig, FailureRefreshBacksOffBetweenItsBounds) {
  const auto spec = read("{name: a, type: STRICT_DNS, dns_failure_refresh_rate: {base_interval: 2s}}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->dns_failure_refresh_ms, 2000);
  EXPECT_EQ(spec->dns_failure_refresh_max_ms, 20000);
  EXPECT_NE(errors("{name: a, type: STRICT_DNS, dns_failure_refresh_rate: {base_interval: 10s, max_interval: 1s}}")
                .find("dns_failure_refresh_rate.max_interval: must not be less than base_interval"),
            std::string::npos);
}

TEST_F(ClusterConfig, TheTypedDnsClusterWinsOverTheOlderFields) {
  const auto spec = read(
      "name: a\ndns_refresh_rate: 9s\ncluster_type: {name: envoy.cluster.dns, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, dns_lookup_family: ALL, dns_refresh_rate: 3s, "
      "dns_jitter: 1s, all_addresses_in_single_endpoint: true}}" +
      endpoints(at("x.test")));
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->discovery, DiscoveryType::kLogicalDns);
  EXPECT_EQ(spec->dns_family, DnsFamily::kAll);
  EXPECT_EQ(spec->dns_refresh_ms, 3000);
  EXPECT_EQ(spec->dns_jitter_ms, 1000);
}

TEST_F(ClusterConfig, ClusterTypesMayBeNamed) {
  EXPECT_EQ(read("name: a\ncluster_type: {name: envoy.cluster.strict_dns}" + endpoints(at("x")))->discovery,
            DiscoveryType::kStrictDns);
  EXPECT_NE(read("name: a\ncluster_type: {name: envoy.cluster.static}" + endpoints(at("1.1.1.1"))), nullptr);
  EXPECT_NE(errors("{name: a, cluster_type: {name: foo}}").find("cluster_type.name: there is no cluster type named \"foo\""),
            std::string::npos)
      << errors_;
}

TEST_F(ClusterConfig, CustomResolversAreAddresses) {
  const auto spec = read(
      "{name: a, type: STRICT_DNS, typed_dns_resolver_config: {name: envoy.network.dns_resolver.cares, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: [{socket_address: "
      "{address: 127.0.0.1, port_value: 5353}}], use_resolvers_as_fallback: true, dns_resolver_options: "
      "{use_tcp_for_dns_lookups: true, no_default_search_domain: true}}}}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->dns_resolver.servers.at(0)->text(), "127.0.0.1:5353");
  EXPECT_TRUE(spec->dns_resolver.servers_are_fallback);
  EXPECT_TRUE(spec->dns_resolver.tcp_only);
  EXPECT_TRUE(spec->dns_resolver.no_search);
}

TEST_F(ClusterConfig, EdsNamesItsFileAndItsService) {
  const auto spec = read(
      "{name: a, type: EDS, eds_cluster_config: {eds_config: {path_config_source: {path: /x/eds.yaml, "
      "watched_directory: {path: /x}}, initial_fetch_timeout: 1s}, service_name: s}}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->discovery, DiscoveryType::kEds);
  EXPECT_EQ(spec->eds_path, "/x/eds.yaml");
  EXPECT_EQ(spec->eds_watched_directory, "/x");
  EXPECT_EQ(spec->eds_service_name, "s");
  EXPECT_EQ(spec->eds_initial_fetch_timeout_ms, 1000);
  EXPECT_EQ(read("{name: a, type: EDS, eds_cluster_config: {eds_config: {path: /x}}}")->eds_service_name, "a");
  EXPECT_NE(errors("{name: a, type: EDS}").find("eds_cluster_config: an EDS cluster needs an eds_config"), std::string::npos);
  EXPECT_NE(errors("{name: a, eds_cluster_config: {eds_config: {path: /x}}}").find("only an EDS cluster can have one"),
            std::string::npos);
}

TEST_F(ClusterConfig, BalancersAreChosenByEnumerationOrByPolicy) {
  EXPECT_EQ(read("{name: a, lb_policy: RANDOM, least_request_lb_config: {choice_count: 4}}")->balancing.kind,
            BalancerKind::kRandom);
  EXPECT_EQ(read("{name: a, lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 4}}")->balancing.choice_count, 4u);
  const std::string policy =
      "load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.load_balancing_policies.";
  const auto spec = read("name: a\nlb_policy: RANDOM\n" + policy + "least_request.v3.LeastRequest, choice_count: 3}}}]}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->balancing.kind, BalancerKind::kLeastRequest);
  EXPECT_EQ(spec->balancing.choice_count, 3u);
  EXPECT_EQ(read("name: a\n" + policy + "maglev.v3.Maglev, table_size: 101}}}]}")->balancing.table_size, 101u);
  EXPECT_NE(errors("{name: a, lb_policy: MAGLEV, maglev_lb_config: {table_size: 100}}").find("must be a prime number, not 100"),
            std::string::npos);
  EXPECT_NE(errors("name: a\n" + policy + "maglev.v3.Maglev, table_size: 2305843009213693951}}}]}").find("more than 5000011"),
            std::string::npos);
  EXPECT_NE(errors("{name: a, lb_policy: RING_HASH, ring_hash_lb_config: {maximum_ring_size: 10}}")
                .find("minimum_ring_size (1024) is larger than maximum_ring_size (10)"),
            std::string::npos);
  EXPECT_NE(errors("{name: a, lb_policy: CLUSTER_PROVIDED}").find("provides no load balancing policy"), std::string::npos);
  EXPECT_NE(errors("{name: a, lb_policy: LOAD_BALANCING_POLICY_CONFIG}").find("needs load_balancing_policy"), std::string::npos);
  EXPECT_NE(errors("{name: a, load_balancing_policy: {}}").find("no load balancing policy is given"), std::string::npos);
}

TEST_F(ClusterConfig, TheFirstThresholdsOfAPriorityWin) {
  const auto spec = read(
      "{name: a, circuit_breakers: {thresholds: [{max_requests: 1, track_remaining: true}, {priority: HIGH, "
      "max_retries: 9}, {max_requests: 2}]}}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_EQ(spec->thresholds[0].max_requests, 1u);
  EXPECT_TRUE(spec->thresholds[0].track_remaining);
  EXPECT_EQ(spec->thresholds[1].max_retries, 9u);
  EXPECT_EQ(spec->thresholds[1].max_requests, 1024u);
}

TEST_F(ClusterConfig, ProtocolsAreChosenExplicitlyOrAsDownstream) {
  const auto h2 = read("name: a" + http("explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 7}}, "
                                        "common_http_protocol_options: {idle_timeout: 0s, max_requests_per_connection: 5, "
                                        "max_connection_duration: 9s, max_stream_duration: 0.0005s, max_headers_count: 12}"));
  ASSERT_NE(h2, nullptr) << errors_;
  EXPECT_EQ(h2->protocol, UpstreamProtocol::kHttp2);
  EXPECT_EQ(h2->http2.max_concurrent_streams, 7u);
  EXPECT_EQ(h2->idle_timeout_ms, 0);
  EXPECT_EQ(h2->max_requests_per_connection, 5u);
  EXPECT_EQ(h2->max_connection_duration_ms, 9000);
  EXPECT_EQ(h2->max_stream_duration_ms, 1);
  EXPECT_EQ(h2->limits.max_headers_count, 12u);
  EXPECT_EQ(read("name: a" + http("use_downstream_protocol_config: {}"))->protocol, UpstreamProtocol::kAsDownstream);
  EXPECT_EQ(read("name: a" + http("explicit_http_config: {http_protocol_options: {}}"))->protocol, UpstreamProtocol::kHttp1);
  EXPECT_NE(errors("name: a" + http("auto_config: {}")).find("auto_config"), std::string::npos);
  EXPECT_NE(errors("name: a" + http("explicit_http_config: {http3_protocol_options: {}}")).find("http3_protocol_options"),
            std::string::npos);
}

TEST_F(ClusterConfig, TheDeprecatedProtocolFieldsStillWork) {
  EXPECT_EQ(read("{name: a, http2_protocol_options: {}}")->protocol, UpstreamProtocol::kHttp2);
  EXPECT_EQ(read("{name: a, common_http_protocol_options: {idle_timeout: 1s}}")->idle_timeout_ms, 1000);
  EXPECT_EQ(read("{name: a, max_requests_per_connection: 3}")->max_requests_per_connection, 3u);
  EXPECT_EQ(read("{name: a, protocol_selection: USE_DOWNSTREAM_PROTOCOL}")->protocol, UpstreamProtocol::kAsDownstream);
  EXPECT_EQ(read("name: a\nhttp2_protocol_options: {}" + http("explicit_http_config: {http_protocol_options: {}}"))->protocol,
            UpstreamProtocol::kHttp1);
  EXPECT_NE(errors("name: a\nmax_requests_per_connection: 3" +
                   http("explicit_http_config: {http_protocol_options: {}}, common_http_protocol_options: "
                        "{max_requests_per_connection: 3}"))
                .find("max_requests_per_connection: given here and in HttpProtocolOptions"),
            std::string::npos);
}

TEST_F(ClusterConfig, ProtocolOptionsUnderAnUnknownNameAreRefused) {
  EXPECT_NE(errors("name: a\ntyped_extension_protocol_options: {foo: {'@type': "
                   "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: "
                   "{http_protocol_options: {}}}}")
                .find("typed_extension_protocol_options[\"foo\"]: there are no protocol options with this name"),
            std::string::npos);
}

TEST_F(ClusterConfig, ConnectionsHaveKeepaliveAndASourceAddress) {
  const auto spec = read(
      "{name: a, upstream_connection_options: {tcp_keepalive: {keepalive_time: 300}}, upstream_bind_config: "
      "{source_address: {address: 127.0.0.6, port_value: 0}, freebind: true, socket_options: [{level: 6, name: "
      "1, int_value: 1}]}, connect_timeout: 0.25s, per_connection_buffer_limit_bytes: 4096}");
  ASSERT_NE(spec, nullptr) << errors_;
  EXPECT_TRUE(spec->keepalive.enabled);
  EXPECT_EQ(spec->keepalive.time_s, 300u);
  EXPECT_EQ(spec->bind_source->text(), "127.0.0.6:0");
  EXPECT_EQ(spec->socket_options.size(), 2u);
  EXPECT_EQ(spec->connect_timeout_ms, 250);
  EXPECT_EQ(spec->buffer_limit, 4096u);
}

TEST_F(ClusterConfig, WhatIsNotImplementedYetIsRefusedByName) {
  EXPECT_NE(errors("{name: a, transport_socket: {name: t, typed_config: {'@type': "
                   "type.googleapis.com/envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig}}}")
                .find("transport_socket.typed_config: the extension"),
            std::string::npos);
  EXPECT_NE(errors("{name: a, transport_socket: {name: envoy.transport_sockets.raw_buffer}}").find("give typed_config"),
            std::string::npos);
  EXPECT_NE(errors("{name: a, load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [{endpoint_name: x}]}]}}")
                .find("an address must be set"),
            std::string::npos);
}

TEST_F(ClusterConfig, PathsBeginWhereTheClusterStands) {
  const config::FieldPath list{nullptr, "static_resources.clusters"};
  config::Diagnostics diagnostics;
  envoy::config::cluster::v3::Cluster cluster;
  cluster.set_name("a");
  cluster.set_lb_policy(envoy::config::cluster::v3::Cluster::CLUSTER_PROVIDED);
  EXPECT_EQ(read_cluster(cluster, config::FieldPath{&list, {}, 3}, diagnostics), nullptr);
  EXPECT_EQ(diagnostics.errors().at(0).path, "static_resources.clusters[3].lb_policy");
}

}  // namespace
}  // namespace weir::upstream
