// How a configuration is taken over from files: real files, replaced as users replace them.
#include "control/configuration.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "net/test_dns_server.h"
#include "proxy/listener_config.h"
#include "proxy/stat_scopes.h"
#include "route/route_config.h"
#include "stats/collector.h"
#include "upstream/cluster_config.h"

namespace weir::control {
namespace {

constexpr char kTypes[] = "type.googleapis.com/envoy.config.";

class ConfigurationTest : public testing::Test, private Publisher {
 protected:
  ConfigurationTest() {
    char pattern[] = "/tmp/weir_test.XXXXXX";
    folder_ = mkdtemp(pattern);
    upstream::declare_clusters(support_);
    proxy::declare_listeners(support_);
    route::declare_support(support_);
    declare_discovery(support_);
    using namespace envoy::config::bootstrap::v3;
    support_.message<Bootstrap>().fields({"static_resources", "dynamic_resources"});
    support_.message<Bootstrap::StaticResources>().fields({"clusters", "listeners"});
    support_.message<Bootstrap::DynamicResources>().fields({"cds_config", "lds_config"});
    log_.set_all_levels(LogLevel::kOff);
  }
  ~ConfigurationTest() override {
    configuration_.reset();
    std::filesystem::remove_all(folder_);
  }

  // --- the files ---
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(path("new")) << text;
    std::filesystem::rename(path("new"), path(name));
  }
  void put_resources(const std::string& name, const std::string& version, const std::vector<std::string>& resources) {
    std::string text = "version_info: '" + version + "'\nresources:\n";
    if (resources.empty()) text += "  []\n";
    for (const std::string& resource : resources) text += "- " + resource + "\n";
    put(name, text);
  }
  std::string source(const std::string& name) const { return "{path_config_source: {path: " + path(name) + "}}"; }
  static std::string endpoints(const std::string& cluster, const std::string& address) {
    return "{cluster_name: " + cluster + ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: '" +
           address + "', port_value: 80}}}}]}]}";
  }
  static std::string cluster(const std::string& name, const std::string& address, const std::string& more = "") {
    return std::string("{'@type': ") + kTypes + "cluster.v3.Cluster, name: " + name +
           ", load_assignment: " + endpoints(name, address) + more + "}";
  }
  static std::string assignment(const std::string& cluster, const std::string& address) {
    return std::string("{'@type': ") + kTypes + "endpoint.v3.ClusterLoadAssignment, " + endpoints(cluster, address).substr(1);
  }
  static std::string routes(const std::string& name, const std::string& cluster) {
    return std::string("{'@type': ") + kTypes + "route.v3.RouteConfiguration, name: " + name +
           ", virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, route: {cluster: " + cluster + "}}]}]}";
  }
  std::string listener(const std::string& name, int port, const std::string& routes = "") const {
    return "{'@type': " + std::string(kTypes) + "listener.v3.Listener, name: " + name +
           ", address: {socket_address: {address: 127.0.0.1, port_value: " + std::to_string(port) +
           "}}, filter_chains: [{filters: [{name: h, typed_config: {'@type': "
           "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: "
           "p, " +
           (routes.empty() ? "rds: {route_config_name: r, config_source: " + source("rds.yaml") + "}" : routes) +
           ", http_filters: [{name: r, typed_config: {'@type': "
           "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]}";
  }
  std::string dynamic(const std::string& more) const { return "dynamic_resources: {" + more + "}\n"; }
  std::string cds() const { return "cds_config: " + source("cds.yaml"); }
  std::string lds() const { return "lds_config: " + source("lds.yaml"); }

  // --- the configuration ---
  bool load(const std::string& bootstrap) {
    loaded_ = config::load_bootstrap(schema_, {.yaml = bootstrap, .support = &support_});
    errors_ = loaded_.diagnostics.text();
    if (!loaded_.ok()) return false;
    context_ = std::make_unique<proxy::ListenerConfigContext>(proxy::ListenerConfigContext{
        .clusters = names_,
        .stats = scopes_,
        .random = random_,
        .read_routes =
            [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& diagnostics) {
              auto table = route::compile(
                  routes, {schema_, names_, [this](auto name) { return configuration_->clusters().has(name); }}, diagnostics, at);
              if (table != nullptr) configuration_->routes().remember(table, routes);
              return table;
            },
        .find_rds = [this](
                        const auto& rds, const std::string& prefix, const config::FieldPath& at,
                        config::Diagnostics& diagnostics) { return configuration_->routes().find(rds, prefix, at, diagnostics); },
        .read_access_log = [](const auto&, const config::FieldPath&, config::Diagnostics&) { return nullptr; },
        .service_cluster = "",
        .runtime = &runtime_});
    configuration_ = std::make_unique<Configuration>(Context{
        .loop = loop_,
        .schema = schema_,
        .support = support_,
        .stats = registry_,
        .cluster_names = names_,
        .runtime = runtime_,
        .log = log_,
        .publisher = *this,
        .workers = 1,
        .compile_listener = [this](const auto& listener, const config::FieldPath& at,
                                   config::Diagnostics& found) { return proxy::read_listener(listener, at, *context_, found); },
        .compile_routes =
            [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& found) {
              return route::compile(routes, {schema_, names_, {}}, found, at);
            }});
    config::Diagnostics diagnostics;
    const bool good = configuration_->load(*loaded_, diagnostics);
    errors_ = diagnostics.text();
    EXPECT_NE(good, diagnostics.failed());
    return good;
  }
  void start(const std::string& bootstrap) {
    ASSERT_TRUE(load(bootstrap)) << errors_;
    configuration_->start([this](Result<> result) { result_ = std::move(result); });
    wait_for([this] { return result_.has_value(); });
  }
  void wait_for(const std::function<bool()>& done) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (!done() && monotonic_now() < deadline) loop_.turn(50);
    EXPECT_TRUE(done());
  }
  // Until the statistic has this value.
  void wait_for_stat(const std::string& name, uint64_t value) {
    wait_for([&] { return stat(name) == value; });
    loop_.turn(0);  // what changed is published in the next turn
  }
  uint64_t stat(const std::string& name) {
    stats::Collector collector({}, registry_);
    registry_.visit(collector);
    for (const auto& item : collector.sorted()) {
      if (item.name == name) return item.value;
    }
    return UINT64_MAX;
  }
  upstream::ClusterStatePtr published(const std::string& name) const {
    const uint32_t id = names_.find(name);
    return snapshot_ == nullptr || id >= snapshot_->clusters.size() ? nullptr : snapshot_->clusters[id];
  }
  static std::string address_of(const upstream::ClusterStatePtr& cluster) {
    const auto set = cluster->endpoints.load();
    return set == nullptr || set->endpoints.empty() ? "" : std::string(set->endpoints[0]->address->ip());
  }
  std::vector<std::string> listener_names() const {
    std::vector<std::string> names;
    for (const auto& spec : snapshot_->listeners) names.push_back(spec->name);
    return names;
  }
  route::RouteTablePtr table_of(size_t listener) const {
    const auto& terminal = snapshot_->listeners.at(listener)->chains.at(0).terminal;
    return std::get<std::shared_ptr<const proxy::HttpConnectionSpec>>(terminal)->routes->table();
  }

  std::string folder_;
  loop::EventLoop loop_{1};
  config::Schema schema_;
  config::SupportTable support_;
  stats::Registry registry_;
  Names names_;
  RuntimeValues runtime_;
  Log log_;
  Random random_{1};
  proxy::StatScopes scopes_{registry_, 1};
  std::unique_ptr<proxy::ListenerConfigContext> context_;
  config::Loaded<envoy::config::bootstrap::v3::Bootstrap> loaded_;
  std::string errors_;
  std::optional<Result<>> result_;
  std::string refuse_to_bind_;
  int snapshots_ = 0;
  int endpoint_updates_ = 0;
  proxy::SnapshotPtr snapshot_;
  std::unique_ptr<Configuration> configuration_;

 private:
  Result<> prepare(const proxy::ListenerSpecPtr& listener) override {
    if (listener->name == refuse_to_bind_) return failure("cannot bind");
    return {};
  }
  void publish(proxy::SnapshotPtr snapshot) override {
    ++snapshots_;
    snapshot_ = std::move(snapshot);
  }
  void publish_endpoints(uint32_t, upstream::EndpointSetPtr) override { ++endpoint_updates_; }
};

TEST_F(ConfigurationTest, AnEmptyBootstrapIsPublishedAtOnce) {
  start("{static_resources: {}}");
  EXPECT_TRUE(result_->has_value());
  EXPECT_EQ(snapshots_, 1);
}

TEST_F(ConfigurationTest, CdsAddsChangesAndRemovesClusters) {
  put_resources("cds.yaml", "1", {cluster("a", "10.0.0.1"), cluster("b", "10.0.0.2")});
  start(dynamic(cds()));
  ASSERT_NE(published("a"), nullptr);
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  EXPECT_TRUE(published("a")->spec->added_via_api);
  EXPECT_EQ(stat("cluster_manager.active_clusters"), 2u);
  EXPECT_EQ(stat("cluster_manager.cds.update_success"), 1u);
  const auto a = published("a");
  const auto b = published("b");

  put_resources("cds.yaml", "2", {cluster("a", "10.0.0.9"), cluster("b", "10.0.0.2"), cluster("c", "10.0.0.3")});
  wait_for_stat("cluster_manager.cds.update_success", 2);
  EXPECT_EQ(address_of(published("a")), "10.0.0.9");
  EXPECT_EQ(published("b"), b) << "a cluster that did not change keeps its state";
  EXPECT_EQ(published("a")->counts, a->counts) << "statistics outlive a change";
  EXPECT_NE(published("c"), nullptr);
  EXPECT_EQ(snapshots_, 2) << "one file makes one snapshot";
  EXPECT_EQ(stat("cluster_manager.cluster_modified"), 1u);

  put_resources("cds.yaml", "3", {cluster("c", "10.0.0.3")});
  wait_for_stat("cluster_manager.cluster_removed", 2);
  EXPECT_EQ(published("a"), nullptr);
  EXPECT_EQ(stat("cluster.a.upstream_cx_total"), UINT64_MAX);
  EXPECT_EQ(stat("cluster.c.upstream_cx_total"), 0u);
}

TEST_F(ConfigurationTest, ABadClusterIsRefusedAndTheGoodOnesAreTaken) {
  put_resources("cds.yaml", "1", {cluster("a", "10.0.0.1"), cluster("b", "10.0.0.2")});
  start(dynamic(cds()));
  put_resources("cds.yaml", "2", {cluster("a", "not-an-address"), cluster("b", "10.0.0.7")});
  wait_for_stat("cluster_manager.cds.update_rejected", 1);
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  EXPECT_EQ(address_of(published("b")), "10.0.0.7");
  EXPECT_EQ(stat("cluster_manager.cds.update_success"), 1u);
}

TEST_F(ConfigurationTest, AFileThatCannotBeReadChangesNothing) {
  put_resources("cds.yaml", "1", {cluster("a", "10.0.0.1")});
  start(dynamic(cds()));
  put("cds.yaml", "resources: [");
  wait_for_stat("cluster_manager.cds.update_failure", 1);
  put_resources("cds.yaml", "3", {"{'@type': " + std::string(kTypes) + "cluster.v3.Cluster, name: '', connect_timeout: 0s}"});
  wait_for_stat("cluster_manager.cds.update_rejected", 1);
  put_resources("cds.yaml", "4", {cluster("a", "10.0.0.1", ", upstream_config: {name: x}")});
  wait_for_stat("cluster_manager.cds.update_rejected", 2);
  put_resources("cds.yaml", "5", {cluster("a", "10.0.0.1"), cluster("a", "10.0.0.2")});
  wait_for_stat("cluster_manager.cds.update_rejected", 3);
  put_resources("cds.yaml", "6", {routes("r", "a")});
  wait_for_stat("cluster_manager.cds.update_rejected", 4);
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  EXPECT_EQ(snapshots_, 1);
}

TEST_F(ConfigurationTest, WritingIntoAFileIsNoChangeUntilItIsMovedIntoPlace) {
  put_resources("cds.yaml", "1", {});
  start(dynamic(cds()));
  std::ofstream(path("cds.yaml")) << "resources: []";
  std::ofstream(path("other.yaml")) << "resources: []";
  for (int i = 0; i < 3; ++i) loop_.turn(10);
  EXPECT_EQ(stat("cluster_manager.cds.update_attempt"), 1u);
}

TEST_F(ConfigurationTest, AWatchedDirectoryTellsOfASwappedSymbolicLink) {
  std::filesystem::create_directory(path("v1"));
  std::filesystem::create_directory(path("v2"));
  put_resources("v1/cds.yaml", "1", {cluster("a", "10.0.0.1")});
  put_resources("v2/cds.yaml", "2", {cluster("a", "10.0.0.2")});
  std::filesystem::create_directory_symlink(path("v1"), path("data"));
  start(dynamic("cds_config: {path_config_source: {path: " + path("data/cds.yaml") + ", watched_directory: {path: " + folder_ +
                "}}}"));
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  std::filesystem::create_directory_symlink(path("v2"), path("next"));
  std::filesystem::rename(path("next"), path("data"));
  wait_for_stat("cluster_manager.cds.update_success", 2);
  EXPECT_EQ(address_of(published("a")), "10.0.0.2");
}

TEST_F(ConfigurationTest, TheBootstrapsClustersAreNotTouchedByCds) {
  put_resources("cds.yaml", "1", {cluster("a", "10.0.0.9")});
  start("static_resources: {clusters: [{name: a, load_assignment: " + endpoints("a", "10.0.0.1") + "}]}\n" + dynamic(cds()));
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  put_resources("cds.yaml", "2", {});
  wait_for_stat("cluster_manager.cds.update_success", 2);
  EXPECT_NE(published("a"), nullptr);
}

TEST_F(ConfigurationTest, EdsGivesAndChangesEndpoints) {
  put_resources("eds.yaml", "1", {assignment("e", "10.0.0.1")});
  start("static_resources: {clusters: [{name: e, type: EDS, eds_cluster_config: {eds_config: " + source("eds.yaml") + "}}]}");
  EXPECT_EQ(address_of(published("e")), "10.0.0.1");
  put_resources("eds.yaml", "2", {assignment("other", "10.0.0.5"), assignment("e", "10.0.0.2")});
  wait_for_stat("cluster.e.update_success", 2);
  EXPECT_EQ(address_of(published("e")), "10.0.0.2");
  EXPECT_EQ(endpoint_updates_, 1);
  EXPECT_EQ(snapshots_, 1) << "endpoints need no new snapshot";
  put_resources("eds.yaml", "3", {assignment("other", "10.0.0.3")});
  wait_for_stat("cluster.e.update_rejected", 1);
  put_resources("eds.yaml", "4", {assignment("e", "host.name")});
  wait_for_stat("cluster.e.update_rejected", 2);
  put_resources("eds.yaml", "5", {});
  wait_for_stat("cluster.e.update_empty", 1);
  EXPECT_EQ(address_of(published("e")), "10.0.0.2");
  put_resources("eds.yaml", "6", {"{'@type': " + std::string(kTypes) + "endpoint.v3.ClusterLoadAssignment, cluster_name: e}"});
  wait_for_stat("cluster.e.membership_total", 0);
}

TEST_F(ConfigurationTest, ListenersComeAndGoWithLds) {
  put_resources("lds.yaml", "1", {listener("l1", 10001), listener("l2", 10002)});
  put_resources("rds.yaml", "1", {routes("r", "a")});
  start(dynamic(lds()));
  EXPECT_EQ(listener_names(), (std::vector<std::string>{"l1", "l2"}));
  const auto l2 = snapshot_->listeners[1];
  put_resources("lds.yaml", "2", {listener("l2", 10002), listener("l3", 10001)});
  wait_for_stat("listener_manager.lds.update_success", 2);
  EXPECT_EQ(listener_names(), (std::vector<std::string>{"l2", "l3"}));
  EXPECT_EQ(snapshot_->listeners[0], l2) << "a listener that did not change stays";
  EXPECT_EQ(stat("listener_manager.listener_removed"), 1u);
}

TEST_F(ConfigurationTest, AListenerThatCannotBeBoundIsRefused) {
  put_resources("lds.yaml", "1", {listener("l1", 10001)});
  put_resources("rds.yaml", "1", {routes("r", "a")});
  start(dynamic(lds()));
  refuse_to_bind_ = "l2";
  put_resources("lds.yaml", "2", {listener("l1", 10001), listener("l2", 10002), listener("l3", 10003)});
  wait_for_stat("listener_manager.lds.update_rejected", 1);
  EXPECT_EQ(listener_names(), (std::vector<std::string>{"l1", "l3"}));
  put_resources("lds.yaml", "3", {listener("l1", 10001), listener("l3", 10001)});
  wait_for_stat("listener_manager.lds.update_rejected", 2);
  EXPECT_EQ(snapshot_->listeners[1]->addresses[0]->port(), 10003) << "its new address belongs to another listener";
}

TEST_F(ConfigurationTest, AStaticListenerThatCannotBeBoundEndsTheStart) {
  refuse_to_bind_ = "l1";
  put_resources("rds.yaml", "1", {});
  const std::string resource = listener("l1", 10001);
  start("static_resources: {listeners: [{" + resource.substr(resource.find("name: l1")) + "]}");
  ASSERT_FALSE(result_->has_value());
  EXPECT_EQ(result_->error().message, "cannot bind");
  EXPECT_EQ(snapshots_, 0);
}

TEST_F(ConfigurationTest, RdsReplacesTheTableOfARunningListener) {
  put_resources("lds.yaml", "1", {listener("l1", 10001), listener("l2", 10002)});
  put_resources("rds.yaml", "1", {routes("other", "x"), routes("r", "a")});
  start(dynamic(lds()));
  const auto first = table_of(0);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first, table_of(1)) << "who names the same routes shares them";
  put_resources("rds.yaml", "2", {routes("r", "b")});
  wait_for_stat("http.p.rds.r.update_success", 2);
  const auto second = table_of(0);
  EXPECT_NE(second, first);
  EXPECT_EQ(snapshots_, 1);
  put_resources("rds.yaml", "3", {routes("other", "b")});
  wait_for_stat("http.p.rds.r.update_rejected", 1);
  EXPECT_EQ(table_of(0), second);
  put_resources("lds.yaml", "2", {});
  wait_for_stat("http.p.rds.r.update_success", UINT64_MAX);
}

TEST_F(ConfigurationTest, ADnsClusterOfCdsTakesOverWhenItsNameHasAnAnswer) {
  net::TestDnsServer server(loop_);
  server.silent = true;
  put_resources("cds.yaml", "1", {cluster("a", "10.0.0.1")});
  start(dynamic(cds()));
  const std::string resolver =
      ", type: STRICT_DNS, dns_lookup_family: V4_ONLY, typed_dns_resolver_config: {name: c, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: [{socket_address: "
      "{address: 127.0.0.1, port_value: " +
      std::to_string(server.spec().servers[0]->port()) + "}}]}}";
  put_resources("cds.yaml", "2", {cluster("a", "a.test", resolver)});
  wait_for_stat("cluster_manager.warming_clusters", 1);
  EXPECT_EQ(address_of(published("a")), "10.0.0.1");
  server.hosts["a.test"] = {"10.0.0.2"};
  server.speak();
  wait_for_stat("cluster_manager.warming_clusters", 0);
  EXPECT_EQ(address_of(published("a")), "10.0.0.2");
}

TEST_F(ConfigurationTest, MistakesInTheBootstrapAreErrorsWithTheirPaths) {
  EXPECT_FALSE(load("static_resources: {clusters: [{name: a}, {name: a}]}"));
  EXPECT_NE(errors_.find("static_resources.clusters[1].name: there is a second cluster named \"a\""), std::string::npos)
      << errors_;
  EXPECT_FALSE(load(dynamic("cds_config: {path_config_source: {path: /nowhere/cds.yaml}}")));
  EXPECT_NE(errors_.find("dynamic_resources.cds_config.path_config_source.path: the file \"/nowhere/cds.yaml\" does not exist"),
            std::string::npos)
      << errors_;
  EXPECT_FALSE(load("static_resources: {clusters: [{name: e, type: EDS, eds_cluster_config: {eds_config: {path: /nowhere}}}]}"));
  EXPECT_NE(errors_.find("static_resources.clusters[0].eds_cluster_config.eds_config: the file"), std::string::npos) << errors_;
}

TEST_F(ConfigurationTest, TheDumpShowsWhereEverythingCameFrom) {
  put_resources("cds.yaml", "7", {cluster("dyn", "10.0.0.1")});
  put_resources("lds.yaml", "5", {listener("l1", 10001)});
  put_resources("rds.yaml", "9", {routes("r", "dyn")});
  start("static_resources: {clusters: [{name: s}]}\n" + dynamic(cds() + ", " + lds()));
  const auto sections = configuration_->dump(true);
  ASSERT_EQ(sections.size(), 6u);
  const auto& clusters = dynamic_cast<const envoy::admin::v3::ClustersConfigDump&>(*sections[0]);
  EXPECT_EQ(clusters.version_info(), "7");
  EXPECT_EQ(clusters.static_clusters_size(), 1);
  ASSERT_EQ(clusters.dynamic_active_clusters_size(), 1);
  EXPECT_EQ(clusters.dynamic_active_clusters(0).version_info(), "7");
  EXPECT_GT(clusters.dynamic_active_clusters(0).last_updated().seconds(), 0);
  const auto& listeners = dynamic_cast<const envoy::admin::v3::ListenersConfigDump&>(*sections[2]);
  EXPECT_EQ(listeners.dynamic_listeners(0).name(), "l1");
  EXPECT_EQ(listeners.dynamic_listeners(0).active_state().version_info(), "5");
  const auto& routes = dynamic_cast<const envoy::admin::v3::RoutesConfigDump&>(*sections[4]);
  ASSERT_EQ(routes.dynamic_route_configs_size(), 1);
  EXPECT_EQ(routes.dynamic_route_configs(0).version_info(), "9");
}

}  // namespace
}  // namespace weir::control
