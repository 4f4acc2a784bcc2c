// What a route misses in a request, in words.
#include "route/explain.h"

#include <gtest/gtest.h>

namespace weir::route {
namespace {

class ExplainTest : public testing::Test {
 protected:
  ExplainTest() {
    request_.set_pseudo(http::HeaderId::kMethod, "GET");
    request_.set_pseudo(http::HeaderId::kAuthority, "www.a.test:80");
    request_.set_pseudo(http::HeaderId::kPath, "/api/x?q=1");
  }
  static Route prefix(std::string text) {
    Route route;
    route.match.path.text = std::move(text);
    route.action = DirectResponse{};
    return route;
  }
  static HeaderMatcher header(std::string_view name, std::string_view value, bool invert = false) {
    HeaderMatcher matcher;
    matcher.name = http::HeaderName(name);
    matcher.kind = HeaderMatcher::Kind::kText;
    matcher.text = TextMatcher::make(TextMatcher::Kind::kExact, value);
    matcher.invert = invert;
    return matcher;
  }
  std::string miss(const RouteMatch& match) {
    const auto found = first_miss(match, "/api/x", request_, context_);
    EXPECT_EQ(found.has_value(), !route_matches(match, "/api/x", request_, context_));
    return found ? found->text() : "";
  }

  Arena arena_;
  http::HeaderMap request_{arena_};
  MatchContext context_{.random = 60};
};

TEST_F(ExplainTest, ThePathIsAskedFirst) {
  Route route = prefix("/other");
  route.match.headers = {header("version", "v2")};
  EXPECT_EQ(miss(route.match), "path is \"/api/x\", wanted prefix /other");
}

TEST_F(ExplainTest, AHeaderThatIsMissingAndOneThatIsDifferentReadDifferently) {
  Route route = prefix("/api");
  route.match.headers = {header("version", "v2")};
  EXPECT_EQ(miss(route.match), "no header version, wanted exactly \"v2\"");
  request_.add("version", "v1");
  EXPECT_EQ(miss(route.match), "header version is \"v1\", wanted exactly \"v2\"");
  route.match.headers = {header("version", "v1", true)};
  EXPECT_EQ(miss(route.match), "header version is \"v1\", wanted anything but exactly \"v1\"");
  route.match.headers = {header("version", "v1")};
  EXPECT_EQ(miss(route.match), "");
}

TEST_F(ExplainTest, QueryChanceGrpcAndCertificatesAreNamed) {
  Route route = prefix("/");
  route.match.query_parameters = {QueryMatcher{.name = "debug"}};
  EXPECT_EQ(miss(route.match), "no query parameter debug");
  route.match = prefix("/").match;
  route.match.runtime_fraction = Fraction{50, 100, "key"};
  EXPECT_EQ(miss(route.match), "random value is \"60\", wanted 50 % of the requests (runtime key key)");
  route.match = prefix("/").match;
  route.match.grpc = true;
  EXPECT_EQ(miss(route.match), "no header content-type, wanted application/grpc");
  route.match = prefix("/").match;
  route.match.tls_presented = true;
  EXPECT_EQ(miss(route.match), "client certificate is \"no\", wanted presented");
}

TEST_F(ExplainTest, AllRoutesUpToTheOneThatMatchedAreListed) {
  RouteConfig config;
  config.ignore_port_in_host_matching = true;
  config.virtual_hosts.push_back({.name = "other", .domains = {"b.test"}});
  config.virtual_hosts.push_back({.name = "www", .domains = {"x.test", "*.a.test"}});
  for (const char* text : {"/health", "/api", "/"}) config.virtual_hosts[1].routes.push_back(prefix(text));
  const auto table = *RouteTable::build(std::move(config));
  const Explanation explanation = explain(*table, request_, context_);
  EXPECT_EQ(explanation.virtual_host_number, 1u);
  EXPECT_EQ(explanation.domain, "*.a.test");
  ASSERT_EQ(explanation.candidates.size(), 2u);
  EXPECT_TRUE(explanation.candidates[0].miss);
  EXPECT_FALSE(explanation.candidates[1].miss);
  EXPECT_EQ(explanation.match.route, explanation.candidates[1].route);
}

TEST_F(ExplainTest, AVirtualHostThatRequiresTlsAsksNoRoute) {
  request_.add(http::HeaderId::kForwardedProto, "http");
  RouteConfig config;
  config.virtual_hosts.push_back({.name = "www", .domains = {"*"}, .routes = {}, .require_tls = TlsRequirement::kAll});
  config.virtual_hosts[0].routes.push_back(prefix("/"));
  const auto table = *RouteTable::build(std::move(config));
  const Explanation explanation = explain(*table, request_, context_);
  EXPECT_TRUE(explanation.https_redirect);
  EXPECT_TRUE(explanation.candidates.empty());
}

TEST_F(ExplainTest, ARouteIsDescribedWithAllItsConditions) {
  Route route = prefix("/api");
  route.match.headers = {header("version", "v2")};
  route.match.query_parameters = {QueryMatcher{.name = "debug"}};
  route.match.grpc = true;
  EXPECT_EQ(describe(route.match), "prefix /api, gRPC, header version exactly \"v2\", query debug present");
}

}  // namespace
}  // namespace weir::route
