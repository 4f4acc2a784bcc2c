#include "proxy/tracing.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using http::HeaderId;

constexpr std::string_view kId = "12345678-1234-4234-9234-1234567890ab";  // 0x12345678 % 10000 is 9896

struct Request {
  explicit Request(std::string_view id = kId) { headers.add(HeaderId::kRequestId, id); }
  TraceReason decide(const TracingSpec& spec) { return decide_trace(headers, spec, spec.shares, random); }
  char digit() { return headers.get(HeaderId::kRequestId).at(14); }

  Arena arena;
  http::HeaderMap headers{arena};
  Random random{1};
};

TracingSpec shares(RuntimeShare client, RuntimeShare random, RuntimeShare overall) {
  return {.shares = route::trace_shares(client, random, overall, nullptr)};
}
TracingSpec everything() { return shares({100, 100}, {10'000, 10'000}, {10'000, 10'000}); }

TEST(Tracing, TheIdSaysThatARequestIsTraced) {
  Request request;
  EXPECT_EQ(request.decide(everything()), TraceReason::kSampled);
  EXPECT_EQ(request.digit(), '9');
  EXPECT_EQ(request.decide(shares({0, 100}, {0, 10'000}, {10'000, 10'000})), TraceReason::kSampled);  // as decided before
}

TEST(Tracing, TheIdsNumberDecides) {
  EXPECT_EQ(Request().decide(shares({100, 100}, {9'896, 10'000}, {100, 100})), TraceReason::kNotTraceable);
  EXPECT_EQ(Request().decide(shares({100, 100}, {9'897, 10'000}, {100, 100})), TraceReason::kSampled);
}

TEST(Tracing, AnIdWithoutANumberIsNotTraced) {
  for (const std::string_view id : {"rid-1", "1234567", "x2345678-1234-4234-9234-1234567890ab"}) {
    EXPECT_EQ(Request(id).decide(everything()), TraceReason::kNotTraceable) << id;
  }
}

TEST(Tracing, ClientsAndProxiesMayAskForIt) {
  Request asked, forced;
  asked.headers.add(HeaderId::kClientTraceId, "t");
  forced.headers.add(HeaderId::kEnvoyForceTrace, "1");
  const TracingSpec asked_only = shares({100, 100}, {0, 10'000}, {10'000, 10'000});
  EXPECT_EQ(asked.decide(asked_only), TraceReason::kClientForced);
  EXPECT_EQ(asked.digit(), 'b');
  EXPECT_EQ(forced.decide(asked_only), TraceReason::kServiceForced);
  EXPECT_EQ(forced.digit(), 'a');
}

TEST(Tracing, WhatIsTracedMayBeLimitedOverall) {
  Request request("12345678-1234-a234-9234-1234567890ab");
  EXPECT_EQ(request.decide(shares({100, 100}, {100, 100}, {0, 100})), TraceReason::kNotTraceable);
  EXPECT_EQ(request.digit(), '4');
}

TEST(Tracing, AnIdThatMustNotSayItStaysAsItIs) {
  Request request("12345678-1234-9234-9234-1234567890ab");
  TracingSpec spec = shares({100, 100}, {0, 10'000}, {10'000, 10'000});
  spec.marks_id = false;
  EXPECT_EQ(request.decide(spec), TraceReason::kNotTraceable);
  EXPECT_EQ(request.digit(), '9');
  spec.by_request_id = false;
  EXPECT_EQ(request.decide(spec), TraceReason::kSampled);
}

}  // namespace
}  // namespace weir::proxy
