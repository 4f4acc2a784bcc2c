#include "route/scopes.h"

#include <gtest/gtest.h>

namespace weir::route {
namespace {

struct Keys {
  explicit Keys(std::vector<ScopeKeyPart> parts) : builder(std::move(parts)) {}

  std::string of(std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
    Arena arena;
    http::HeaderMap request(arena);
    for (const auto& [name, value] : headers) request.add(name, value);
    const std::string_view key = builder.key(request);
    return key.data() == nullptr ? "none" : std::string(key);
  }
  ScopeKeyBuilder builder;
};

std::string key(std::vector<std::string> parts) { return ScopeKeyBuilder::key(parts); }
http::HeaderName name(std::string_view text) { return http::HeaderName(text); }

TEST(Scopes, AWholeHeaderIsAKey) {
  Keys keys({{.header = name("x-scope")}});
  EXPECT_EQ(keys.of({{"x-scope", "a;b"}}), key({"a;b"}));
  EXPECT_EQ(keys.of({{"x-scope", ""}}), key({""}));
  EXPECT_EQ(keys.of({{"x-other", "a"}}), "none");
}

TEST(Scopes, TheFirstOfRepeatedHeadersCounts) {
  Keys keys({{.header = name("x-scope")}});
  EXPECT_EQ(keys.of({{"x-scope", "a"}, {"x-scope", "b"}}), key({"a"}));
}

TEST(Scopes, AnElementIsTakenByItsIndexOrByItsName) {
  Keys index({{.header = name("x"), .element_separator = ",", .index = 1}});
  EXPECT_EQ(index.of({{"x", "a,b,c"}}), key({"b"}));
  EXPECT_EQ(index.of({{"x", "a,"}}), key({""}));
  EXPECT_EQ(index.of({{"x", "a"}}), "none");
  Keys named({{.header = name("x"), .element_separator = ";", .separator = "=", .element = "v"}});
  EXPECT_EQ(named.of({{"x", "a=1;v=2=3"}}), key({"2=3"}));
  EXPECT_EQ(named.of({{"x", "v"}}), key({""}));
  EXPECT_EQ(named.of({{"x", "a=1"}}), "none");
}

TEST(Scopes, PartsDoNotRunTogether) {
  Keys keys({{.header = name("x")}, {.header = name("y")}});
  EXPECT_EQ(keys.of({{"x", "ab"}, {"y", "c"}}), key({"ab", "c"}));
  EXPECT_NE(keys.of({{"x", "a"}, {"y", "bc"}}), key({"ab", "c"}));
}

}  // namespace
}  // namespace weir::route
