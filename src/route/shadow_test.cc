// Which routes can never be reached.
#include "route/shadow.h"

#include <gtest/gtest.h>

namespace weir::route {
namespace {

Route with_path(PathMatch::Kind kind, std::string text, bool case_sensitive = true) {
  Route route;
  route.match.path.kind = kind;
  route.match.path.case_sensitive = case_sensitive;
  if (kind == PathMatch::Kind::kRegex) {
    route.match.path.regex = *Regex::compile(text, 1000);
  } else if (kind == PathMatch::Kind::kTemplate) {
    route.match.path.path_template = *PathTemplate::compile(text);
  } else {
    route.match.path.text = std::move(text);
  }
  return route;
}
Route prefix(std::string text, bool case_sensitive = true) {
  return with_path(PathMatch::Kind::kPrefix, std::move(text), case_sensitive);
}
Route exact(std::string text, bool case_sensitive = true) {
  return with_path(PathMatch::Kind::kExact, std::move(text), case_sensitive);
}
Route separated(std::string text) { return with_path(PathMatch::Kind::kSeparatedPrefix, std::move(text)); }
Route regex(std::string text) { return with_path(PathMatch::Kind::kRegex, std::move(text)); }

HeaderMatcher header(std::string_view name, std::string_view value) {
  HeaderMatcher matcher;
  matcher.name = http::HeaderName(name);
  matcher.kind = HeaderMatcher::Kind::kText;
  matcher.text = TextMatcher::make(TextMatcher::Kind::kExact, value);
  return matcher;
}
HeaderMatcher present(std::string_view name) {
  HeaderMatcher matcher;
  matcher.name = http::HeaderName(name);
  return matcher;
}
Route with(Route route, HeaderMatcher matcher) {
  route.match.headers.push_back(std::move(matcher));
  return route;
}

/// "2<0 3<1": route 2 is hidden by route 0, and so on.
std::string shadows(std::vector<Route> routes) {
  std::string text;
  for (const Shadow& shadow : find_shadows({.routes = std::move(routes)})) {
    text += (text.empty() ? "" : " ") + std::to_string(shadow.route) + "<" + std::to_string(shadow.by);
  }
  return text;
}

TEST(Shadow, APrefixHidesEverythingLongerBehindIt) {
  EXPECT_EQ(shadows({prefix("/"), prefix("/a"), exact("/b"), separated("/c"), regex("/d/[0-9]+"),
                     with_path(PathMatch::Kind::kTemplate, "/e/{id}")}),
            "1<0 2<0 3<0 4<0 5<0");
  EXPECT_EQ(shadows({prefix("/api"), prefix("/api/v1"), prefix("/ap")}), "1<0");
}

TEST(Shadow, TheMoreSpecificRouteFirstIsFine) { EXPECT_EQ(shadows({exact("/a/b"), prefix("/a"), prefix("/")}), ""); }

TEST(Shadow, ARouteWithConditionsHidesOnlyThoseWithTheSameAndMore) {
  EXPECT_EQ(shadows({with(prefix("/"), header("version", "v2")), prefix("/")}), "");
  EXPECT_EQ(shadows({with(prefix("/"), header("version", "v2")), with(prefix("/a"), header("version", "v2"))}), "1<0");
  EXPECT_EQ(shadows({with(prefix("/"), header("version", "v2")), with(prefix("/a"), header("version", "v1"))}), "");
}

TEST(Shadow, AHeaderWhoseValueIsAskedForIsPresent) {
  EXPECT_EQ(shadows({with(prefix("/"), present("version")), with(prefix("/"), header("version", "v1"))}), "1<0");
  EXPECT_EQ(shadows({with(prefix("/"), header("version", "v1")), with(prefix("/"), present("version"))}), "");
}

TEST(Shadow, AnExactPathHidesOnlyItself) { EXPECT_EQ(shadows({exact("/a"), exact("/a"), exact("/A"), prefix("/a")}), "1<0"); }

TEST(Shadow, ASeparatedPrefixDoesNotHideLongerWords) {
  EXPECT_EQ(shadows({separated("/a"), exact("/ab"), exact("/a/b"), prefix("/a/"), prefix("/a"), separated("/a")}), "2<0 3<0 5<0");
}

TEST(Shadow, CaseCounts) {
  EXPECT_EQ(shadows({prefix("/a"), prefix("/a", false)}), "");
  EXPECT_EQ(shadows({prefix("/a", false), prefix("/A"), exact("/aB")}), "1<0 2<0");
  EXPECT_EQ(shadows({prefix("/"), prefix("/a", false)}), "1<0");
}

TEST(Shadow, ARegexHidesItsEqualAndWhatItCoversAsAPrefixInDisguise) {
  EXPECT_EQ(shadows({regex("/x[0-9]"), regex("/x[0-9]"), regex("/x[0-8]")}), "1<0");
  EXPECT_EQ(shadows({regex("/.*"), exact("/a")}), "1<0");
  EXPECT_EQ(shadows({regex(".*"), regex("/b+")}), "1<0");
}

TEST(Shadow, AShareOfTheRequestsHidesNothing) {
  Route half = prefix("/");
  half.match.runtime_fraction = Fraction{50, 100, ""};
  Route all = prefix("/");
  all.match.runtime_fraction = Fraction{100, 100, ""};
  Route switchable = prefix("/");
  switchable.match.runtime_fraction = Fraction{100, 100, "key"};
  EXPECT_EQ(shadows({half, exact("/a")}), "");
  EXPECT_EQ(shadows({all, exact("/a")}), "1<0");
  EXPECT_EQ(shadows({switchable, exact("/a")}), "");
}

TEST(Shadow, ThousandsOfRoutesAreLookedAtInAMoment) {
  std::vector<Route> routes;
  for (int i = 0; i < 20'000; ++i) routes.push_back(exact("/service/" + std::to_string(i)));
  routes.push_back(exact("/service/77"));
  EXPECT_EQ(shadows(std::move(routes)), "20000<77");
}

TEST(Shadow, ConnectIsAWorldOfItsOwn) {
  Route connect = with_path(PathMatch::Kind::kConnect, "");
  EXPECT_EQ(shadows({prefix("/"), connect, connect}), "2<1");
}

}  // namespace
}  // namespace weir::route
