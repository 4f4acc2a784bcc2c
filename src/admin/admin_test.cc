#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "admin/server.h"
#include "base/text.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/server_info.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "google/protobuf/wrappers.pb.h"

namespace weir::admin {
namespace {

net::AddressPtr ip(const char* text, uint16_t port) {
  return std::make_shared<const net::Address>(*net::Address::from_ip(text, port));
}

upstream::ClusterStatePtr make_cluster(const std::string& name, bool with_endpoint) {
  auto spec = std::make_shared<upstream::ClusterSpec>();
  spec->name = spec->stat_name = name;
  spec->thresholds[0].max_connections = 7;
  auto state = std::make_shared<upstream::ClusterState>(spec, 2);
  auto set = std::make_shared<upstream::EndpointSet>();
  if (with_endpoint) {
    auto endpoint = std::make_shared<upstream::Endpoint>(2, ip("127.0.0.1", 8080));
    endpoint->hostname = "h1";
    endpoint->locality = {"r1", "z1", "s1"};
    endpoint->weight = 3;
    endpoint->canary = true;
    endpoint->stats.mine(0).cx_total.add(2);
    endpoint->stats.mine(1).rq_total.add(8);
    endpoint->stats.mine(1).cx_active.add(1);
    set->endpoints.push_back(std::move(endpoint));
  }
  state->endpoints = std::move(set);
  return state;
}

struct FakeProcess final : Subject {
  ServerState state() override { return failing ? ServerState::kDraining : now; }
  void describe(envoy::admin::v3::ServerInfo& info) override {
    info.set_version("abc/1.36.4/Clean/RELEASE/OpenSSL");
    info.mutable_uptime_current_epoch()->set_seconds(3);
    info.mutable_command_line_options()->set_concurrency(2);
    info.mutable_command_line_options()->mutable_drain_time()->set_seconds(600);
    info.mutable_node()->set_id("n1");
  }
  std::vector<upstream::ClusterStatePtr> clusters() override { return cluster_list; }
  std::vector<ListenerView> listeners() override { return {{"l1", {ip("127.0.0.1", 10000), ip("::1", 10001)}}}; }
  std::vector<std::unique_ptr<google::protobuf::Message>> config_dump(bool include_eds) override {
    std::vector<std::unique_ptr<google::protobuf::Message>> sections;
    auto bootstrap = std::make_unique<envoy::admin::v3::BootstrapConfigDump>();
    bootstrap->mutable_bootstrap()->mutable_node()->set_id("n1");
    bootstrap->mutable_last_updated()->set_seconds(1'700'000'000);
    bootstrap->mutable_last_updated()->set_nanos(471'000'000);
    sections.push_back(std::move(bootstrap));
    auto clusters = std::make_unique<envoy::admin::v3::ClustersConfigDump>();
    for (const char* name : {"a", "b"}) {
      envoy::config::cluster::v3::Cluster cluster;
      cluster.set_name(name);
      cluster.mutable_connect_timeout()->set_nanos(250'000'000);
      clusters->add_static_clusters()->mutable_cluster()->PackFrom(cluster);
    }
    sections.push_back(std::move(clusters));
    if (include_eds) sections.push_back(std::make_unique<envoy::admin::v3::EndpointsConfigDump>());
    sections.push_back(std::make_unique<envoy::admin::v3::ListenersConfigDump>());
    auto secrets = std::make_unique<envoy::admin::v3::SecretsConfigDump>();
    envoy::extensions::transport_sockets::tls::v3::Secret secret;
    secret.mutable_tls_certificate()->mutable_private_key()->set_inline_bytes("very secret");
    secrets->add_static_secrets()->mutable_secret()->PackFrom(secret);
    sections.push_back(std::move(secrets));
    return sections;
  }
  std::vector<control::Runtime::View> runtime_layers() override { return {{"base", &base_layer}, {"admin", &admin_layer}}; }
  Result<> modify_runtime(const std::vector<std::pair<std::string, std::string>>& changes) override {
    if (!has_admin_layer) return failure("No admin layer specified");
    for (const auto& [key, text] : changes) admin_layer[key] = control::read_runtime_text(text);
    return {};
  }
  void quit() override { quit_asked = true; }
  void drain_listeners(const Drain& drain) override { drains.push_back(drain); }
  void fail_health_checks(bool fail) override { failing = fail; }
  void reopen_logs() override { ++reopened; }

  ServerState now = ServerState::kLive;
  std::vector<upstream::ClusterStatePtr> cluster_list;
  bool failing = false, quit_asked = false;
  int reopened = 0;
  control::RuntimeEntries base_layer{{"a.b", {"5", RuntimeValue::number(5)}}}, admin_layer;
  bool has_admin_layer = true;
  std::vector<Drain> drains;
};

struct Answer {
  int status = 0;
  std::string head, body;
};

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    process_.cluster_list = {make_cluster("web", true), make_cluster("empty", false)};
    EXPECT_TRUE(server_.listen(*net::Address::from_ip("127.0.0.1", 0)));
  }

  /// Sends bytes over a connection of its own and reads until the server closes, or until `enough` came; slowly, if asked.
  std::string exchange(const std::string& bytes, bool slowly = false, const std::string& enough = "") {
    std::string received;
    std::atomic<bool> done = false;
    std::thread client([&] {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      EXPECT_EQ(connect(fd, server_.address().get(), server_.address().size()), 0);
      EXPECT_EQ(send(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
      char buffer[65536];
      if (slowly) usleep(100'000);
      for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        received.append(buffer, static_cast<size_t>(got));
        if (!enough.empty() && received.find(enough) != std::string::npos) break;
      }
      close(fd);
      done = true;
      loop_.post([] {});
    });
    while (!done) loop_.turn(-1);
    client.join();
    return received;
  }

  Answer ask(const std::string& method, const std::string& target, const std::string& lines = "", const std::string& body = "") {
    const std::string text =
        exchange(method + " " + target + " HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n" + lines +
                 (body.empty() ? "" : "content-length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body);
    Answer answer;
    const size_t end = text.find("\r\n\r\n");
    answer.head = text.substr(0, end + 2);
    answer.status = atoi(text.c_str() + 9);
    for (size_t at = end + 4; at < text.size();) {  // chunks
      const size_t size = std::stoul(text.substr(at), nullptr, 16);
      at = text.find("\r\n", at) + 2;
      answer.body += text.substr(at, size);
      at += size + 2;
    }
    return answer;
  }
  Answer get(const std::string& target) { return ask("GET", target); }
  Answer post(const std::string& target) { return ask("POST", target, "content-length: 0\r\n"); }

  loop::EventLoop loop_{1};
  stats::Registry stats_;
  stats::TagExtractor tags_;
  config::Schema schema_;
  Log log_{LogLevel::kWarning};
  FakeProcess process_;
  Server server_{loop_, {process_, stats_, tags_, schema_, log_}};
};

TEST_F(AdminTest, AnswersCarryEnvoysHeaders) {
  const Answer answer = get("/ready");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "LIVE\n");
  EXPECT_TRUE(
      answer.head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\n"
                              "cache-control: no-cache, max-age=0\r\nx-content-type-options: nosniff\r\ndate: "))
      << answer.head;
  EXPECT_NE(answer.head.find("\r\nserver: envoy\r\n"), std::string::npos);
}

TEST_F(AdminTest, ReadyIs503WhileHealthChecksFailOrTheServerStarts) {
  EXPECT_EQ(post("/healthcheck/fail").body, "OK\n");
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/ready").body, "DRAINING\n");
  EXPECT_EQ(post("/healthcheck/ok").body, "OK\n");
  EXPECT_EQ(get("/ready").status, 200);
  process_.now = ServerState::kPreInitializing;
  EXPECT_EQ(get("/ready").body, "PRE_INITIALIZING\n");
}

TEST_F(AdminTest, PathsAreNormalisedButTrailingSlashAndCaseMatter) {
  for (const char* path : {"/ready", "//ready", "/./ready", "/%72eady", "/x/../ready", "/ready?", "/ready?x=y"}) {
    EXPECT_EQ(get(path).status, 200) << path;
  }
  for (const char* path : {"/ready/", "/READY", "/nope"}) EXPECT_EQ(get(path).status, 404) << path;
  EXPECT_TRUE(get("/nope").body.starts_with("invalid path. admin commands are:\n  /: "));
  EXPECT_NE(get("/help").body.find("\n  /drain_listeners (POST): "), std::string::npos);
}

TEST_F(AdminTest, WhatChangesSomethingNeedsPost) {
  const Answer answer = get("/quitquitquit");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.body, "Method GET not allowed, POST required.");
  EXPECT_EQ(ask("PUT", "/logging").body, "Method PUT not allowed, POST required.");
  EXPECT_FALSE(process_.quit_asked);
  EXPECT_EQ(post("/quitquitquit").body, "OK\n");
  EXPECT_TRUE(process_.quit_asked);
  EXPECT_EQ(ask("DELETE", "/ready").status, 200);
}

TEST_F(AdminTest, APageOfAnotherSiteCannotMakeABrowserAct) {
  EXPECT_EQ(ask("POST", "/quitquitquit", "content-length: 0\r\norigin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(ask("POST", "/quitquitquit", "content-length: 0\r\nsec-fetch-site: cross-site\r\n").status, 403);
  EXPECT_FALSE(process_.quit_asked);
  EXPECT_EQ(ask("POST", "/quitquitquit", "content-length: 0\r\norigin: http://admin\r\n").status, 200);
}

TEST_F(AdminTest, DrainingTakesItsThreeFlags) {
  EXPECT_EQ(post("/drain_listeners?skip_exit").status, 400);
  EXPECT_EQ(post("/drain_listeners?graceful&skip_exit&inboundonly").status, 200);
  EXPECT_EQ(post("/drain_listeners").status, 200);
  ASSERT_EQ(process_.drains.size(), 2u);
  EXPECT_TRUE(process_.drains[0].graceful && process_.drains[0].skip_exit && process_.drains[0].inbound_only);
  EXPECT_FALSE(process_.drains[1].graceful || process_.drains[1].inbound_only);
  EXPECT_EQ(post("/reopen_logs").body, "OK\n");
  EXPECT_EQ(process_.reopened, 1);
}

TEST_F(AdminTest, LoggingShowsAndChangesLevels) {
  EXPECT_TRUE(post("/logging").body.starts_with("active loggers:\n  admin: warning\n  alternate_protocols_cache: warning\n"));
  EXPECT_TRUE(post("/logging?admin=debug").body.starts_with("active loggers:\n  admin: debug\n"));
  EXPECT_TRUE(post("/logging?paths=admin:info,http:error").body.starts_with("active loggers:\n  admin: info\n"));
  EXPECT_EQ(log_.level(log_component("http")), LogLevel::kError);
  EXPECT_TRUE(post("/logging?level=trace").body.ends_with("dynamic_modules: trace\n\n"));
  const Answer refused = post("/logging?level=warn");
  EXPECT_EQ(refused.status, 400);
  EXPECT_TRUE(refused.body.starts_with("error: unknown logger level\n\nusage: /logging?<name>=<level> (change single level)\n"));
  EXPECT_TRUE(post("/logging?nope=debug").body.starts_with("error: unknown logger name\n"));
  EXPECT_TRUE(post("/logging?a=b&c=d").body.starts_with("error: invalid number of parameters\n"));
  EXPECT_TRUE(post("/logging?paths=admin").body.starts_with("error: empty logger name or empty logger level\n"));
}

TEST_F(AdminTest, StatsRefuseWrongParametersInEnvoysWords) {
  EXPECT_EQ(get("/stats?filter=(").body, "Invalid re2 regex");
  EXPECT_EQ(get("/stats?type=x").body, "invalid &type= param");
  EXPECT_EQ(get("/stats?format=zz").body, "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n");
  EXPECT_EQ(get("/stats/prometheus?histogram_buckets=detailed").body, "unsupported prometheus histogram bucket mode");
  EXPECT_EQ(get("/stats?histogram_buckets=x").status, 400);
  EXPECT_EQ(get("/stats?filter=zzz").body, "");
}

TEST_F(AdminTest, StatsShowTheAdminServerItself) {
  get("/ready");
  EXPECT_EQ(
      get("/stats?filter=http.admin.downstream_rq_(total|2xx)").body,
      "http.admin.downstream_rq_2xx: 2\nhttp.admin.downstream_rq_total: 2\nlistener.admin.http.admin.downstream_rq_2xx: 2\n");
  EXPECT_EQ(get("/stats/prometheus?filter=main_thread.downstream_cx_total").body,
            "# TYPE envoy_listener_admin_main_thread_downstream_cx_total counter\n"
            "envoy_listener_admin_main_thread_downstream_cx_total{} 3\n");
  EXPECT_TRUE(get("/stats?format=json&filter=rq_1xx").body.starts_with("{\"stats\":[{\"name\":\"http.admin.downstream_rq_1xx\""));
  EXPECT_EQ(post("/reset_counters").body, "OK\n");
  EXPECT_EQ(get("/stats?filter=^http.admin.downstream_rq_total").body, "http.admin.downstream_rq_total: 1\n");
}

TEST_F(AdminTest, ClustersAreListedWithLimitsAndEndpoints) {
  const Answer answer = get("/clusters");
  EXPECT_EQ(answer.body,
            "web::observability_name::web\nweb::default_priority::max_connections::7\n"
            "web::default_priority::max_pending_requests::1024\nweb::default_priority::max_requests::1024\n"
            "web::default_priority::max_retries::3\nweb::high_priority::max_connections::1024\n"
            "web::high_priority::max_pending_requests::1024\nweb::high_priority::max_requests::1024\n"
            "web::high_priority::max_retries::3\nweb::added_via_api::false\nweb::127.0.0.1:8080::cx_active::1\n"
            "web::127.0.0.1:8080::cx_connect_fail::0\nweb::127.0.0.1:8080::cx_total::2\nweb::127.0.0.1:8080::rq_active::0\n"
            "web::127.0.0.1:8080::rq_error::0\nweb::127.0.0.1:8080::rq_success::0\nweb::127.0.0.1:8080::rq_timeout::0\n"
            "web::127.0.0.1:8080::rq_total::8\nweb::127.0.0.1:8080::hostname::h1\nweb::127.0.0.1:8080::health_flags::healthy\n"
            "web::127.0.0.1:8080::weight::3\nweb::127.0.0.1:8080::region::r1\nweb::127.0.0.1:8080::zone::z1\n"
            "web::127.0.0.1:8080::sub_zone::s1\nweb::127.0.0.1:8080::canary::true\nweb::127.0.0.1:8080::priority::0\n"
            "web::127.0.0.1:8080::success_rate::-1\nweb::127.0.0.1:8080::local_origin_success_rate::-1\n"
            "empty::observability_name::empty\nempty::default_priority::max_connections::7\n"
            "empty::default_priority::max_pending_requests::1024\nempty::default_priority::max_requests::1024\n"
            "empty::default_priority::max_retries::3\nempty::high_priority::max_connections::1024\n"
            "empty::high_priority::max_pending_requests::1024\nempty::high_priority::max_requests::1024\n"
            "empty::high_priority::max_retries::3\nempty::added_via_api::false\n");
  const std::string json = get("/clusters?format=json").body;
  EXPECT_TRUE(
      json.starts_with("{\n \"cluster_statuses\": [\n  {\n   \"name\": \"web\",\n   \"host_statuses\": [\n    {\n"
                       "     \"address\": {\n      \"socket_address\": {\n       \"address\": \"127.0.0.1\",\n"
                       "       \"port_value\": 8080\n"))
      << json;
  EXPECT_NE(json.find("      {\n       \"value\": \"2\",\n       \"name\": \"cx_total\"\n      },\n"), std::string::npos) << json;
  EXPECT_NE(json.find("   \"observability_name\": \"web\"\n  },\n  {\n   \"name\": \"empty\",\n"), std::string::npos) << json;
  EXPECT_TRUE(json.ends_with("   \"observability_name\": \"empty\"\n  }\n ]\n}\n")) << json;
}

TEST_F(AdminTest, ListenersAreListedWithAllTheirAddresses) {
  EXPECT_EQ(get("/listeners").body, "l1::127.0.0.1:10000\nl1::[::1]:10001\n");
  EXPECT_TRUE(get("/listeners?format=json")
                  .body.starts_with("{\n \"listener_statuses\": [\n  {\n   \"name\": \"l1\",\n   \"local_address\": {\n    "
                                    "\"socket_address\": {\n     \"address\": \"127.0.0.1\",\n     \"port_value\": 10000\n"));
}

TEST_F(AdminTest, ServerInfoShowsDefaultsToo) {
  const std::string body = get("/server_info").body;
  EXPECT_TRUE(
      body.starts_with("{\n \"version\": \"abc/1.36.4/Clean/RELEASE/OpenSSL\",\n \"state\": \"LIVE\",\n"
                       " \"uptime_current_epoch\": \"3s\",\n"))
      << body;
  EXPECT_NE(body.find("  \"base_id\": \"0\",\n  \"concurrency\": 2,\n"), std::string::npos) << body;
  EXPECT_NE(body.find("  \"client_features\": [],\n  \"listening_addresses\": [],\n  \"dynamic_parameters\": {}\n }\n}\n"),
            std::string::npos)
      << body;
}

TEST_F(AdminTest, ConfigDumpOpensWhatIsPackedAndHidesSecrets) {
  const std::string body = get("/config_dump").body;
  EXPECT_TRUE(
      body.starts_with("{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump\",\n"
                       "   \"bootstrap\": {\n    \"node\": {\n     \"id\": \"n1\"\n    }\n   },\n"
                       "   \"last_updated\": \"2023-11-14T22:13:20.471Z\"\n  },\n"))
      << body;
  EXPECT_NE(body.find("      \"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\n      \"name\": \"a\",\n"
                      "      \"connect_timeout\": \"0.250s\"\n"),
            std::string::npos)
      << body;
  EXPECT_NE(body.find("\"inline_bytes\": \"W3JlZGFjdGVkXQ==\""), std::string::npos) << body;
  EXPECT_EQ(body.find("very"), std::string::npos);
  EXPECT_EQ(body.find("EndpointsConfigDump"), std::string::npos);
  EXPECT_NE(get("/config_dump?include_eds").body.find("EndpointsConfigDump"), std::string::npos);
}

TEST_F(AdminTest, ConfigDumpCanBeNarrowed) {
  EXPECT_EQ(
      get("/config_dump?resource=static_clusters&mask=cluster.name").body,
      "{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\",\n"
      "   \"cluster\": {\n    \"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\n    \"name\": \"a\"\n   }\n"
      "  },\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster\",\n"
      "   \"cluster\": {\n    \"@type\": \"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\n    \"name\": \"b\"\n   }\n"
      "  }\n ]\n}\n");
  EXPECT_EQ(get("/config_dump?mask=bootstrap.node.id").body,
            "{\n \"configs\": [\n  {\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump\",\n"
            "   \"bootstrap\": {\n    \"node\": {\n     \"id\": \"n1\"\n    }\n   }\n  }\n ]\n}\n");
  EXPECT_EQ(get("/config_dump?resource=dynamic_listeners").body, "{}\n");
  const std::string named = get("/config_dump?resource=static_clusters&name_regex=^b").body;
  EXPECT_EQ(named.find("\"name\": \"a\""), std::string::npos);
  EXPECT_NE(named.find("\"name\": \"b\""), std::string::npos);
}

TEST_F(AdminTest, ConfigDumpRefusesInEnvoysWords) {
  const Answer nope = get("/config_dump?resource=nope");
  EXPECT_EQ(nope.status, 404);
  EXPECT_EQ(nope.body, "nope not found in config dump");
  EXPECT_NE(nope.head.find("content-type: text/plain\r\n"), std::string::npos);
  EXPECT_EQ(get("/config_dump?resource=bootstrap").body,
            "bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field");
  EXPECT_EQ(get("/config_dump?mask=zzz").body, "FieldMask zzz could not be successfully applied to any configs.");
  EXPECT_EQ(get("/config_dump?resource=static_clusters&mask=zzz").body,
            "FieldMask paths: \"zzz\"\n could not be successfully used.");
  EXPECT_EQ(get("/config_dump?name_regex=(").body, "INVALID_ARGUMENT: Error while parsing name_regex from (: missing ): (");
}

TEST_F(AdminTest, ASlowReaderGetsALargeAnswerWholeWhileLittleIsBuffered) {
  const auto many = stats_.add("many.", [](stats::StatVisitor& visitor) {
    for (int i = 0; i < 200'000; ++i) visitor.counter("counter_with_a_long_name_" + std::to_string(i), 1);
  });
  const std::string text = exchange("GET /stats?type=Counters HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", true);
  EXPECT_GT(text.size(), 200'000u * 36);
  EXPECT_TRUE(text.ends_with("0\r\n\r\n"));
}

TEST_F(AdminTest, RequestsOnOneConnectionAreAnsweredInTurn) {
  const std::string text = exchange(
      "GET /ready HTTP/1.1\r\nhost: a\r\n\r\nPOST /logging?admin=off HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
      "GET /hot_restart_version HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_NE(text.find("LIVE"), std::string::npos);
  EXPECT_NE(text.find("admin: off"), std::string::npos);
  EXPECT_NE(text.find("disabled"), std::string::npos);
}

TEST_F(AdminTest, Http2WithPriorKnowledgeWorksToo) {
  using namespace std::string_literals;
  const std::string head =
      "\x82\x86\x04\x06/ready\x01\x05"
      "admin"s;  // GET http, :path, :authority (RFC 7541)
  const std::string text = exchange(
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      "\0\0\0\x04\0\0\0\0\0"s +
          "\0\0"s + static_cast<char>(head.size()) + "\x01\x05\0\0\0\x01"s + head,
      false, "LIVE\n");
  EXPECT_NE(text.find("LIVE\n"), std::string::npos);
  EXPECT_NE(get("/stats?filter=http.admin.downstream_rq_http2_total").body.find(": 1\n"), std::string::npos);
}

TEST_F(AdminTest, AClientThatLeavesInTheMiddleOfAnAnswerDoesNoHarm) {
  const auto many = stats_.add("many.", [](stats::StatVisitor& visitor) {
    for (int i = 0; i < 200'000; ++i) visitor.counter("counter_with_a_long_name_" + std::to_string(i), 1);
  });
  exchange("GET /stats?type=Counters HTTP/1.1\r\nhost: a\r\n\r\n", false, "many.counter_with_a_long_name_1000");
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(get("/stats?filter=listener.admin.downstream_cx_active").body, "listener.admin.downstream_cx_active: 1\n");
}

TEST_F(AdminTest, NonsenseIsRefusedAndTheServerGoesOn) {
  EXPECT_TRUE(exchange("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(ask("POST", "/logging", "", std::string(100'000, 'x')).status, 413);
  EXPECT_EQ(get("/ready").status, 200);
}

TEST_F(AdminTest, TheHomePageLinksEveryCommand) {
  const Answer answer = get("/");
  EXPECT_NE(answer.head.find("content-type: text/html; charset=UTF-8"), std::string::npos);
  for (const Page& page : pages()) {
    if (page.path.starts_with("/weir/")) continue;  // what the application asks for
    EXPECT_NE(answer.body.find("action=\"" + std::string(page.path.substr(1))), std::string::npos) << page.path;
  }
}

}  // namespace
}  // namespace weir::admin
