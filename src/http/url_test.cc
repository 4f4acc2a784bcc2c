// URLs as they come in targets and Referer.
#include "http/url.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(Url, IsTakenApart) {
  const auto url = parse_url("http://a.b:80/p?q");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->authority, "a.b:80");
  EXPECT_EQ(url->path, "/p?q");
  EXPECT_EQ(parse_url("ws://[::1]")->authority, "[::1]");
}

TEST(Url, NeedsASchemeAndAHost) {
  for (const char* text : {"", "a", "/a", "http:", "http://", "http:///a", "://a", "1http://a", "http://a b/", "http://a/\x01"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(Referer, MayBeRelative) {
  for (const char* text : {"", "/a/b?c", "a", "http://a/", "https://a/{}", "a/b:c", "?q", "%41"})
    EXPECT_TRUE(is_referer(text)) << text;
}

TEST(Referer, HasNeitherFragmentNorUserinfoNorForeignBytes) {
  for (const char* text : {"http://a/#f", "/a#f", "http://u@a/", "a:b", "about:blank", "a b", "/<", "\xe9", "http://a_b/", "[x]"})
    EXPECT_FALSE(is_referer(text)) << text;
}

}  // namespace
}  // namespace weir::http
