#include "filter/rbac.h"

#include <google/protobuf/any.pb.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "filter/rbac_engine_config.h"
#include "filter/test_exchange.h"
#include "net/tls/tls_info.h"

namespace weir::filter {
namespace {

namespace v3 = envoy::extensions::filters::http::rbac::v3;

net::AddressPtr address(const char* ip, uint16_t port) {
  return std::make_shared<const net::Address>(*net::Address::from_ip(ip, port));
}

/// A filter made of YAML, and a request from 10.0.0.1 (which says it speaks for 10.9.9.9) to 10.0.0.2:8080.
class RbacTest : public testing::Test {
 protected:
  RbacTest() {
    declare_rbac(table_);
    connection_.local_address = address("10.0.0.2", 8080);
    connection_.remote_address = connection_.direct_remote_address = address("10.0.0.1", 40000);
    connection_.requested_server_name = "shop.test";
    exchange_.stream_info.connection = &connection_;
    exchange_.stream_info.client_address = address("10.9.9.9", 0);
    exchange_.request_headers.set_pseudo(http::HeaderId::kPath, "/a/b?c=/d");
    exchange_.request_headers.add("x-role", "admin");
  }

  void configure(const std::string& yaml) {
    auto loaded = config::load<v3::RBAC>(schema_, {.yaml = yaml, .support = &table_});
    ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.text();
    google::protobuf::Any any;
    any.PackFrom(*loaded);
    config::Diagnostics diagnostics;
    factory_ = read_rbac(any, {}, FilterContext{.stats = scopes_, .stat_prefix = "http.in."}, diagnostics);
    ASSERT_NE(factory_, nullptr) << diagnostics.text();
  }
  /// The loader's errors, or the reader's.
  std::string refusal(const std::string& yaml, bool of_connections = false) {
    auto loaded = config::load<v3::RBAC>(schema_, {.yaml = yaml, .support = &table_});
    if (!loaded.ok()) return loaded.diagnostics.text();
    config::Diagnostics diagnostics;
    RbacReader reader{.diagnostics = diagnostics, .of_connections = of_connections};
    reader.engine({.rules = loaded->has_rules() ? &loaded->rules() : nullptr,
                   .matcher = loaded->has_matcher() ? &loaded->matcher() : nullptr,
                   .rules_field = "rules",
                   .matcher_field = "matcher"},
                  {});
    return diagnostics.text();
  }
  static std::string policy(const std::string& permission, const std::string& principal = "{any: true}") {
    return "{rules: {policies: {p: {permissions: [" + permission + "], principals: [" + principal + "]}}}}";
  }

  Verdict ask() {
    Filter* filter = factory_->make(exchange_, {});
    return filter == nullptr ? Verdict::proceed() : filter->on_request(exchange_);
  }
  bool allows(const std::string& permission, const std::string& principal = "{any: true}") {
    configure(policy(permission, principal));
    return ask().kind == Verdict::Kind::kProceed;
  }
  std::string noted(std::string_view key, std::string_view name_space = "envoy.filters.http.rbac") {
    const auto* value = exchange_.stream_info.metadata.find(name_space, std::array{key});
    if (value == nullptr) return "-";
    return value->kind == format::MetadataValue::Kind::kBool ? (value->flag ? "true" : "false") : std::string(value->text);
  }

  config::Schema schema_;
  config::SupportTable table_;
  stats::Registry registry_;
  stats::Scopes scopes_{registry_, 1};
  format::ConnectionInfo connection_;
  TestExchange exchange_;
  FilterFactoryPtr factory_;
};

TEST_F(RbacTest, AllowsWhatAPolicyFitsAndNothingElse) {
  EXPECT_TRUE(allows("{header: {name: x-role, string_match: {exact: admin}}}"));
  EXPECT_FALSE(allows("{header: {name: x-role, string_match: {exact: user}}}"));
}

TEST_F(RbacTest, DeniesWithTheNameOfThePolicyWithoutBlanks) {
  configure(R"({rules: {action: DENY, policies: {"b c\td": {permissions: [{any: true}], principals: [{any: true}]},
                                                 x: {permissions: [{any: true}], principals: [{any: true}]}}}})");
  const Verdict verdict = ask();
  ASSERT_EQ(verdict.kind, Verdict::Kind::kReply);
  EXPECT_EQ(verdict.answer.status, 403);
  EXPECT_EQ(verdict.answer.body, "RBAC: access denied");
  EXPECT_EQ(verdict.answer.details, "rbac_access_denied_matched_policy[b_c_d]");
  EXPECT_EQ(noted("enforced_effective_policy_id"), "b c\td");
  EXPECT_EQ(noted("enforced_engine_result"), "denied");
}

TEST_F(RbacTest, CombinesConditions) {
  EXPECT_TRUE(allows("{and_rules: {rules: [{destination_port: 8080}, {not_rule: {destination_port: 80}}]}}"));
  EXPECT_FALSE(allows("{and_rules: {rules: [{destination_port: 8080}, {destination_port: 80}]}}"));
  EXPECT_TRUE(allows("{or_rules: {rules: [{destination_port: 80}, {destination_port: 8080}]}}"));
  EXPECT_FALSE(allows("{any: true}", "{not_id: {any: true}}"));
}

TEST_F(RbacTest, KnowsThreeAddressesOfTheClient) {
  exchange_.stream_info.client_address = address("10.9.9.9", 0);
  connection_.direct_remote_address = address("10.7.7.7", 1);
  EXPECT_TRUE(allows("{any: true}", "{source_ip: {address_prefix: 10.0.0.1, prefix_len: 32}}"));
  EXPECT_TRUE(allows("{any: true}", "{direct_remote_ip: {address_prefix: 10.7.7.7, prefix_len: 32}}"));
  EXPECT_TRUE(allows("{any: true}", "{remote_ip: {address_prefix: 10.9.9.9, prefix_len: 32}}"));
  EXPECT_FALSE(allows("{any: true}", "{remote_ip: {address_prefix: 10.0.0.1, prefix_len: 32}}"));
}

TEST_F(RbacTest, PathsAreMatchedWithoutTheirQuery) {
  EXPECT_TRUE(allows("{url_path: {path: {exact: /a/b}}}"));
  EXPECT_TRUE(
      allows("{uri_template: {name: t, typed_config: {'@type': "
             "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "
             "'/{x}/b'}}}"));
}

TEST_F(RbacTest, PortsOfARangeExcludeItsEnd) {
  EXPECT_TRUE(allows("{destination_port_range: {start: 8080, end: 8081}}"));
  EXPECT_FALSE(allows("{destination_port_range: {start: 1, end: 8080}}"));
}

TEST_F(RbacTest, NobodyIsAuthenticatedWithoutTls) {
  EXPECT_FALSE(allows("{any: true}", "{authenticated: {}}"));
  connection_.tls_info = std::make_shared<net::TlsInfo>();
  EXPECT_TRUE(allows("{any: true}", "{authenticated: {}}"));
  EXPECT_FALSE(allows("{any: true}", "{authenticated: {principal_name: {exact: a}}}"));
  EXPECT_TRUE(allows("{any: true}", "{authenticated: {principal_name: {exact: ''}}}")) << "as in Envoy: the subject of nobody";
  EXPECT_FALSE(allows("{any: true}",
                      "{custom: {name: m, typed_config: {'@type': "
                      "type.googleapis.com/envoy.extensions.rbac.principals.mtls_authenticated.v3.Config, "
                      "any_validated_client_certificate: true}}}"));
}

TEST_F(RbacTest, TheUpstreamsAddressIsWhatAFilterNoted) {
  const std::string rule =
      "{matcher: {name: m, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher, upstream_ip: "
      "{address_prefix: 10.1.0.0, prefix_len: 16}, upstream_port_range: {start: 80, end: 81}}}}";
  EXPECT_FALSE(allows(rule));
  const net::AddressPtr good = address("10.1.2.3", 81), bad = address("10.1.2.3", 82);
  exchange_.stream_info.filter_state.set(exchange_.memory, "envoy.stream.upstream_address", {good->text(), good.get()});
  EXPECT_TRUE(allows(rule));
  exchange_.stream_info.filter_state.set(exchange_.memory, "envoy.stream.upstream_address", {bad->text(), bad.get()});
  EXPECT_FALSE(allows(rule));
}

TEST_F(RbacTest, LogAllowsAndHints) {
  configure("{rules: {action: LOG, policies: {p: {permissions: [{destination_port: 80}], principals: [{any: true}]}}}}");
  EXPECT_EQ(ask().kind, Verdict::Kind::kProceed);
  EXPECT_EQ(noted("access_log_hint", "envoy.common"), "false");
}

TEST_F(RbacTest, ShadowRulesOnlyNote) {
  configure("{shadow_rules_stat_prefix: try_, shadow_rules: {policies: {}}}");
  EXPECT_EQ(ask().kind, Verdict::Kind::kProceed);
  EXPECT_EQ(noted("try_shadow_engine_result"), "denied");
  EXPECT_EQ(noted("enforced_engine_result"), "-");
}

TEST_F(RbacTest, WithoutRulesThereIsNoFilter) {
  configure("{}");
  EXPECT_EQ(factory_->make(exchange_, {}), nullptr);
}

TEST_F(RbacTest, CountsPoliciesIfAskedTo) {
  struct Seen final : stats::StatVisitor {
    Seen() : StatVisitor(stats::StatKind::kCounter) {}
    void on_counter(std::string_view name, uint64_t value, bool) override {
      if (value != 0) text += std::string(name) + "=" + std::to_string(value) + "\n";
    }
    void on_gauge(std::string_view, uint64_t, bool) override {}
    void on_histogram(std::string_view, const stats::HistogramCells&, stats::Unit) override {}
    std::string text;
  };
  configure(
      "{rules_stat_prefix: r., shadow_rules_stat_prefix: s_, track_per_rule_stats: true, "
      "rules: {policies: {a.b: {permissions: [{any: true}], principals: [{any: true}]}}}, "
      "shadow_rules: {action: DENY, policies: {'x:y': {permissions: [{any: true}], principals: [{any: true}]}}}}");
  (void)ask();
  (void)ask();
  Seen seen;
  registry_.visit(seen);
  EXPECT_EQ(seen.text,
            "http.in.rbac.r.allowed=2\nhttp.in.rbac.r.policy.a.b.allowed=2\n"
            "http.in.rbac.s_.policy.x:y.shadow_denied=2\nhttp.in.rbac.s_.shadow_denied=2\n");
}

TEST_F(RbacTest, AMatcherDeniesWhatItDoesNotKnow) {
  const std::string start =
      "{matcher: {matcher_tree: {input: {name: i, typed_config: {'@type': "
      "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-role}}, exact_match_map: {map: {";
  const auto action = [](const std::string& body) {
    return ": {action: {name: a, typed_config: {'@type': type.googleapis.com/envoy.config.rbac.v3.Action, " + body + "}}}";
  };
  configure(start + "admin" + action("name: boss") + "}}}}}");
  EXPECT_EQ(ask().kind, Verdict::Kind::kProceed);
  EXPECT_EQ(noted("enforced_effective_policy_id"), "boss");
  EXPECT_EQ(noted("access_log_hint", "envoy.common"), "-");
  configure(start + "user" + action("name: someone") + "}}}}}");
  EXPECT_EQ(ask().answer.details, "rbac_access_denied_matched_policy[none]");
  configure(start + "admin" + action("name: boss") + ", user" + action("name: u, action: LOG") + "}}}}}");
  (void)ask();
  EXPECT_EQ(noted("access_log_hint", "envoy.common"), "false");
}

TEST_F(RbacTest, SaysWhatItCannotDo) {
  const auto expect = [&](const std::string& yaml, const char* path, const char* text, bool of_connections = false) {
    const std::string said = refusal(yaml, of_connections);
    EXPECT_NE(said.find(path), std::string::npos) << yaml << "\n" << said;
    EXPECT_NE(said.find(text), std::string::npos) << yaml << "\n" << said;
  };
  EXPECT_EQ(refusal(policy("{destination_port_range: {start: 1, end: 65536}}")), "");
  expect(policy("{destination_port_range: {start: 5, end: 5}}"), "permissions[0].destination_port_range", "no port from 5");
  expect(policy("{destination_port_range: {start: 5, end: 65537}}"), "destination_port_range.end", "65537");
  expect(policy("{destination_port_range: {start: -1, end: 5}}"), "destination_port_range.start", "-1");
  expect(policy("{destination_ip: {address_prefix: 10.0.0.x, prefix_len: 8}}"), "destination_ip.address_prefix", "10.0.0.x");
  expect(policy("{matcher: {name: m, typed_config: {'@type': "
                "type.googleapis.com/envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher}}}"),
         "matcher.typed_config", "upstream_port_range");
  const std::string mtls =
      "{custom: {name: m, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.rbac.principals.mtls_authenticated.v3.Config";
  expect(policy("{any: true}", mtls + "}}}"), "principals[0].custom.typed_config", "any_validated_client_certificate");
  expect(policy("{any: true}", mtls + ", san_matcher: {san_type: OTHER_NAME, matcher: {exact: a}}}}}"),
         "custom.typed_config.san_matcher.oid", "OID");
  expect("{rules: {policies: {p: {permissions: [{any: true}], principals: [{any: true}], condition: {const_expr: {}}}}}}",
         "policies[\"p\"].condition", "does not implement");
  expect(policy("{not_rule: {header: {name: a}}}"), "permissions[0].not_rule.header", "a connection has no headers", true);
  expect(
      "{matcher: {matcher_list: {matchers: [{predicate: {single_predicate: {input: {name: i, typed_config: {'@type': "
      "type.googleapis.com/envoy.type.matcher.v3.HttpRequestQueryParamMatchInput, query_param: a}}, value_match: {exact: a}}}, "
      "on_match: {action: {name: a, typed_config: {'@type': type.googleapis.com/envoy.config.rbac.v3.Action, name: b}}}}]}}}",
      "matcher.matcher_list.matchers[0].predicate.single_predicate.input", "access is not controlled by this");
}

}  // namespace
}  // namespace weir::filter
