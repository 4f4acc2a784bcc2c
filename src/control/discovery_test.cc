// Filters and scopes of routes that stand in files of their own, and what is done under pressure.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"
#include "control/filters.h"
#include "control/overload.h"
#include "control/scoped_routes.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "filter/catalog.h"
#include "proxy/listener_config.h"
#include "proxy/stat_scopes.h"
#include "route/route_config.h"
#include "stats/collector.h"

namespace weir::control {
namespace {

using proxy::OverloadAction;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

constexpr char kMutation[] = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";

class DiscoveryTest : public testing::Test, private Publisher {
 protected:
  DiscoveryTest() {
    char pattern[] = "/tmp/weir_test.XXXXXX";
    folder_ = mkdtemp(pattern);
    proxy::declare_listeners(support_);
    proxy::declare_http_connections(support_);
    route::declare_support(support_);
    declare_discovery(support_);
    declare_overload(support_);
    support_.message<envoy::config::bootstrap::v3::Bootstrap>().fields({"overload_manager"});
    support_.message<envoy::config::core::v3::TypedExtensionConfig>().fields({"name"}).extensions("typed_config",
                                                                                                  filter::kHttpFilters);
    log_.set_all_levels(LogLevel::kOff);
  }
  ~DiscoveryTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void put(const std::string& name, const std::string& resources) {
    std::ofstream(path("new")) << "resources: [" << resources << "]\n";
    std::filesystem::rename(path("new"), path(name));
  }
  static std::string mutation(const std::string& name, const std::string& header) {
    return "{'@type': type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig, name: " + name +
           ", typed_config: {'@type': " + kMutation + ", mutations: {request_mutations: [{remove: '" + header + "'}]}}}";
  }
  static std::string scope(const std::string& name, const std::string& key) {
    return "{'@type': type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration, name: " + name +
           ", key: {fragments: [{string_key: " + key + "}]}, route_configuration: {name: " + name +
           ", virtual_hosts: [{name: v, domains: ['*'], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}}";
  }

  filter::FilterFactoryPtr find_filter(const std::string& name) {
    envoy::config::core::v3::ExtensionConfigSource source;
    source.mutable_config_source()->mutable_path_config_source()->set_path(path("ecds.yaml"));
    source.add_type_urls(kMutation);
    config::Diagnostics found;
    auto filter = filters_.find(source, name, {.stats = scopes_.all()}, {}, found);
    errors_ = found.text();
    return filter;
  }
  std::shared_ptr<route::ScopeSource> find_scopes() {
    hcm::ScopedRoutes scoped;
    scoped.set_name("scopes");
    scoped.mutable_scoped_rds()->mutable_scoped_rds_config_source()->mutable_path_config_source()->set_path(path("srds.yaml"));
    config::Diagnostics found;
    auto source = scopes_of_routes_.find(scoped, route::ScopeKeyBuilder({}), "p", {}, found);
    errors_ = found.text();
    return source;
  }

  void wait_for_stat(const std::string& name, uint64_t value) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (stat(name) != value && monotonic_now() < deadline) loop_.turn(50);
    EXPECT_EQ(stat(name), value) << name;
  }
  uint64_t stat(const std::string& name) {
    stats::Collector collector({}, registry_);
    registry_.visit(collector);
    for (const auto& item : collector.sorted()) {
      if (item.name == name) return item.value;
    }
    return UINT64_MAX;
  }

  Result<> prepare(const proxy::ListenerSpecPtr&) override { return {}; }
  void publish(proxy::SnapshotPtr) override {}
  void publish_endpoints(uint32_t, upstream::EndpointSetPtr) override {}

  std::string folder_, errors_;
  loop::EventLoop loop_{1};
  config::Schema schema_;
  config::SupportTable support_;
  Names names_;
  RuntimeValues runtime_;
  stats::Registry registry_;
  proxy::StatScopes scopes_{registry_, 1};
  Log log_{LogLevel::kOff};
  proxy::Overload overload_;
  std::vector<FileSubscription*> unread_;
  Context context_{.loop = loop_,
                   .schema = schema_,
                   .support = support_,
                   .stats = registry_,
                   .cluster_names = names_,
                   .runtime = runtime_,
                   .log = log_,
                   .publisher = *this,
                   .workers = 1,
                   .overload = &overload_,
                   .compile_listener = {},
                   .compile_routes = [this](const auto& routes, const config::FieldPath& at, config::Diagnostics& found) {
                     return route::compile(routes, {schema_, names_, {}}, found, at);
                   }};
  FileWatch files_{loop_};
  Filters filters_{context_, files_};
  Routes routes_{context_, files_};
  ScopedRoutes scopes_of_routes_{context_, files_, routes_};
};

TEST_F(DiscoveryTest, AFilterIsReadFromItsFileAndAgainWhenThatIsReplaced) {
  const std::string prefix = "extension_config_discovery.http_filter.mutation.";
  put("ecds.yaml", mutation("mutation", "x-a"));
  const auto filter = find_filter("mutation");
  ASSERT_NE(filter, nullptr) << errors_;
  filters_.start();
  wait_for_stat(prefix + "config_reload", 1);
  put("ecds.yaml", mutation("mutation", "x-b"));
  wait_for_stat(prefix + "config_reload", 2);
}

TEST_F(DiscoveryTest, WhoeverAsksForTheSameFilterGetsTheSame) {
  put("ecds.yaml", mutation("mutation", "x-a"));
  const auto filter = find_filter("mutation");
  EXPECT_EQ(find_filter("mutation"), filter);
  EXPECT_NE(find_filter("other"), filter);
}

TEST_F(DiscoveryTest, ABadFilterIsRefusedAndTheLastGoodOneStays) {
  const std::string prefix = "extension_config_discovery.http_filter.mutation.";
  put("ecds.yaml", mutation("mutation", "x-a"));
  const auto filter = find_filter("mutation");
  ASSERT_NE(filter, nullptr) << errors_;
  filters_.start();
  wait_for_stat(prefix + "config_reload", 1);
  const auto& dynamic = dynamic_cast<const filter::DynamicFilter&>(*filter);
  const auto good = dynamic.present();
  put("ecds.yaml", mutation("another", "x-a"));
  wait_for_stat(prefix + "config_fail", 1);
  EXPECT_EQ(dynamic.present(), good);
  EXPECT_EQ(stat(prefix + "config_reload"), 1u);
}

TEST_F(DiscoveryTest, ATypeThatIsNoFilterIsRefusedAtOnce) {
  envoy::config::core::v3::ExtensionConfigSource source;
  source.mutable_config_source()->mutable_path_config_source()->set_path(path("ecds.yaml"));
  source.add_type_urls("type.googleapis.com/envoy.no.Such");
  config::Diagnostics found;
  EXPECT_EQ(filters_.find(source, "f", {.stats = scopes_.all()}, {}, found), nullptr);
  EXPECT_NE(found.text().find("type_urls[0]: unknown type envoy.no.Such"), std::string::npos) << found.text();
}

TEST_F(DiscoveryTest, ScopesComeFromTheirFileAllOrNone) {
  put("srds.yaml", scope("one", "a") + ", " + scope("two", "b"));
  const auto source = find_scopes();
  ASSERT_NE(source, nullptr) << errors_;
  EXPECT_EQ(source->scopes(), nullptr);
  scopes_of_routes_.start();
  wait_for_stat("http.p.scoped_rds.scopes.all_scopes", 2);
  const auto good = source->scopes();
  ASSERT_NE(good, nullptr);
  put("srds.yaml", scope("one", "a") + ", " + scope("two", "a"));  // the same key
  wait_for_stat("http.p.scoped_rds.scopes.update_rejected", 1);
  EXPECT_EQ(source->scopes(), good);
  put("srds.yaml", scope("one", "a"));
  wait_for_stat("http.p.scoped_rds.scopes.all_scopes", 1);
  EXPECT_NE(source->scopes(), good);
}

TEST_F(DiscoveryTest, ADryRunIsShownWhatItHasToRead) {
  context_.unread = &unread_;
  put("ecds.yaml", mutation("mutation", "x-a"));
  put("srds.yaml", scope("one", "a"));
  auto filter = find_filter("mutation");
  const auto scopes = find_scopes();
  ASSERT_EQ(unread_.size(), 2u);
  EXPECT_EQ(unread_[0]->path(), path("ecds.yaml"));
  EXPECT_EQ(unread_[1]->path(), path("srds.yaml"));
  filter.reset();
  filters_.sweep();
  EXPECT_EQ(unread_.size(), 1u) << "what is gone needs not be read";
  context_.unread = nullptr;
}

class OverloadTest : public DiscoveryTest {
 protected:
  bool load(const std::string& text) {
    const auto loaded = config::load_bootstrap(schema_, {.yaml = "overload_manager: " + text, .support = &support_});
    EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.text();
    config::Diagnostics found;
    const bool good = monitors_.load(*loaded, found);
    errors_ = found.text();
    return good;
  }
  static std::string heap(const std::string& bytes, const std::string& actions) {
    return "{resource_monitors: [{name: heap, typed_config: {'@type': "
           "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: " +
           bytes + "}}], actions: [" + actions + "]}";
  }
  static std::string action(const std::string& name, const std::string& trigger) {
    return "{name: envoy.overload_actions." + name + ", triggers: [{name: heap, " + trigger + "}]}";
  }
  OverloadMonitors monitors_{context_};
};

/// The allocator of AddressSanitizer does not say how large the heap is.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kHeapIsKnown = false;
#else
constexpr bool kHeapIsKnown = true;
#endif

TEST_F(OverloadTest, AThresholdTurnsAnActionOnAtOnce) {
  if (!kHeapIsKnown) GTEST_SKIP() << "the size of the heap is not known here";
  ASSERT_TRUE(load(heap("1", action("stop_accepting_requests", "threshold: {value: 0.9}")))) << errors_;
  EXPECT_FALSE(overload_.saturated(OverloadAction::kStopAcceptingRequests));
  monitors_.refresh();
  EXPECT_TRUE(overload_.saturated(OverloadAction::kStopAcceptingRequests));
  EXPECT_FALSE(overload_.saturated(OverloadAction::kDisableHttpKeepalive)) << "nobody asked for it";
  EXPECT_EQ(stat("overload.envoy.overload_actions.stop_accepting_requests.active"), 1u);
}

TEST_F(OverloadTest, NothingHappensWhileThereIsRoom) {
  ASSERT_TRUE(load(heap("1000000000000", action("stop_accepting_requests", "threshold: {value: 0.9}")))) << errors_;
  monitors_.refresh();
  EXPECT_EQ(overload_.strength(OverloadAction::kStopAcceptingRequests), 0u);
  EXPECT_EQ(stat("overload.envoy.overload_actions.stop_accepting_requests.active"), 0u);
}

TEST_F(OverloadTest, AScaledActionSaturatesWhereItSays) {
  if (!kHeapIsKnown) GTEST_SKIP() << "the size of the heap is not known here";
  ASSERT_TRUE(load(heap("1", action("disable_http_keepalive", "scaled: {scaling_threshold: 0.1, saturation_threshold: 0.9}"))))
      << errors_;
  monitors_.refresh();
  EXPECT_TRUE(overload_.saturated(OverloadAction::kDisableHttpKeepalive));
}

TEST_F(OverloadTest, ATriggerNeedsItsMonitor) {
  EXPECT_FALSE(load(heap("1",
                         "{name: envoy.overload_actions.stop_accepting_requests, triggers: [{name: nobody, threshold: "
                         "{value: 0.9}}]}")));
  EXPECT_NE(errors_.find("overload_manager.actions[0]"), std::string::npos) << errors_;
}

}  // namespace
}  // namespace weir::control
