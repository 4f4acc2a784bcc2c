#include "route/table.h"

#include <gtest/gtest.h>

#include "route/mutations.h"

namespace weir::route {
namespace {

using http::HeaderId;
using http::HeaderMap;

Route to(std::string_view cluster, PathMatch path) {
  Route route;
  route.match.path = std::move(path);
  route.action = Forward{.cluster = ClusterRef{0, std::string(cluster)}};
  return route;
}
PathMatch prefix(std::string_view text) { return {.kind = PathMatch::Kind::kPrefix, .text = std::string(text)}; }
PathMatch exact(std::string_view text) { return {.kind = PathMatch::Kind::kExact, .text = std::string(text)}; }
PathMatch separated(std::string_view text) { return {.kind = PathMatch::Kind::kSeparatedPrefix, .text = std::string(text)}; }
PathMatch regex(std::string_view text) { return {.kind = PathMatch::Kind::kRegex, .regex = *Regex::compile(text, 100)}; }
PathMatch any_case(PathMatch match) {
  match.case_sensitive = false;
  return match;
}

VirtualHost host(std::string_view name, std::vector<std::string> domains, std::vector<Route> routes) {
  VirtualHost result;
  result.name = name;
  result.domains = std::move(domains);
  result.routes = std::move(routes);
  return result;
}

std::shared_ptr<const RouteTable> table_of(std::vector<VirtualHost> hosts, RouteConfig config = {}) {
  config.virtual_hosts = std::move(hosts);
  return *RouteTable::build(std::move(config));
}

std::shared_ptr<const RouteTable> table_of(std::vector<Route> routes) {
  return table_of({host("all", {"*"}, std::move(routes))});
}

struct Request {
  explicit Request(std::string_view path, std::string_view authority = "example.com") : headers(arena) {
    headers.set_pseudo(HeaderId::kMethod, "GET");
    headers.set_pseudo(HeaderId::kScheme, "http");
    headers.set_pseudo(HeaderId::kAuthority, authority);
    headers.set_pseudo(HeaderId::kPath, path);
  }
  Arena arena;
  HeaderMap headers;
};

std::string cluster_of(const RouteTable& table, const Request& request, const MatchContext& context = {}) {
  const Match match = table.find(request.headers, context);
  if (match.virtual_host == nullptr) return "no host";
  if (match.route == nullptr) return "no route";
  const Forward* forward = match.route->forward();
  return forward == nullptr ? "no forward" : std::string(choose_cluster(*forward, request.headers, context.random, {}).name);
}

std::string host_of(const RouteTable& table, std::string_view authority) {
  const Request request("/", authority);
  const Match match = table.find(request.headers, {});
  return match.virtual_host == nullptr ? "none" : match.virtual_host->name;
}

/// The same answer with and without an index: `routes` alone, and followed by so many others that an index is built.
void expect_route(const std::vector<Route>& routes, std::string_view path, std::string_view cluster) {
  EXPECT_EQ(cluster_of(*table_of(routes), Request(path)), cluster) << path << ", few routes";
  std::vector<Route> many = routes;
  for (int i = 0; i < 40; ++i) many.push_back(to("filler", exact("/filler/" + std::to_string(i))));
  EXPECT_EQ(cluster_of(*table_of(many), Request(path)), cluster) << path << ", many routes";
}

TEST(RouteTable, TheClosestDomainWinsWhateverTheOrderOfVirtualHosts) {
  const auto table =
      table_of({host("any", {"*"}, {}), host("prefix", {"www.foo.*"}, {}), host("short suffix", {"*.foo.com"}, {}),
                host("long suffix", {"*-bar.foo.com"}, {}), host("exact", {"www.foo.com", "www.foo.com:8080"}, {})});
  EXPECT_EQ(host_of(*table, "www.foo.com"), "exact");
  EXPECT_EQ(host_of(*table, "WWW.Foo.COM"), "exact");
  EXPECT_EQ(host_of(*table, "a.foo.com"), "short suffix");
  EXPECT_EQ(host_of(*table, "a-bar.foo.com"), "long suffix");
  EXPECT_EQ(host_of(*table, "www.foo.org"), "prefix");
  EXPECT_EQ(host_of(*table, ".foo.com"), "any") << "a star stands for at least one character";
  EXPECT_EQ(host_of(*table, "other"), "any");
}

TEST(RouteTable, APortBelongsToTheDomainUnlessItIsIgnored) {
  const std::vector<VirtualHost> hosts = {host("plain", {"foo.com"}, {}), host("v6", {"[::1]"}, {})};
  EXPECT_EQ(host_of(*table_of(hosts), "foo.com:8080"), "none");
  RouteConfig config;
  config.ignore_port_in_host_matching = true;
  EXPECT_EQ(host_of(*table_of(hosts, config), "foo.com:8080"), "plain");
  EXPECT_EQ(host_of(*table_of(hosts, config), "[::1]:8080"), "v6");
  EXPECT_EQ(host_of(*table_of(hosts, config), "[::1]"), "v6");
}

TEST(RouteTable, ADomainMayBeClaimedOnlyOnceWhateverItsCase) {
  RouteConfig config;
  config.virtual_hosts = {host("one", {"a.com"}, {}), host("two", {"A.COM"}, {})};
  const auto table = RouteTable::build(config);
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error().message, "virtual host 'two': the domain 'A.COM' is claimed twice in this route configuration");
}

TEST(RouteTable, TheFirstMatchingRouteWinsEvenIfALaterOneIsLonger) {
  const std::vector<Route> routes = {to("short", prefix("/api")), to("long", prefix("/api/v1")), to("rest", prefix("/"))};
  expect_route(routes, "/api/v1/users", "short");
  expect_route(routes, "/apix", "short");
  expect_route(routes, "/other", "rest");
}

TEST(RouteTable, KindsOfPathsAreMixedInTheirOrder) {
  const std::vector<Route> routes = {to("exact", exact("/a/b")),           to("regex", regex("/a/[0-9]+")),
                                     to("separated", separated("/a")),     to("prefix", prefix("/a")),
                                     to("class", regex("[/]z.*")),         to("case", any_case(prefix("/ÄB"))),
                                     to("ignored", any_case(exact("/q"))), to("rest", prefix("/"))};
  expect_route(routes, "/a/b", "exact");
  expect_route(routes, "/a/b?x=1", "exact");
  expect_route(routes, "/a/12", "regex");
  expect_route(routes, "/a/12x", "separated");
  expect_route(routes, "/a", "separated");
  expect_route(routes, "/ab", "prefix");
  expect_route(routes, "/zebra", "class");
  expect_route(routes, "/Q", "ignored");
  expect_route(routes, "/A", "rest");
}

TEST(RouteTable, ConditionsLetALaterRouteOfTheSamePathMatch) {
  Route v1 = to("v1", prefix("/"));
  v1.match.headers.push_back({.name = http::HeaderName("Version"),
                              .kind = HeaderMatcher::Kind::kText,
                              .text = TextMatcher::make(TextMatcher::Kind::kExact, "v1")});
  const auto table = table_of({v1, to("rest", prefix("/"))});
  Request request("/");
  EXPECT_EQ(cluster_of(*table, request), "rest");
  request.headers.add("version", "v1");
  EXPECT_EQ(cluster_of(*table, request), "v1");
  request.headers.add("version", "v2");
  EXPECT_EQ(cluster_of(*table, request), "rest") << "repeated headers are one value, joined with a comma";
}

TEST(RouteTable, ThousandsOfRoutesAnswerLikeAScan) {
  std::vector<Route> routes;
  uint64_t state = 7;
  auto random = [&state](uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % bound;
  };
  auto path = [&] {
    std::string text;
    for (uint64_t i = 0, n = 1 + random(4); i < n; ++i) text += "/" + std::string(1, static_cast<char>('a' + random(3)));
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    const std::string text = path() + (random(3) == 0 ? std::to_string(random(50)) : "");
    PathMatch match = random(4) == 0   ? exact(text)
                      : random(3) == 0 ? separated(text)
                      : random(3) == 0 ? regex(text + "/[0-9]*")
                                       : prefix(text);
    if (random(5) == 0 && match.kind != PathMatch::Kind::kRegex) match = any_case(match);
    Route route = to(std::to_string(i), match);
    if (random(2) == 0) route.match.runtime_fraction = Fraction{static_cast<uint32_t>(random(100)), 100, ""};
    routes.push_back(std::move(route));
  }
  const auto table = table_of(routes);
  for (int i = 0; i < 2000; ++i) {
    std::string text = path() + (random(2) == 0 ? std::to_string(random(50)) : "");
    if (random(3) == 0) text += "/" + std::to_string(random(10));
    if (random(5) == 0) text[1] = static_cast<char>(text[1] - 32);
    const Request request(text);
    const MatchContext context{.random = random(1000)};
    std::string expected = "no route";
    for (const Route& route : routes) {
      if (!route_matches(route.match, text, request.headers, context)) continue;
      expected = std::get<ClusterRef>(route.forward()->cluster).name;
      break;
    }
    ASSERT_EQ(cluster_of(*table, request, context), expected) << text;
  }
}

TEST(RouteTable, PathParametersAreIgnoredIfAsked) {
  RouteConfig config;
  config.ignore_path_parameters_in_path_matching = true;
  EXPECT_EQ(cluster_of(*table_of({host("all", {"*"}, {to("a", exact("/a"))})}, config), Request("/a;x=1/b?q")), "a");
  EXPECT_EQ(cluster_of(*table_of({to("a", exact("/a"))}), Request("/a;x=1")), "no route");
}

TEST(RouteTable, AVirtualHostThatRequiresTlsRedirectsPlainRequests) {
  VirtualHost secure = host("secure", {"*"}, {to("a", prefix("/"))});
  secure.require_tls = TlsRequirement::kExternalOnly;
  const auto table = table_of({secure});
  Request request("/x?y", "example.com:80");
  request.headers.add(HeaderId::kForwardedProto, "http");
  EXPECT_EQ(cluster_of(*table, request, {.internal_request = true}), "a");
  const Match match = table->find(request.headers, {});
  EXPECT_TRUE(match.tls_required);
  const auto& redirect = std::get<Redirect>(match.route->action);
  EXPECT_EQ(redirect_location(redirect, match.route->match, request.headers, true), "https://example.com:80/x?y");
}

TEST(RouteTable, OnlyAConnectMatcherTakesARequestWithoutAPath) {
  const auto table = table_of({to("prefix", prefix("")), to("connect", {.kind = PathMatch::Kind::kConnect})});
  Arena arena;
  HeaderMap headers(arena);
  headers.set_pseudo(HeaderId::kMethod, "CONNECT");
  headers.set_pseudo(HeaderId::kAuthority, "example.com:443");
  EXPECT_EQ(std::get<ClusterRef>(table->find(headers, {}).route->forward()->cluster).name, "connect");
}

TEST(WeightedClusters, TheRandomNumberDecidesModuloTheTotalWeight) {
  WeightedClusters clusters{.entries = std::vector<WeightedCluster>(2), .total_weight = 100};
  clusters.entries[0] = {.cluster = {0, "v1"}, .weight = 95};
  clusters.entries[1] = {.cluster = {1, "v2"}, .weight = 5};
  Forward forward{.cluster = clusters};
  const Request request("/");
  EXPECT_EQ(choose_cluster(forward, request.headers, 94, {}).name, "v1");
  EXPECT_EQ(choose_cluster(forward, request.headers, 95, {}).name, "v2");
  EXPECT_EQ(choose_cluster(forward, request.headers, 1099, {}).name, "v2");
  EXPECT_EQ(choose_cluster(forward, request.headers, 1000, {}).cluster->id, 0u);
}

}  // namespace
}  // namespace weir::route
