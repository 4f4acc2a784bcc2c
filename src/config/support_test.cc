// What a user is told about configuration that Envoy knows and Weir does not implement.
#include "config/support.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"

namespace weir::config {
namespace {

namespace bootstrap = envoy::config::bootstrap::v3;
namespace cluster = envoy::config::cluster::v3;
namespace listener = envoy::config::listener::v3;
namespace network = envoy::extensions::filters::network;

class Support : public testing::Test {
 protected:
  Support() {
    table_.message<bootstrap::Bootstrap>().fields({"static_resources", "node"}).harmless({"stats_flush_interval"});
    table_.message<bootstrap::Bootstrap::StaticResources>().fields({"clusters", "listeners"});
    table_.message<cluster::Cluster>()
        .fields({"name", "connect_timeout"})
        .harmless({"alt_stat_name"})
        .values("lb_policy", {"ROUND_ROBIN", "RANDOM"});
    table_.message<listener::Listener>().fields({"name", "filter_chains"});
    table_.message<listener::FilterChain>().fields({"filters"});
    table_.message<listener::Filter>().fields({"name"}).extensions("typed_config", "envoy.filters.network");
    table_.extension<network::tcp_proxy::v3::TcpProxy>("envoy.filters.network", "envoy.filters.network.tcp_proxy")
        .fields({"stat_prefix", "cluster"});
    table_.message<envoy::extensions::filters::http::router::v3::Router>().all_fields();
  }

  Diagnostics check(std::string_view yaml) {
    return std::move(load_bootstrap(schema_, {.yaml = std::string(yaml), .support = &table_}).diagnostics);
  }
  std::string filter(std::string_view typed_config) {
    return "static_resources: {listeners: [{name: l, filter_chains: [{filters: [{name: f, typed_config: " +
           std::string(typed_config) + "}]}]}]}";
  }

  Schema schema_;
  SupportTable table_;
};

TEST_F(Support, WhatIsImplementedIsAccepted) {
  EXPECT_EQ(check("static_resources: {clusters: [{name: a, connect_timeout: 1s, lb_policy: RANDOM}]}").text(), "");
  EXPECT_EQ(
      check(filter("{'@type': x/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: a, cluster: b}")).text(),
      "");
}

TEST_F(Support, AFieldThatWeirDoesNotImplementIsAnErrorWithItsPlace) {
  EXPECT_EQ(check("static_resources:\n  clusters:\n  - name: a\n    health_checks: [{timeout: 1s, interval: 1s, "
                  "unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}}]")
                .text(),
            "--config-yaml:4:5: static_resources.clusters[0].health_checks: known to Envoy, but Weir does not implement "
            "it yet; remove it");
}

TEST_F(Support, AHarmlessFieldIsAWarningOnce) {
  const Diagnostics found = check("static_resources: {clusters: [{name: a, alt_stat_name: x}, {name: b, alt_stat_name: z}]}");
  EXPECT_EQ(found.text(), "");
  ASSERT_EQ(found.warnings().size(), 1u);
  EXPECT_EQ(found.warnings()[0].path, "static_resources.clusters[0].alt_stat_name");
}

TEST_F(Support, AnEnumValueThatWeirDoesNotImplementIsNamed) {
  EXPECT_EQ(check("static_resources: {clusters: [{name: a, lb_policy: MAGLEV}]}").text(),
            "--config-yaml:1:41: static_resources.clusters[0].lb_policy: MAGLEV is known to Envoy, but Weir does not "
            "implement it yet; remove it");
}

TEST_F(Support, AnExtensionIsOnlyAcceptedInItsCategory) {
  EXPECT_NE(check(filter("{'@type': x/envoy.extensions.filters.http.router.v3.Router}"))
                .text()
                .find("the extension envoy.extensions.filters.http.router.v3.Router is known to Envoy, but Weir does not "
                      "implement it yet as one of envoy.filters.network; remove it"),
            std::string::npos);
  EXPECT_NE(check(filter("{'@type': x/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy, stat_prefix: a, settings: "
                         "{op_timeout: 1s}}"))
                .text()
                .find("the extension envoy.extensions.filters.network.redis_proxy.v3.RedisProxy is known"),
            std::string::npos);
}

TEST_F(Support, FieldsInsideAnExtensionAreChecked) {
  EXPECT_NE(check(filter("{'@type': x/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: a, cluster: b, "
                         "max_connect_attempts: 2}"))
                .text()
                .find("filters[0].typed_config.max_connect_attempts: known to Envoy"),
            std::string::npos);
}

TEST_F(Support, AMessageThatNobodyDeclaredIsAnError) {
  EXPECT_NE(check("node: {id: a}").text().find("node: envoy.config.core.v3.Node is known to Envoy"), std::string::npos);
}

TEST_F(Support, FeaturesListsExtensionsAndFields) {
  const std::string text = table_.features_text();
  EXPECT_NE(text.find("  envoy.filters.network\n    envoy.filters.network.tcp_proxy  "
                      "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n"),
            std::string::npos);
  EXPECT_NE(text.find("  envoy.config.cluster.v3.Cluster\n    name\n    connect_timeout\n    lb_policy: ROUND_ROBIN, RANDOM\n    "
                      "(alt_stat_name: ignored)\n"),
            std::string::npos);
}

TEST(SupportDeathTest, AMisspeltNameInTheTableIsFoundAtOnce) {
  SupportTable table;
  EXPECT_DEATH(table.message<cluster::Cluster>().fields({"nme"}), "envoy.config.cluster.v3.Cluster has no field or value nme");
}

}  // namespace
}  // namespace weir::config
