// What a user sees when a configuration is loaded: the message, or errors with file, line, column and path.
#include "config/load.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace weir::config {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;

// A file in the temporary folder that is removed at the end.
class TemporaryFile {
 public:
  TemporaryFile(std::string_view name, std::string_view content)
      : path_(testing::TempDir() + "weir_" + std::to_string(getpid()) + "_") {
    path_ += name;
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Load : public testing::Test {
 protected:
  Loaded<Bootstrap> yaml(std::string_view text) { return load_bootstrap(schema_, {.yaml = std::string(text)}); }
  Loaded<Bootstrap> file(std::string_view name, std::string_view content, std::string yaml = "") {
    const TemporaryFile file(name, content);
    return load_bootstrap(schema_, {.path = file.path(), .yaml = std::move(yaml)});
  }
  // The errors, without the name of the file.
  std::string error(std::string_view text) {
    const Loaded<Bootstrap> loaded = yaml(text);
    std::string all = loaded.diagnostics.text();
    return all.starts_with("--config-yaml:") ? all.substr(14) : all;
  }

  Schema schema_;
};

TEST_F(Load, AMisspeltFieldIsReportedWithItsPlaceAndItsNeighbour) {
  EXPECT_EQ(error("static_resources:\n  clusters:\n  - name: a\n    lb_polcy: RANDOM\n"),
            "4:5: static_resources.clusters[0].lb_polcy: unknown field; did you mean lb_policy?");
}

TEST_F(Load, AllErrorsOfAFileAreReportedInItsOrder) {
  const Loaded<Bootstrap> loaded = yaml(R"(
static_resources:
  clusters:
  - name: ""
    connect_timeout: 1
  - name: b
    type: STRICT
  listners: []
)");
  std::string all;
  for (const Diagnostic& each : loaded.diagnostics.errors()) {
    all += std::to_string(each.at.line) + " " + each.path + "\n";
  }
  EXPECT_EQ(all,
            "5 static_resources.clusters[0].connect_timeout\n"
            "7 static_resources.clusters[1].type\n"
            "8 static_resources.listners\n");
}

TEST_F(Load, BothSpellingsOfANameWorkInOneFile) {
  const Loaded<Bootstrap> loaded = yaml(R"(
static_resources:
  clusters: [{name: a, connectTimeout: 0.25s, lb_policy: random, type: 1, perConnectionBufferLimitBytes: "7"}]
staticResources2: {}
)");
  EXPECT_EQ(loaded.diagnostics.errors().size(), 1u);
  const auto& cluster = loaded->static_resources().clusters(0);
  EXPECT_EQ(cluster.connect_timeout().nanos(), 250'000'000);
  EXPECT_EQ(cluster.lb_policy(), 3);
  EXPECT_EQ(cluster.type(), 1);
  EXPECT_EQ(cluster.per_connection_buffer_limit_bytes().value(), 7u);
}

TEST_F(Load, NumbersInQuotesAreTakenAsEnvoyTakesThem) {
  const auto limit = [](const char* text) {
    return std::string("{static_resources: {clusters: [{name: a, per_connection_buffer_limit_bytes: ") + text + "}]}}";
  };
  const Loaded<Bootstrap> loaded = yaml(limit("'+7'"));
  ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.text();
  EXPECT_EQ(loaded->static_resources().clusters(0).per_connection_buffer_limit_bytes().value(), 7u);
  for (const char* wrong : {"' 7'", "'7 '", "'++7'", "'+ 7'", "'-0'", "'7.0'", "''"})
    EXPECT_FALSE(yaml(limit(wrong)).ok()) << wrong;
  const auto percent = [](const char* text) {
    return std::string("{static_resources: {clusters: [{name: a, common_lb_config: {healthy_panic_threshold: {value: ") + text +
           "}}}]}}";
  };
  for (const char* right : {"'+1.5'", "' 1.5'", "'1.5 '", "'1.5'", "1.5"}) EXPECT_TRUE(yaml(percent(right)).ok()) << right;
  for (const char* wrong : {"'++1.5'", "'1.5.'", "''"}) EXPECT_FALSE(yaml(percent(wrong)).ok()) << wrong;
}

TEST_F(Load, AFieldGivenInBothSpellingsIsRefused) {
  EXPECT_EQ(error("{static_resources: {clusters: [{name: a, connect_timeout: 1s, connectTimeout: 2s}]}}"),
            "1:63: static_resources.clusters[0].connect_timeout: given twice, also as connect_timeout");
}

TEST_F(Load, AKeyGivenTwiceIsRefused) { EXPECT_EQ(error("node: {id: a}\nnode: {id: b}"), "2:1: the key \"node\" occurs twice"); }

TEST_F(Load, PlainYamlScalarsAreTypedAsEnvoyTypesThem) {
  EXPECT_EQ(error("node: {id: 5}"), "1:12: node.id: expected a string, got the number 5; put it in quotes");
  EXPECT_EQ(error("node: {id: n}"), "1:12: node.id: expected a string, got the boolean false; put it in quotes");
  EXPECT_EQ(error("node: {id: 1.5, cluster: ~}"), "");
  EXPECT_EQ(error("static_resources: {clusters: [{name: a, per_connection_buffer_limit_bytes: 1.5}]}"),
            "1:76: static_resources.clusters[0].per_connection_buffer_limit_bytes: expected a whole number, got \"1.5\"");
  const auto loaded = yaml("node: {metadata: {a: 1.5, b: 12345678901, c: 0x10, d: yes, e: [~, {f: x}]}}");
  const auto& fields = loaded->node().metadata().fields();
  EXPECT_EQ(fields.at("a").string_value(), "1.5");
  EXPECT_EQ(fields.at("b").string_value(), "12345678901");
  EXPECT_EQ(fields.at("c").number_value(), 16);
  EXPECT_TRUE(fields.at("d").bool_value());
  EXPECT_EQ(fields.at("e").list_value().values(1).struct_value().fields().at("f").string_value(), "x");
}

TEST_F(Load, AKeyTaggedIgnoreOnlyHoldsAnchors) {
  const auto loaded = yaml("!ignore x: &id {id: a}\nnode: *id\n");
  EXPECT_EQ(loaded.diagnostics.text(), "");
  EXPECT_EQ(loaded->node().id(), "a");
}

TEST_F(Load, JsonNumbersStayNumbers) {
  const auto loaded = file("a.json", R"({"node": {"metadata": {"a": 1.5}}, "staticResources": {"clusters": [
    {"name": "a", "perConnectionBufferLimitBytes": 1e3}]}})");
  EXPECT_EQ(loaded.diagnostics.text(), "");
  EXPECT_EQ(loaded->node().metadata().fields().at("a").number_value(), 1.5);
  EXPECT_EQ(loaded->static_resources().clusters(0).per_connection_buffer_limit_bytes().value(), 1000u);
}

TEST_F(Load, ACommaAfterTheLastItemIsLetPass) {
  EXPECT_EQ(file("a.json", R"({"node": {"id": "a",}, "staticResources": {"clusters": [{"name": "a"},]},})").diagnostics.text(),
            "");
}

TEST_F(Load, AFileWithAnyOtherExtensionIsJsonOrYaml) {
  EXPECT_EQ(file("a.conf", "{\"node\": {\"id\": \"a\"}}")->node().id(), "a");
  EXPECT_EQ(file("a.conf", "node: {id: a}")->node().id(), "a");
}

TEST_F(Load, AnExtensionIsChosenByItsTypeAndCheckedInside) {
  EXPECT_EQ(error(R"(
static_resources:
  clusters:
  - name: a
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 0}}
)"),
            "8:57: static_resources.clusters[0].typed_extension_protocol_options"
            "[\"envoy.extensions.upstreams.http.v3.HttpProtocolOptions\"]"
            ".explicit_http_config.http2_protocol_options.max_concurrent_streams: "
            "must be at least 1 and at most 2147483647, got 0");
}

TEST_F(Load, ARequiredAlternativeIsOnlyRequiredWhereItIsChosen) {
  EXPECT_EQ(error("stats_config: {stats_matcher: {inclusion_list: {patterns: [{prefix: a}]}}}"), "");
  EXPECT_EQ(error("stats_config: {stats_matcher: {inclusion_list: {patterns: [{}]}}}"),
            "1:60: stats_config.stats_matcher.inclusion_list.patterns[0]: one of exact, prefix, suffix, safe_regex, "
            "contains, custom is required");
}

TEST_F(Load, AnUnknownExtensionIsNamedWithItsNeighbour) {
  EXPECT_EQ(error(R"(
static_resources:
  clusters:
  - name: a
    transport_socket: {name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContxt}}
)"),
            "5:57: static_resources.clusters[0].transport_socket.typed_config: unknown type "
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContxt; did you mean "
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext?");
}

TEST_F(Load, AnExtensionWithoutGeneratedCodeIsStillCheckedByItsDescriptor) {
  const std::string text = error(R"(
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: "::1", port_value: 1}}
    filter_chains:
    - filters:
      - name: x
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy
          stat_prefix: ""
          settings: {op_timeout: 1s, max_buffer: 3}
)");
  const std::string base = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
  EXPECT_EQ(text, "11:11: " + base + ".stat_prefix: must not be empty\n" + "--config-yaml:12:38: " + base +
                      ".settings.max_buffer: unknown field; did you mean max_buffer_size_before_flush?");
}

TEST_F(Load, BothTypedStructWrappersAreReplacedByWhatTheyWrap) {
  for (const std::string wrapper : {"udpa.type.v1", "xds.type.v3"}) {
    const auto loaded = yaml(R"(
static_resources:
  clusters:
  - name: a
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/)" +
                             wrapper + R"(.TypedStruct
        type_url: type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        value: {explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 5}}}
)");
    ASSERT_EQ(loaded.diagnostics.text(), "");
    envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
    ASSERT_TRUE(loaded->static_resources().clusters(0).typed_extension_protocol_options().begin()->second.UnpackTo(&options));
    EXPECT_EQ(options.explicit_http_config().http2_protocol_options().max_concurrent_streams().value(), 5u);
  }
}

TEST_F(Load, TextGivenBesidesAFileIsMergedOverIt) {
  const auto loaded = file("a.yaml", "node: {id: a, cluster: c}\nstatic_resources: {clusters: [{name: one}]}",
                           "{node: {id: b}, static_resources: {clusters: [{name: two}]}}");
  EXPECT_EQ(loaded.diagnostics.text(), "");
  EXPECT_EQ(loaded->node().id(), "b");
  EXPECT_EQ(loaded->node().cluster(), "c");
  EXPECT_EQ(loaded->static_resources().clusters_size(), 2);
  EXPECT_EQ(loaded.positions.find("static_resources.clusters[1].name").file, "--config-yaml");
}

TEST_F(Load, BinaryAndTextProtobufAreReadByTheirExtensions) {
  Bootstrap bootstrap;
  bootstrap.mutable_node()->set_id("x");
  EXPECT_EQ(file("a.pb", bootstrap.SerializeAsString())->node().id(), "x");
  EXPECT_EQ(file("a.pb_text", "node { id: \"x\" }")->node().id(), "x");
  const auto broken = file("a.pb_text", "node {\n  idd: \"x\" }");
  EXPECT_EQ(broken.diagnostics.errors()[0].at.line, 2u);
  EXPECT_FALSE(file("b.pb", "\xff\xff").ok());
}

TEST_F(Load, ATypedStructInBytesIsReplacedByWhatItWraps) {
  const auto text = yaml(R"(
static_resources:
  clusters:
  - name: a
    metadata: {filter_metadata: {x: {type_url: envoy.config.core.v3.Node, value: 1}}}
)");
  Bootstrap bootstrap = *text;
  xds::type::v3::TypedStruct wrapper;
  wrapper.set_type_url("type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
  auto& options = *(*wrapper.mutable_value()->mutable_fields())["explicit_http_config"].mutable_struct_value()->mutable_fields();
  auto& http2 = *options["http2_protocol_options"].mutable_struct_value()->mutable_fields();
  http2["max_concurrent_streams"].set_number_value(5);
  auto& any = (*bootstrap.mutable_static_resources()->mutable_clusters(0)->mutable_typed_extension_protocol_options())["x"];
  any.PackFrom(wrapper);
  const auto good = file("a.pb", bootstrap.SerializeAsString());
  EXPECT_EQ(good.diagnostics.text(), "");
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions unpacked;
  ASSERT_TRUE(good->static_resources().clusters(0).typed_extension_protocol_options().begin()->second.UnpackTo(&unpacked));
  EXPECT_EQ(unpacked.explicit_http_config().http2_protocol_options().max_concurrent_streams().value(), 5u);

  http2["max_concurrent_stream"].set_number_value(5);
  any.PackFrom(wrapper);
  Diagnostics found;
  check_resource(schema_, UnknownFields::kReject, nullptr, bootstrap, found);
  EXPECT_EQ(found.text(),
            "static_resources.clusters[0].typed_extension_protocol_options[\"x\"].explicit_http_config"
            ".http2_protocol_options.max_concurrent_stream: unknown field; did you mean max_concurrent_streams?");
}

TEST_F(Load, UnknownFieldsInBytesAreReportedByNumber) {
  Bootstrap bootstrap;
  auto* node = bootstrap.mutable_node();
  node->GetReflection()->MutableUnknownFields(node)->AddVarint(777, 1);
  EXPECT_NE(file("a.pb", bootstrap.SerializeAsString())
                .diagnostics.text()
                .find("node: envoy.config.core.v3.Node has no field numbered 777"),
            std::string::npos);
}

TEST_F(Load, EndlesslyNestedAnysAreRefused) {
  google::protobuf::Any any;
  for (int i = 0; i < 1000; ++i) {
    google::protobuf::Any outer;
    outer.PackFrom(any);
    any.Swap(&outer);
  }
  envoy::service::discovery::v3::DiscoveryResponse response;
  *response.add_resources() = any;
  Diagnostics found;
  check_resource(schema_, UnknownFields::kReject, nullptr, response, found);
  EXPECT_EQ(found.text(), "resources[0]: nested too deeply");
}

TEST_F(Load, UnknownFieldsCanBeAllowed) {
  const auto loaded = load_bootstrap(schema_, {.yaml = "{nod: 1}", .unknown_fields = UnknownFields::kWarn});
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.diagnostics.warnings()[0].text(), "--config-yaml:1:2: nod: unknown field, ignored; did you mean node?");
}

TEST_F(Load, PositionsAreFoundFromFieldPaths) {
  const auto loaded = yaml(R"(
staticResources:
  listeners:
  - name: l
    address: {socket_address: {address: "::1", port_value: 1}}
    filter_chains:
    - filters:
      - name: x
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          value:
            stat_prefix: x
            route_config:
              virtual_hosts: [{name: a, domains: ["*"]}, {name: b, domains: [b]}]
)");
  ASSERT_EQ(loaded.diagnostics.text(), "");
  const std::string base = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
  const Position domains = loaded.positions.find(base + ".route_config.virtual_hosts[1].domains[0]");
  EXPECT_EQ(domains.line, 15u);
  EXPECT_EQ(domains.column, 78u);
  EXPECT_EQ(loaded.positions.find(base + ".route_config.virtual_hosts[7].routes").line, 15u);
}

TEST_F(Load, HostileFilesAreRefused) {
  EXPECT_EQ(error(std::string(1000, '[')).substr(0, 7), "1:101: ");
  EXPECT_EQ(error("a: &a [" + std::string(5000, ' ') + "*b]").find("unknown anchor") != std::string::npos, true);
  EXPECT_NE(error("node: {id: \"\xff\"}").find("invalid UTF-8"), std::string::npos);
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) laughs += ", " + before;
    laughs += "]\n";
  }
  EXPECT_NE(error(laughs).find("aliases expand to too many values"), std::string::npos);
  EXPECT_NE(file("a.json", "{\"node\": {\"id\": \"\\ud800\"}}").diagnostics.text().find("surrogate"), std::string::npos);
  EXPECT_NE(file("a.json", "{\"node\": {},,}").diagnostics.text().find("expected a key"), std::string::npos);
  EXPECT_FALSE(file("a.yaml", "").ok());
  EXPECT_FALSE(file("a.json", std::string(100000, '{')).ok());
}

TEST_F(Load, AFileThatIsTooLargeIsRefusedBeforeItIsRead) {
  for (const std::string name : {"large.yaml", "large.json", "large.pb", "large.pb_text"}) {
    const std::string path = testing::TempDir() + name;
    std::ofstream(path).put(' ');
    std::filesystem::resize_file(path, 100 << 20);  // a hole, which takes no room on the disk
    const auto loaded = load_bootstrap(schema_, {.path = path});
    EXPECT_EQ(loaded.diagnostics.text(), path + ": larger than 64 MiB");
    std::filesystem::remove(path);
  }
}

TEST_F(Load, DeepNestingIsRefusedInEveryFormat) {
  std::string block, flow = "{node: {metadata: {", text = "node { metadata { fields { value { ";
  for (int i = 0; i < 200; ++i) {
    block += std::string(static_cast<size_t>(i), ' ') + "a:\n";
    flow += "a: {";
    text += "struct_value { fields { value { ";
  }
  EXPECT_NE(error("node:\n  metadata: {}\n" + block).find("nested too deeply"), std::string::npos);
  EXPECT_NE(error(flow).find("nested too deeply"), std::string::npos);
  EXPECT_FALSE(file("a.json", std::string(200, '[')).ok());
  EXPECT_FALSE(file("a.pb_text", text).ok());
}

TEST_F(Load, AKeyGivenTwiceIsRefusedInJsonToo) {
  EXPECT_NE(file("a.json", R"({"node": {"id": "a"}, "node": {}})").diagnostics.text().find("occurs twice"), std::string::npos);
}

TEST_F(Load, WhatTheJsonReaderOfEnvoyLetsPassIsRead) {
  const auto loaded = file("a.yaml", R"(
static_resources:
  clusters:
  - [{name: a, connect_timeout: {seconds: 2}, per_connection_buffer_limit_bytes: {value: 7}}]
  - []
  - {name: b, ignore_health_on_host_removal: "YES"}
)");
  ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.text();
  ASSERT_EQ(loaded->static_resources().clusters_size(), 2);
  EXPECT_EQ(loaded->static_resources().clusters(0).connect_timeout().seconds(), 2);
  EXPECT_EQ(loaded->static_resources().clusters(0).per_connection_buffer_limit_bytes().value(), 7u);
  EXPECT_TRUE(loaded->static_resources().clusters(1).ignore_health_on_host_removal());
}

TEST_F(Load, AMissingFileIsACleanError) {
  const auto loaded = load_bootstrap(schema_, {.path = "/nonexistent/x.yaml"});
  EXPECT_EQ(loaded.diagnostics.text(),
            "/nonexistent/x.yaml: cannot open: No such file or directory; give the path of an existing file");
}

TEST_F(Load, ADiscoveryResponseLoadsLikeABootstrap) {
  const auto loaded = load<envoy::service::discovery::v3::DiscoveryResponse>(schema_, {.yaml = R"(
version_info: "1"
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: ""
)"});
  EXPECT_EQ(loaded.diagnostics.text(), "--config-yaml:5:3: resources[0].name: must not be empty");
}

}  // namespace
}  // namespace weir::config
