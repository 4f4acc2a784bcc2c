#include "route/mutations.h"

#include <gtest/gtest.h>

#include "http/joined_lines.h"

namespace weir::route {
namespace {

using http::HeaderId;
using http::HeaderMap;

struct Fixture {
  Fixture() : request(arena) {
    request.set_pseudo(HeaderId::kMethod, "GET");
    request.set_pseudo(HeaderId::kScheme, "http");
    request.set_pseudo(HeaderId::kAuthority, "example.com:80");
    request.set_pseudo(HeaderId::kPath, "/a/b?x=1");
    match.route = &route;
    match.virtual_host = &virtual_host;
    route.match.path = {.kind = PathMatch::Kind::kPrefix, .text = "/a"};
  }

  format::FormatContext context() { return {.request = &request, .info = info}; }
  void finalize(const WeightedCluster* entry = nullptr) { finalize_request(config, match, entry, request, context(), true); }
  Forward& forward() { return std::get<Forward>(route.action); }
  std::string_view get(std::string_view name) { return request.get_joined(name); }

  Arena arena;
  HeaderMap request;
  format::StreamInfo info;
  RouteConfig config;
  VirtualHost virtual_host;
  Route route;
  Match match;
};

HeaderAddition add(std::string_view name, std::string_view value, AppendAction action = AppendAction::kAppendIfExistsOrAdd) {
  return {.name = http::HeaderName(name),
          .value = *format::Formatter::compile(value, {.omit_empty_values = true}),
          .action = action,
          .joins_lines = http::joins_lines_in_requests(name)};
}

RegexRewrite rewrite(std::string_view pattern, std::string_view replacement) {
  return RegexRewrite::make(*Regex::compile(pattern, 100), replacement);
}

TEST(Mutations, RemovalsComeFirstAndValuesSeeTheHeadersOfTheirLevel) {
  Fixture f;
  f.request.add("x-old", "1");
  f.request.add("x-gone", "2");
  f.route.mutations.edit().request = {
      {add("x-copy", "%REQ(x-old)%"), add("x-old", "new", AppendAction::kOverwriteIfExistsOrAdd), add("x-late", "%REQ(x-gone)%")},
      {http::HeaderName("X-Gone")}};
  f.finalize();
  EXPECT_EQ(f.get("x-copy"), "1");
  EXPECT_EQ(f.get("x-old"), "new");
  EXPECT_EQ(f.get("x-gone").data(), nullptr);
  EXPECT_EQ(f.get("x-late").data(), nullptr) << "a value that turns out empty adds nothing";
}

TEST(Mutations, EachAppendActionLooksAtWhatIsThere) {
  Fixture f;
  f.request.add("x-there", "old");
  f.request.add("user-agent", "curl");
  f.route.mutations.edit().request.add = {
      add("x-there", "a", AppendAction::kAddIfAbsent), add("x-none", "b", AppendAction::kAddIfAbsent),
      add("x-not-there", "c", AppendAction::kOverwriteIfExists), add("x-there", "d"), add("user-agent", "e")};
  f.finalize();
  EXPECT_EQ(f.get("x-there"), "old,d");
  EXPECT_EQ(f.get("x-none"), "b");
  EXPECT_EQ(f.get("x-not-there").data(), nullptr);
  EXPECT_EQ(f.request.get(HeaderId::kUserAgent), "curl,e") << "one line, as such headers have";
}

TEST(Mutations, TheRouteConfigurationHasTheLastWordUnlessTheMostSpecificShallWin) {
  for (const bool specific : {false, true}) {
    Fixture f;
    f.config.most_specific_header_mutations_wins = specific;
    WeightedCluster entry;
    entry.mutations.request.add = {add("x-o", "cluster", AppendAction::kOverwriteIfExistsOrAdd), add("x-list", "cluster")};
    f.route.mutations.edit().request.add = {add("x-o", "route", AppendAction::kOverwriteIfExistsOrAdd), add("x-list", "route")};
    f.virtual_host.mutations.edit().request.add = {add("x-list", "host")};
    f.config.mutations.request.add = {add("x-o", "config", AppendAction::kOverwriteIfExistsOrAdd), add("x-list", "config")};
    f.finalize(&entry);
    EXPECT_EQ(f.get("x-o"), specific ? "route" : "config");
    EXPECT_EQ(f.get("x-list"), specific ? "cluster,config,host,route" : "cluster,route,host,config");
  }
}

TEST(Rewrites, APrefixIsReplacedAndTheFirstPathIsKept) {
  Fixture f;
  f.forward().prefix_rewrite = std::string("/new");
  f.finalize();
  EXPECT_EQ(f.request.path(), "/new/b?x=1");
  EXPECT_EQ(f.get("x-envoy-original-path"), "/a/b?x=1");
}

TEST(Rewrites, ARegexSeesThePathWithoutItsQuery) {
  Fixture f;
  f.forward().regex_rewrite = rewrite("^/(.*)/(.*)$", "/\\2/\\1");
  f.finalize();
  EXPECT_EQ(f.request.path(), "/b/a?x=1");
}

TEST(Rewrites, ATemplateCatchesAndRearranges) {
  Fixture f;
  const PathTemplate path_template = *PathTemplate::compile("/{first}/{rest=**}");
  EXPECT_TRUE(path_template.matches("/a/b/c"));
  EXPECT_FALSE(path_template.matches("/a"));
  f.route.match.path = {.kind = PathMatch::Kind::kTemplate, .path_template = path_template};
  f.forward().template_rewrite = *TemplateRewrite::compile("/{rest}/{first}", path_template);
  f.finalize();
  EXPECT_EQ(f.request.path(), "/b/a?x=1");
}

TEST(Rewrites, AReplacedHostMayBeRememberedOnce) {
  Fixture f;
  f.forward().append_x_forwarded_host = true;
  f.forward().host_rewrite = HostRewrite{.kind = HostRewrite::Kind::kLiteral, .literal = "inside"};
  f.request.add(HeaderId::kForwardedHost, "outer");
  f.finalize();
  EXPECT_EQ(f.request.authority(), "inside");
  EXPECT_EQ(f.get("x-forwarded-host"), "outer,example.com:80");
  set_host(f.request, "again", true, false);
  set_host(f.request, "again", true, false);
  EXPECT_EQ(f.get("x-forwarded-host"), "outer,example.com:80,inside,again");
  set_host(f.request, "again", true, false);
  EXPECT_EQ(f.get("x-forwarded-host"), "outer,example.com:80,inside,again");
}

TEST(Redirects, ADefaultPortGoesWithItsScheme) {
  Fixture f;
  f.request.add(HeaderId::kForwardedProto, "http");  // what the client sees
  EXPECT_EQ(redirect_location({.https = true}, f.route.match, f.request, true), "https://example.com/a/b?x=1");
  EXPECT_EQ(redirect_location({.host = "h"}, f.route.match, f.request, true), "http://h/a/b?x=1");
  EXPECT_EQ(redirect_location({.port = 8443}, f.route.match, f.request, true), "http://example.com:8443/a/b?x=1");
}

TEST(Redirects, TheQueryOfTheNewPathWinsOverTheRequests) {
  Fixture f;
  EXPECT_EQ(redirect_location({.path = "/p"}, f.route.match, f.request, true), "http://example.com:80/p?x=1");
  EXPECT_EQ(redirect_location({.path = "/p", .strip_query = true}, f.route.match, f.request, true), "http://example.com:80/p");
  EXPECT_EQ(redirect_location({.path = "/p?z", .strip_query = true}, f.route.match, f.request, true),
            "http://example.com:80/p?z");
  EXPECT_EQ(redirect_location({.prefix_rewrite = "/n"}, f.route.match, f.request, true), "http://example.com:80/n/b?x=1");
}

}  // namespace
}  // namespace weir::route
