#include "format/formatter.h"

#include <gtest/gtest.h>

#include "format/operator_table.h"

namespace weir::format {
namespace {

using http::HeaderId;

/// A request to GET /a/b?q=%41&r with everything that a log could ask for.
struct Fixture {
  Fixture() : request(arena), response(arena), trailers(arena) {
    request.set_pseudo(HeaderId::kMethod, "GET");
    request.set_pseudo(HeaderId::kPath, "/a/b?q=%41&r");
    request.set_pseudo(HeaderId::kAuthority, "example.com");
    request.add("user-agent", "curl");
    request.add("x-two", "first");
    request.add("x-two", "second");
    response.set_status(200);
    response.add("x-envoy-upstream-service-time", "3");
    connection.id = 7;
    connection.remote_address = std::make_shared<net::Address>(*net::Address::from_ip("10.0.0.1", 4711));
    connection.direct_remote_address = connection.remote_address;
    connection.local_address = std::make_shared<net::Address>(*net::Address::from_ip("::1", 80));
    info.connection = &connection;
    info.protocol = http::Protocol::kHttp11;
    info.start_wall = 1481818059 * kNsPerSecond + 123456789;
    info.start = 1000 * kNsPerMs;
    info.request_complete = 1001 * kNsPerMs;
    info.end = 1042 * kNsPerMs + 999;
    info.response_code = 200;
    info.bytes_sent = 12;
  }

  std::string show(std::string_view format, const FormatterOptions& options = {}) {
    const Result<Formatter> formatter = Formatter::compile(format, options);
    if (!formatter) return formatter.error().message;
    std::string text;
    formatter->append(text, context());
    EXPECT_EQ(formatter->evaluate(arena, context()), text);
    return text;
  }
  FormatContext context() { return {.request = &request, .response = &response, .trailers = &trailers, .info = info}; }

  Arena arena;
  http::HeaderMap request;
  http::HeaderMap response;
  http::HeaderMap trailers;
  ConnectionInfo connection;
  StreamInfo info;
};

TEST(Formatter, TheDefaultLogLineIsEnvoys) {
  Fixture f;
  EXPECT_EQ(
      f.show(kDefaultLogFormat),
      "[2016-12-15T16:07:39.123Z] \"GET /a/b?q=%41&r HTTP/1.1\" 200 - 0 12 42 3 \"-\" \"curl\" \"-\" \"example.com\" \"-\"\n");
}

TEST(Formatter, APercentSignIsWrittenTwice) {
  Fixture f;
  EXPECT_EQ(f.show("100%% of %PROTOCOL%"), "100% of HTTP/1.1");
  EXPECT_EQ(f.show("%%"), "%");
  EXPECT_EQ(f.show(""), "");
}

TEST(Formatter, HeadersHaveAlternativesAndLengths) {
  Fixture f;
  EXPECT_EQ(f.show("%REQ(X-NONE?USER-AGENT):2%"), "cu");
  EXPECT_EQ(f.show("%REQ(Host)%"), "example.com");
  EXPECT_EQ(f.show("%REQ(x-two)%"), "first");
  EXPECT_EQ(f.show("%REQ(x-none)%"), "-");
  EXPECT_EQ(f.show("[%REQ(x-none)%]", {.omit_empty_values = true}), "[]");
}

TEST(Formatter, ThePathMayBeShownWithoutItsQuery) {
  Fixture f;
  EXPECT_EQ(f.show("%PATH(NQ)%"), "/a/b");
  EXPECT_EQ(f.show("%PATH(WQ:ORIG)%"), "-");
  EXPECT_EQ(f.show("%QUERY_PARAM(q)%"), "A");
  EXPECT_EQ(f.show("%QUERY_PARAM(r)%"), "");
  EXPECT_EQ(f.show("%QUERY_PARAM(s)%"), "-");
}

TEST(Formatter, TimesFollowStrftimeWithFractions) {
  Fixture f;
  EXPECT_EQ(f.show("%START_TIME(%s.%3f)%"), "1481818059.123");
  EXPECT_EQ(f.show("%START_TIME(%f)%"), "123456789");
  EXPECT_TRUE(f.show("%START_TIME_LOCAL%").starts_with("2016-12-1"));
  EXPECT_EQ(f.show("%START_TIME_LOCAL%").size(), std::string_view("2016-12-15T16:07:39.123+0000").size());
  EXPECT_EQ(f.show("%START_TIME(%Y/%m/%dT%H:%M:%S%z %E5S %E*S)%"), "2016/12/15T16:07:39+0000 39.12345 39.123456789");
}

TEST(Formatter, DurationsEndWhereTheyHappened) {
  Fixture f;
  EXPECT_EQ(f.show("%DURATION% %REQUEST_DURATION% %RESPONSE_DURATION%"), "42 1 -");
  EXPECT_EQ(f.show("%COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)%"), "1000");
  EXPECT_EQ(f.show("%COMMON_DURATION(DS_RX_BEG:NEVER)%"), "-");
}

TEST(Formatter, FlagsAreJoinedWithCommas) {
  Fixture f;
  f.info.flags.set(ResponseFlag::kUpstreamConnectionFailure);
  EXPECT_EQ(f.show("%RESPONSE_FLAGS%"), "UF");
  f.info.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  EXPECT_EQ(f.show("%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%"), "UF,URX UpstreamConnectionFailure,UpstreamRetryLimitExceeded");
}

TEST(Formatter, DetailsHaveNoSpacesUnlessAllowed) {
  Fixture f;
  f.info.response_code_details = "why not";
  EXPECT_EQ(f.show("%RESPONSE_CODE_DETAILS% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%"), "why_not why not");
}

TEST(Formatter, AddressesHavePorts) {
  Fixture f;
  EXPECT_EQ(f.show("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT% %UPSTREAM_HOST%"),
            "10.0.0.1:4711 ::1 80 -");
}

TEST(Formatter, AGrpcStatusHasThreeSpellings) {
  Fixture f;
  f.request.add("content-type", "application/grpc");
  f.trailers.add("grpc-status", "1");
  EXPECT_EQ(f.show("%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%"), "Canceled CANCELLED 1");
}

TEST(Formatter, WithoutAGrpcStatusTheHttpStatusStandsForIt) {
  Fixture f;
  f.request.add("content-type", "application/grpc");
  EXPECT_EQ(f.show("%GRPC_STATUS%"), "Unknown");
  f.info.response_code = 503;
  EXPECT_EQ(f.show("%GRPC_STATUS%"), "Unavailable");
}

TEST(Formatter, MistakesSayWhatIsWrongAndWhatIsPossible) {
  Fixture f;
  EXPECT_EQ(f.show("a %FOO%"), "format 'a %FOO%': %FOO%: unknown operator");
  EXPECT_EQ(f.show("%CEL(request.path)%"),
            "format '%CEL(request.path)%': %CEL%: known to Envoy, but Weir does not implement it yet; REQ, RESP and others say "
            "much of it");
  EXPECT_EQ(f.show("%PROTOCOL:3%"), "format '%PROTOCOL:3%': %PROTOCOL%: takes no length");
  EXPECT_EQ(f.show("%REQ%"), "format '%REQ%': %REQ%: needs an argument in parentheses");
  EXPECT_EQ(
      f.show("100%"),
      "format '100%': no operator at position 3; expected %NAME%, %NAME(ARGUMENTS)% or %NAME(ARGUMENTS):LENGTH%, or %% for a "
      "percent sign");
  for (std::string_view bad : {"%REQ(X?Y?Z)%", "%REQ(A B)%", "%REQ(X):x%", "%START_TIME(a\n)%", "%GRPC_STATUS(X)%", "%PATH(X)%",
                               "%COMMON_DURATION(A)%", "%METADATA(X:a)%", "%FILTER_STATE%", "%DYNAMIC_METADATA(a):3%", "%foo%",
                               "%REQ_WITHOUT_QUERY(X)%", "%REQ(X):99999999999999999999%"}) {
    EXPECT_FALSE(Formatter::compile(bad).has_value()) << bad;
  }
}

TEST(Formatter, EveryOperatorCanBeAskedWithoutAnyRequest) {
  const StreamInfo nothing;
  for (const OperatorEntry& entry : all_operators()) {
    for (std::string_view argument : {"", "(X)", "(DYNAMIC:X)", "(A:B)"}) {
      const Result<Formatter> formatter = Formatter::compile("%" + std::string(entry.name) + std::string(argument) + "%",
                                                             {.operators = {.req_without_query = true}});
      if (!formatter) continue;
      std::string text;
      formatter->append(text, {.info = nothing});
    }
  }
}

}  // namespace
}  // namespace weir::format
