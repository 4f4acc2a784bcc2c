#include "filter/rate_limit.h"

#include <gtest/gtest.h>

#include <string>

#include "filter/test_exchange.h"

namespace weir::filter {
namespace {

/// Remembers what was asked, and lets the test answer.
struct AskingExchange final : Exchange {
  AskingExchange() : Exchange(request_headers, response_headers, stream_info, memory, chance_source, event_loop, 0) {}
  void proceed_later() override { proceeded = true; }
  void reply_later(const Reply& reply) override { replied = reply; }
  std::shared_ptr<void>& kept_for_connection(std::string_view) override { return kept; }
  std::unique_ptr<Call> call(const CallSpec&, std::string_view message, CallEvents& events) override {
    asked = message;
    service = &events;
    return std::make_unique<Call>();
  }

  FilterFactoryPtr factory;
  Arena memory;
  http::HeaderMap request_headers{memory}, response_headers{memory};
  format::StreamInfo stream_info;
  Random chance_source{1};
  loop::EventLoop event_loop{1};
  std::shared_ptr<void> kept;
  std::string asked;
  CallEvents* service = nullptr;
  bool proceeded = false;
  std::optional<Reply> replied;
};

/// envoy.service.ratelimit.v3.RateLimitResponse, field by field (Protocol Buffers, Encoding).
std::string field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + bytes;
}
std::string number(int field, int value) { return std::string(1, static_cast<char>(field << 3)) + static_cast<char>(value); }
constexpr int kOk = 1, kOverLimit = 2, kMinute = 2;
std::string status(int code, int most, int unit, int remaining, int reset_s, const std::string& name = "") {
  std::string limit = number(1, most) + number(2, unit);
  if (!name.empty()) limit += field(3, name);
  return field(2, number(1, code) + field(2, limit) + number(3, remaining) + field(4, number(1, reset_s)));
}

class RateLimits : public testing::Test {
 protected:
  RateLimits() {
    route::RateLimit limit;
    limit.actions.push_back({.key = "generic_key", .value = "v"});
    spec_.rate_limits.push_back(std::move(limit));
    spec_.domain = "d";
    spec_.service_cluster = "here";
    route_.action = route::Forward();
    exchange_.route = &route_;
  }
  ~RateLimits() override {
    if (filter_ != nullptr) filter_->~Filter();
  }
  Verdict ask() {
    exchange_.factory = make_rate_limit(std::move(spec_));
    filter_ = exchange_.factory->make(exchange_, {});
    return filter_->on_request(exchange_);
  }

  RateLimitSpec spec_;
  route::Route route_;
  AskingExchange exchange_;
  Filter* filter_ = nullptr;
};

TEST_F(RateLimits, AskTheServiceWithTheDomainAndTheDescriptors) {
  EXPECT_EQ(ask().kind, Verdict::Kind::kPause);
  EXPECT_EQ(exchange_.asked, field(1, "d") + field(2, field(1, field(1, "generic_key") + field(2, "v"))));
}

TEST_F(RateLimits, LetARequestGoOnThatTheServiceLikes) {
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_answer(number(1, kOk));
  EXPECT_TRUE(exchange_.proceeded);
  EXPECT_FALSE(exchange_.replied);
}

TEST_F(RateLimits, AnswerOneThatIsTooMany) {
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_answer(number(1, kOverLimit));
  ASSERT_TRUE(exchange_.replied);
  EXPECT_EQ(exchange_.replied->status, 429);
  EXPECT_EQ(exchange_.replied->details, "request_rate_limited");
  EXPECT_TRUE(exchange_.stream_info.flags.has(format::ResponseFlag::kRateLimited));
  (void)filter_->on_response(exchange_);
  EXPECT_EQ(exchange_.response_headers.get_joined("x-envoy-ratelimited"), "true");
}

TEST_F(RateLimits, TellTheNearestLimitFirstAndThenEachWithItsWindow) {
  spec_.tells_limits = true;
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_answer(number(1, kOk) + status(kOk, 10, kMinute, 7, 30, "ten") + status(kOk, 5, kMinute, 2, 20));
  (void)filter_->on_response(exchange_);
  EXPECT_EQ(exchange_.response_headers.get_joined("x-ratelimit-limit"), "5, 10;w=60;name=\"ten\", 5;w=60");
  EXPECT_EQ(exchange_.response_headers.get_joined("x-ratelimit-remaining"), "2");
  EXPECT_EQ(exchange_.response_headers.get_joined("x-ratelimit-reset"), "20");
}

TEST_F(RateLimits, GoOnWithoutTheServiceUnlessToldToDeny) {
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_call_failed(14, "gone");
  EXPECT_TRUE(exchange_.proceeded);
}

TEST_F(RateLimits, DenyWithoutTheServiceIfToldTo) {
  spec_.failure_mode_deny = true;
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_call_failed(14, "gone");
  ASSERT_TRUE(exchange_.replied);
  EXPECT_EQ(exchange_.replied->status, 500);
  EXPECT_EQ(exchange_.replied->details, "rate_limiter_error");
}

TEST_F(RateLimits, TakeAnAnswerThatIsNoMessageForAFailure) {
  spec_.failure_mode_deny = true;
  ASSERT_EQ(ask().kind, Verdict::Kind::kPause);
  exchange_.service->on_answer("\xff\xff\xff");
  ASSERT_TRUE(exchange_.replied);
  EXPECT_EQ(exchange_.replied->status, 500);
}

TEST_F(RateLimits, AskNothingForRequestsThatAreNotMeant) {
  spec_.requests = RateLimitSpec::Requests::kInternal;
  EXPECT_EQ(ask().kind, Verdict::Kind::kProceed);
  EXPECT_EQ(exchange_.service, nullptr);
}

}  // namespace
}  // namespace weir::filter
