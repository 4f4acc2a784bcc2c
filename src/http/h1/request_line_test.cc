// Request lines and their targets.
#include "http/h1/request_line.h"

#include <gtest/gtest.h>

#include <string>

#include "base/arena.h"

namespace weir::http::h1 {
namespace {

struct Parsed {
  std::string error;
  std::string method, authority, path, scheme;
};

Parsed parse(const std::string& text, Http1Options options = {}) {
  RequestLine line;
  const std::string bytes = text + "\r\n";
  Arena arena;
  HeaderMap headers(arena);
  auto error = parse_request_line(bytes.data(), bytes.data() + bytes.size(), line);
  if (!error) error = resolve_target(line.target, line.method, options, headers);
  if (error) return {std::string(error->details), "", "", "", ""};
  return {"", std::string(line.method), std::string(headers.authority()), std::string(headers.path()),
          std::string(headers.scheme())};
}

TEST(RequestLine, BlanksBetweenItsPartsMayBeManyAndTabs) {
  EXPECT_EQ(parse("GET \t /x \t HTTP/1.1 \t").path, "/x");
  EXPECT_EQ(parse("GET /x y HTTP/1.1").error, "http1.codec_error");
  EXPECT_EQ(parse(" GET /x HTTP/1.1").error, "http1.codec_error");
}

TEST(RequestLine, AnOriginFormIsKeptAsItCame) {
  EXPECT_EQ(parse("GET /a/../b?c=%20&d HTTP/1.1").path, "/a/../b?c=%20&d");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1").path, "*");
  EXPECT_EQ(parse("GET * HTTP/1.1").error, "http1.invalid_url");
}

TEST(RequestLine, AnAbsoluteFormBringsItsHost) {
  const Parsed parsed = parse("GET HTTPS://b:81?q HTTP/1.1");
  EXPECT_EQ(parsed.scheme, "https");
  EXPECT_EQ(parsed.authority, "b:81");
  EXPECT_EQ(parsed.path, "?q");
  EXPECT_EQ(parse("GET http://b HTTP/1.1").path, "/");
}

TEST(RequestLine, AHostThatOthersCouldReadDifferentlyIsRefused) {
  for (const char* host : {"", "a_b", "a%41", "u@a", "a@", "[::1", "[::g]", "[]", "::1", "a:b", "a:", "a:65536", "a:1:2"})
    EXPECT_EQ(parse("GET http://" + std::string(host) + "/ HTTP/1.1").error, "http1.invalid_url") << host;
  for (const char* host : {"a|b", "u\"@a", "a@@b", "a#b", "a\\"})
    EXPECT_EQ(parse("GET http://" + std::string(host) + "/ HTTP/1.1").error, "http1.codec_error") << host;
  EXPECT_EQ(parse("GET ftp://a/ HTTP/1.1").error, "http1.invalid_scheme");
}

TEST(RequestLine, ConnectNamesHostAndPortAndNothingElse) {
  EXPECT_EQ(parse("CONNECT a:80 HTTP/1.1").authority, "a:80");
  EXPECT_EQ(parse("CONNECT [::1]:80 HTTP/1.1").authority, "[::1]:80");
  for (const char* target : {"a", "a:", ":80", "a:80/", "/", "*", "[::1]", "http://a:80"})
    EXPECT_EQ(parse("CONNECT " + std::string(target) + " HTTP/1.1").error, "http1.invalid_url") << target;
}

TEST(RequestLine, OtherVersionsOfHttpAreTakenForOneThatIsTooLow) {
  RequestLine line;
  const std::string bytes = "GET / HTTP/2.0\r\n";
  EXPECT_FALSE(parse_request_line(bytes.data(), bytes.data() + bytes.size(), line));
  EXPECT_EQ(line.version, Protocol::kHttp10);
  EXPECT_EQ(parse("GET / HTTP/1.10").error, "http1.codec_error");
  EXPECT_EQ(parse("GET / http/1.1").error, "http1.codec_error");
}

TEST(RequestLine, AFirstLineIsJudgedBeforeTheRestHasCome) {
  size_t versionless = 0;
  EXPECT_FALSE(check_first_line("GET / HT", versionless));
  EXPECT_FALSE(check_first_line("GET / HTTP/1.1\r\nhost", versionless));
  EXPECT_EQ(versionless, 0u);
  EXPECT_FALSE(check_first_line("GET /\r\nhost", versionless));
  EXPECT_EQ(versionless, 7u);
  EXPECT_TRUE(check_first_line("get / HTTP/1.1\r\n", versionless));
}

}  // namespace
}  // namespace weir::http::h1
