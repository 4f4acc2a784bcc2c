// Access logs as users configure them: what is in the file after a request.
#include "observe/access_log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/load.h"
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "observe/access_log_config.h"

namespace weir::observe {
namespace {

using http::HeaderId;

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() : request_(arena_), response_(arena_), trailers_(arena_) {
    declare_access_logs(table_);
    char name[] = "/tmp/weir_access_log_test_XXXXXX";
    directory_ = mkdtemp(name);
    request_.set_pseudo(HeaderId::kMethod, "GET");
    request_.set_pseudo(HeaderId::kPath, "/a?b");
    request_.set_pseudo(HeaderId::kAuthority, "example.com");
    request_.add("user-agent", "curl");
    response_.set_status(207);
    info_.connection = &connection_;
    info_.protocol = http::Protocol::kHttp11;
    info_.start_wall = 1481818059 * kNsPerSecond + 123456789;
    info_.start = 1000 * kNsPerMs;
    info_.end = 1042 * kNsPerMs;
    info_.response_code = 207;
    info_.bytes_sent = 5;
  }
  ~AccessLogTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/log"; }

  /// Loads as a bootstrap is loaded: decode, validate, support; then read. Null after errors, which are in errors_.
  std::shared_ptr<AccessLog> read(const std::string& yaml, LogFiles& files) {
    const auto loaded = config::load<envoy::config::accesslog::v3::AccessLog>(schema_, {.yaml = yaml, .support = &table_});
    errors_ = loaded.diagnostics.text();
    if (!loaded.ok()) return nullptr;
    config::Diagnostics diagnostics;
    std::shared_ptr<AccessLog> log = read_access_log(*loaded, files, &runtime_, {}, diagnostics);
    errors_ = diagnostics.text();
    EXPECT_EQ(log == nullptr, diagnostics.failed());
    return log;
  }
  std::string errors(const std::string& yaml) {
    LogFiles files({.threads = 1});
    read(yaml, files);
    return errors_;
  }
  /// What is in the file after one request, with the fields given in a FileAccessLog and the rest of an AccessLog.
  std::string logged(const std::string& fields, const std::string& rest = "") {
    std::filesystem::remove(path());
    {
      LogFiles files({.threads = 1});
      const std::shared_ptr<AccessLog> log = read(file(fields) + "\n" + rest, files);
      if (log == nullptr) return errors_;
      log->log({&request_, &response_, &trailers_, info_, format::LogType::kDownstreamEnd}, 0);
    }
    std::ostringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  std::string logged_json(const std::string& fields) { return logged("log_format: {json_format: {" + fields + "}}"); }
  bool passes(const std::string& filter) {
    const std::string text = logged("format: x", "filter: {" + filter + "}");
    EXPECT_TRUE(text == "x" || text.empty()) << text;
    return text == "x";
  }

  std::string file(const std::string& fields) const {
    return "name: any\ntyped_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "
           "'" +
           path() + "'" + (fields.empty() ? "" : ", ") + fields + "}";
  }
  static std::string status_filter(const std::string& op, int value) {
    return "status_code_filter: {comparison: {op: " + op + ", value: {default_value: " + std::to_string(value) +
           ", runtime_key: k}}}";
  }
  static std::string duration_filter(const std::string& op, int value) {
    return "duration_filter: {comparison: {op: " + op + ", value: {default_value: " + std::to_string(value) +
           ", runtime_key: k}}}";
  }

  Arena arena_;
  http::HeaderMap request_, response_, trailers_;
  format::ConnectionInfo connection_;
  format::StreamInfo info_;
  std::string errors_;
  RuntimeValues runtime_;

 private:
  config::Schema schema_;
  config::SupportTable table_;
  std::string directory_;
};

constexpr char kDefaultLine[] =
    "[2016-12-15T16:07:39.123Z] \"GET /a?b HTTP/1.1\" 207 - 0 5 42 - \"-\" \"curl\" \"-\" \"example.com\" \"-\"\n";

TEST_F(AccessLogTest, WithoutAFormatTheLineIsEnvoysDefault) {
  EXPECT_EQ(logged(""), kDefaultLine);
  EXPECT_EQ(logged("format: ''"), kDefaultLine);
}

TEST_F(AccessLogTest, TextFormatsAreWrittenAsTheyAreWithoutALineBreakOfTheirOwn) {
  EXPECT_EQ(logged("log_format: {text_format_source: {inline_string: \"%REQ(:METHOD)% %REQ(nope)%|%REQ(USER-AGENT):2%\\n\"}}"),
            "GET -|cu\n");
  EXPECT_EQ(logged("log_format: {text_format: 'plain %REQ(:PATH)%'}"), "plain /a?b");
  EXPECT_EQ(logged("format: 'old %REQ(:PATH)%'"), "old /a?b");
  EXPECT_EQ(logged("log_format: {text_format_source: {inline_bytes: JVJFU1BPTlNFX0NPREUl}}"), "207");
}

TEST_F(AccessLogTest, OmitEmptyValuesTurnsADashIntoNothing) {
  EXPECT_EQ(logged("log_format: {omit_empty_values: true, text_format: '<%REQ(nope)%>'}"), "<>");
}

TEST_F(AccessLogTest, AFormatMayStandInAFileOrAnEnvironmentVariable) {
  std::ofstream(path() + ".format") << "from a file";
  EXPECT_EQ(logged("log_format: {text_format_source: {filename: '" + path() + ".format'}}"), "from a file");
  setenv("WEIR_TEST_FORMAT", "from %PROTOCOL%", 1);
  EXPECT_EQ(logged("log_format: {text_format_source: {environment_variable: WEIR_TEST_FORMAT}}"), "from HTTP/1.1");
  EXPECT_EQ(
      logged("log_format: {text_format_source: {environment_variable: WEIR_TEST_UNSET}}"),
      "typed_config.log_format.text_format_source.environment_variable: the variable 'WEIR_TEST_UNSET' is not set; set it before "
      "Weir is started");
  EXPECT_EQ(
      logged("log_format: {text_format_source: {filename: /nowhere}}"),
      "typed_config.log_format.text_format_source.filename: cannot read the file '/nowhere'; it must exist, be readable and be a "
      "regular file");
}

TEST_F(AccessLogTest, JsonKeysAreSortedAndValuesKeepTheirTypes) {
  EXPECT_EQ(
      logged_json(
          "code: '%RESPONSE_CODE%', a: '%REQ(:METHOD)% x', none: '%REQ(nope)%', mix: '%REQ(nope)% y', n: 5, t: true, z: null, "
          "l: [1, '%BYTES_SENT%', {q: '%PROTOCOL%'}], o: {z: 1, a: -2}, e: {}, el: [], empty: '', pct: '100%%', "
          "two: '%RESPONSE_CODE%%RESPONSE_CODE%', mil: 1000000"),
      "{\"a\":\"GET "
      "x\",\"code\":207,\"e\":{},\"el\":[],\"empty\":\"\",\"l\":[1,5,{\"q\":\"HTTP/1.1\"}],\"mil\":1e+06,\"mix\":\"- y\",\"n\":5,"
      "\"none\":null,\"o\":{\"a\":-2,\"z\":1},\"pct\":\"100%\",\"t\":true,\"two\":\"207207\",\"z\":null}\n");
  EXPECT_EQ(logged_json(""), "{}\n");
  EXPECT_EQ(logged("json_format: {c: '%RESPONSE_CODE%'}"), "{\"c\":207}\n");
  EXPECT_EQ(logged("typed_json_format: {c: '%RESPONSE_CODE%'}"), "{\"c\":207}\n");
}

TEST_F(AccessLogTest, OmitEmptyValuesLeavesNullsInJson) {
  EXPECT_EQ(
      logged(
          "log_format: {omit_empty_values: true, json_format: {none: '%REQ(nope)%', mix: '%REQ(nope)% y', l: ['%REQ(nope)%']}}"),
      "{\"l\":[null],\"mix\":\" y\",\"none\":null}\n");
}

TEST_F(AccessLogTest, WhateverARequestHoldsTheLineStaysJson) {
  const auto shown = [&](std::string_view value) {
    request_.add("x", value);
    const std::string line = logged_json("a: '%REQ(X)%', b: '<%REQ(X)%>'");
    request_.remove("x");
    return line;
  };
  EXPECT_EQ(shown("\xc3\xa9"), "{\"a\":\"\xc3\xa9\",\"b\":\"<\xc3\xa9>\"}\n");
  EXPECT_EQ(shown("q\"\\\t/"), R"({"a":"q\"\\\t/","b":"<q\"\\\t/>"})"
                               "\n");
  EXPECT_EQ(shown("q\"\\\xff"), R"({"a":"q\u0022\u005c\u00ff","b":"<q\u0022\u005c\u00ff>"})"
                                "\n");
  EXPECT_EQ(shown("ok\xc3"), R"({"a":"ok\u00c3","b":"<ok\u00c3>"})"
                             "\n");
  EXPECT_EQ(logged_json("\"k\\\"\\b\": \"\\b\\f\\v\\x7f <>&/'\""), "{\"k\\\"\\b\":\"\\b\\f\\u000b\x7f <>&/'\"}\n");
}

TEST_F(AccessLogTest, AnUnknownOperatorIsAnErrorWithItsPlace) {
  EXPECT_TRUE(logged("format: '%NOPE%'").starts_with("typed_config.format: format '%NOPE%': ")) << errors_;
  EXPECT_TRUE(
      logged_json("a: [{b: '%NOPE%'}]").starts_with("typed_config.log_format.json_format[\"a\"][0][\"b\"]: format '%NOPE%': "))
      << errors_;
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsAnErrorWithTheReason) {
  EXPECT_EQ(errors("{name: a, typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, "
                   "path: /nowhere/log}}"),
            "typed_config.path: cannot open '/nowhere/log' for writing: No such file or directory");
}

TEST_F(AccessLogTest, WhatIsNotImplementedIsRefused) {
  EXPECT_NE(errors("{name: a, typed_config: {'@type': "
                   "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig, "
                   "common_config: {log_name: l, grpc_service: {envoy_grpc: {cluster_name: c}}}}}"),
            "");
  EXPECT_NE(errors(file("") + "\nfilter: {extension_filter: {name: x}}"), "");
}

TEST_F(AccessLogTest, AFilterComparesTheStatusOrZeroIfThereIsNone) {
  EXPECT_TRUE(passes(status_filter("EQ", 207)));
  EXPECT_TRUE(passes(status_filter("GE", 207)));
  EXPECT_TRUE(passes(status_filter("LE", 207)));
  EXPECT_FALSE(passes(status_filter("GE", 208)));
  EXPECT_FALSE(passes(status_filter("LE", 206)));
  EXPECT_FALSE(passes(status_filter("EQ", 0)));
  info_.response_code = 0;
  EXPECT_TRUE(passes(status_filter("EQ", 0)));
}

TEST_F(AccessLogTest, AFilterComparesTheDurationInMilliseconds) {
  EXPECT_TRUE(passes(duration_filter("EQ", 42)));
  EXPECT_FALSE(passes(duration_filter("GE", 43)));
}

TEST_F(AccessLogTest, AHeaderFilterLooksAtTheRequest) {
  const std::string filter = "header_filter: {header: {name: X-Log, string_match: {prefix: 'y'}}}";
  EXPECT_FALSE(passes(filter));
  request_.add("x-log", "yes");
  EXPECT_TRUE(passes(filter));
  EXPECT_FALSE(passes("header_filter: {header: {name: x-log, present_match: true, invert_match: true}}"));
  EXPECT_TRUE(passes("header_filter: {header: {name: x-log, safe_regex_match: {regex: 'y.*'}}}"));
  EXPECT_TRUE(logged("", "filter: {header_filter: {header: {name: x, safe_regex_match: {regex: '('}}}}")
                  .starts_with("filter.header_filter.header.safe_regex_match.regex: "))
      << errors_;
}

TEST_F(AccessLogTest, AResponseFlagFilterWithoutFlagsWantsAny) {
  EXPECT_FALSE(passes("response_flag_filter: {}"));
  info_.flags.set(format::ResponseFlag::kNoRouteFound);
  EXPECT_TRUE(passes("response_flag_filter: {}"));
  EXPECT_TRUE(passes("response_flag_filter: {flags: [UH, NR]}"));
  EXPECT_FALSE(passes("response_flag_filter: {flags: [UH, UF]}"));
}

TEST_F(AccessLogTest, FiltersCombineWithAndAndOr) {
  const std::string yes = status_filter("EQ", 207), no = status_filter("EQ", 1);
  EXPECT_TRUE(passes("and_filter: {filters: [{" + yes + "}, {" + yes + "}]}"));
  EXPECT_FALSE(passes("and_filter: {filters: [{" + yes + "}, {" + no + "}]}"));
  EXPECT_TRUE(passes("or_filter: {filters: [{" + no + "}, {" + yes + "}]}"));
  EXPECT_FALSE(passes("or_filter: {filters: [{" + no + "}, {" + no + "}]}"));
}

TEST_F(AccessLogTest, TheGrpcStatusIsThatOfTheTrailersOrTheHeadersOrTheHttpStatus) {
  EXPECT_TRUE(passes("grpc_status_filter: {statuses: [UNKNOWN]}"));
  info_.response_code = 404;
  EXPECT_TRUE(passes("grpc_status_filter: {statuses: [UNIMPLEMENTED]}"));
  response_.add("grpc-status", "5");
  EXPECT_TRUE(passes("grpc_status_filter: {statuses: [OK, NOT_FOUND]}"));
  trailers_.add("grpc-status", "0");
  EXPECT_TRUE(passes("grpc_status_filter: {statuses: [OK]}"));
  EXPECT_FALSE(passes("grpc_status_filter: {statuses: [OK], exclude: true}"));
  EXPECT_FALSE(passes("grpc_status_filter: {}"));
}

TEST_F(AccessLogTest, ARuntimeFilterLogsAShareThatTheRequestIdDecides) {
  request_.add("x-request-id", "00000031-0000-4000-8000-000000000000");  // 49 of 100
  EXPECT_TRUE(passes("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 50}}"));
  EXPECT_FALSE(passes("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 49}}"));
  EXPECT_FALSE(passes("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 49, denominator: TEN_THOUSAND}}"));
  EXPECT_TRUE(passes("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 50, denominator: TEN_THOUSAND}}"));
  EXPECT_FALSE(passes("runtime_filter: {runtime_key: k}"));  // nobody said how many
}

TEST_F(AccessLogTest, TheRuntimeOverridesNumbersOfFilters) {
  request_.add("x-request-id", "00000031-0000-4000-8000-000000000000");  // 49 of 100
  info_.response_code = 404;
  runtime_.assign({{"k", RuntimeValue::number(404)}});
  EXPECT_TRUE(passes(status_filter("EQ", 200)));
  runtime_.assign({{"k", RuntimeValue::number(50)}});
  EXPECT_TRUE(passes("runtime_filter: {runtime_key: k}"));
  // In parts of what the configuration says.
  EXPECT_FALSE(passes("runtime_filter: {runtime_key: k, percent_sampled: {denominator: MILLION}}") &&
               passes("runtime_filter: {runtime_key: other}"));
}

TEST_F(AccessLogTest, WithoutARequestIdChanceDecides) {
  for (const bool independent : {false, true}) {
    const LogFilter filter{ShareFilter{25, 100, independent}};
    int passed = 0;
    for (uint64_t i = 0; i < 10'000; ++i) {
      info_.stream_id = i;
      passed += filter.passes({&request_, &response_, &trailers_, info_});
    }
    EXPECT_NEAR(passed, 2500, 200);
  }
}

TEST_F(AccessLogTest, ALogTypeFilterAsksForTheMomentOfLogging) {
  EXPECT_TRUE(passes("log_type_filter: {types: [DownstreamEnd]}"));
  EXPECT_FALSE(passes("log_type_filter: {types: [DownstreamEnd], exclude: true}"));
  EXPECT_FALSE(passes("log_type_filter: {types: [TcpConnectionEnd]}"));
  EXPECT_FALSE(passes("log_type_filter: {}"));
}

TEST_F(AccessLogTest, FiltersOnWhatWeirDoesNotHaveAnswerAsForRequestsWithoutIt) {
  EXPECT_TRUE(passes("not_health_check_filter: {}"));
  EXPECT_FALSE(passes("traceable_filter: {}"));
  EXPECT_TRUE(passes("metadata_filter: {}"));
  EXPECT_FALSE(passes(
      "metadata_filter: {matcher: {filter: f, path: [{key: a}], value: {null_match: {}}}, match_if_key_not_found: false}"));
}

}  // namespace
}  // namespace weir::observe
