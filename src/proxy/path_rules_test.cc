#include "proxy/path_rules.h"

#include <gtest/gtest.h>

namespace weir::proxy {

namespace {

class PathRulesTest : public testing::Test {
 protected:
  std::string normal(std::string_view path) {
    const auto result = normalize_path(arena_, path);
    return result ? std::string(*result) : "refused";
  }
  /// The path after `rules`, or what became of it.
  std::string apply(const PathRules& rules, std::string_view path) {
    request_.set_pseudo(http::HeaderId::kPath, path);
    const PathVerdict verdict = apply_path_rules(request_, rules);
    if (verdict == PathVerdict::kReject) return "refused";
    return (verdict == PathVerdict::kRedirect ? "to " : "") + std::string(request_.path());
  }
  std::string host(const HostRules& rules, std::string_view authority) {
    request_.set_pseudo(http::HeaderId::kAuthority, authority);
    apply_host_rules(request_, rules, 8080);
    return std::string(request_.authority());
  }

  Arena arena_;
  http::HeaderMap request_{arena_};
};

}  // namespace

TEST_F(PathRulesTest, DotSegmentsAreResolvedAlsoWhenTheyAreEscaped) {
  EXPECT_EQ(normal("/a/./b/../c"), "/a/c");
  EXPECT_EQ(normal("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(normal("/a/.%2e"), "/");
  EXPECT_EQ(normal("/../../a"), "/a");
  EXPECT_EQ(normal("/a/b/.."), "/a/");
  EXPECT_EQ(normal("/a//../b"), "/a/b");
  EXPECT_EQ(normal("///a/../.."), "//");
}

TEST_F(PathRulesTest, NamesThatOnlyBeginWithDotsStay) {
  EXPECT_EQ(normal("/a/..b/.c/..."), "/a/..b/.c/...");
  EXPECT_EQ(normal("/a/..;x"), "/a/..;x");
}

TEST_F(PathRulesTest, BackslashesAreSlashes) { EXPECT_EQ(normal("/a\\b\\..\\c"), "/a/c"); }

TEST_F(PathRulesTest, OnlyEscapesOfUnreservedCharactersAreDecoded) {
  EXPECT_EQ(normal("/%41%2d%7E%5f"), "/A-~_");
  EXPECT_EQ(normal("/a%2fb%20%c3%A9"), "/a%2fb%20%c3%A9");
}

TEST_F(PathRulesTest, WhatMayNotStandInAPathIsEscaped) { EXPECT_EQ(normal("/\"<>^`{|}"), "/%22%3C%3E%5E%60%7B%7C%7D"); }

TEST_F(PathRulesTest, DecodingMakesNoNewEscapes) {
  EXPECT_EQ(normal("/%%32%65"), "/%252e");
  EXPECT_EQ(normal("/%%32e/a"), "/%252e/a");
  EXPECT_EQ(normal("/%252e"), "/%252e");
  EXPECT_EQ(normal("/a%"), "/a%");
  EXPECT_EQ(normal("/a%zz"), "/a%zz");
}

TEST_F(PathRulesTest, AnEscapedNulIsRefused) { EXPECT_EQ(normal("/a%00b"), "refused"); }

TEST_F(PathRulesTest, ANormalPathIsNotCopied) {
  const std::string_view path = "/a/b.c/d";
  EXPECT_EQ(normalize_path(arena_, path)->data(), path.data());
}

TEST_F(PathRulesTest, SlashesAreMerged) {
  EXPECT_EQ(merge_slashes(arena_, "//a///b//"), "/a/b/");
  EXPECT_EQ(merge_slashes(arena_, "/a%2f%2fb"), "/a%2f%2fb");
}

TEST_F(PathRulesTest, TheQueryIsNeverTouched) {
  const PathRules all{.normalize = true, .merge_slashes = true, .escaped_slashes = EscapedSlashes::kForward};
  EXPECT_EQ(apply(all, "/a%2f..//b?x=%2f/..//%41"), "/b?x=%2f/..//%41");
}

TEST_F(PathRulesTest, EscapedSlashesAreKeptRefusedRedirectedOrForwarded) {
  EXPECT_EQ(apply({}, "/a%2Fb"), "/a%2Fb");
  EXPECT_EQ(apply({.escaped_slashes = EscapedSlashes::kReject}, "/a%5cb"), "refused");
  EXPECT_EQ(apply({.escaped_slashes = EscapedSlashes::kRedirect}, "/a%2Fb?c"), "to /a/b?c");
  EXPECT_EQ(apply({.escaped_slashes = EscapedSlashes::kForward}, "/a%2Fb%5C"), "/a/b\\");
  EXPECT_EQ(apply({.escaped_slashes = EscapedSlashes::kReject}, "/a%252fb"), "/a%252fb");
}

TEST_F(PathRulesTest, ARedirectThatAlsoNormalizesLeadsToTheNormalPath) {
  EXPECT_EQ(apply({.normalize = true, .escaped_slashes = EscapedSlashes::kRedirect}, "/a%2f..%2fb"), "to /b");
  EXPECT_EQ(apply({.normalize = true, .escaped_slashes = EscapedSlashes::kRedirect}, "/a/../b"), "/b");
}

TEST_F(PathRulesTest, AFragmentIsRefusedUnlessTheRuntimeSaysThatItIsCutOff) {
  EXPECT_EQ(apply({}, "/a#b"), "refused");
  RuntimeValues runtime;
  const PathRules rules{.refuse_fragments = runtime.key("k")};
  EXPECT_EQ(apply(rules, "/a#b"), "refused");
  runtime.assign({{"k", RuntimeValue::flag(false)}});
  EXPECT_EQ(apply(rules, "/a?c#b"), "/a?c");
}

TEST_F(PathRulesTest, PortsAreStripped) {
  const HostRules any{.port = HostRules::Port::kStripAny}, matching{.port = HostRules::Port::kStripMatching};
  EXPECT_EQ(host(any, "a:80"), "a");
  EXPECT_EQ(host(any, "[::1]:80"), "[::1]");
  EXPECT_EQ(host(any, "[::1]"), "[::1]");
  EXPECT_EQ(host(any, "a:x"), "a:x");
  EXPECT_EQ(host(any, "a:"), "a:");
  EXPECT_EQ(host(matching, "a:8080"), "a");
  EXPECT_EQ(host(matching, "a:80"), "a:80");
}

TEST_F(PathRulesTest, ATrailingDotIsStrippedAlsoBeforeAPort) {
  const HostRules dot{.strip_trailing_dot = true};
  EXPECT_EQ(host(dot, "a."), "a");
  EXPECT_EQ(host(dot, "a.:80"), "a:80");
  EXPECT_EQ(host(dot, "a.b"), "a.b");
  EXPECT_EQ(host({.port = HostRules::Port::kStripAny, .strip_trailing_dot = true}, "a.:80"), "a");
}

}  // namespace weir::proxy
