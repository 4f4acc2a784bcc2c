#include "filter/bandwidth_limit.h"

#include <gtest/gtest.h>

#include <string>

#include "filter/test_exchange.h"

namespace weir::filter {
namespace {

/// 1,000 bytes a second, in steps of 10 ms.
class BandwidthLimits : public testing::Test {
 protected:
  BandwidthLimits() {
    spec_ = std::make_shared<BandwidthLimitSpec>();
    spec_->stats = std::make_shared<stats::Sharded<BandwidthStats>>(1);
    spec_->interval_ms = 10;
    spec_->bucket = std::make_unique<TokenBucket>(1000, 1000, exchange_.event_loop.now());
  }
  ~BandwidthLimits() override {
    if (filter_ != nullptr) filter_->~Filter();
  }
  void make() {
    exchange_.factory = make_bandwidth_limit(spec_);
    filter_ = exchange_.factory->make(exchange_, {});
  }
  void wait(int64_t ms) {
    const MonotonicNs end = exchange_.event_loop.now() + ms * kNsPerMs;
    while (exchange_.event_loop.now() < end) exchange_.event_loop.turn(1);
  }
  BandwidthStats& counted() { return spec_->stats->mine(0); }

  TestExchange exchange_;
  std::shared_ptr<BandwidthLimitSpec> spec_;
  Filter* filter_ = nullptr;
};

TEST_F(BandwidthLimits, AreNotThereWhenTheyLimitNothing) {
  make();
  EXPECT_EQ(filter_, nullptr);
}

TEST_F(BandwidthLimits, HoldWhatIsTooMuchAndLetItFollow) {
  spec_->responses = true;
  make();
  EXPECT_EQ(filter_->on_response(exchange_).kind, Verdict::Kind::kProceed);
  filter_->on_response_body(exchange_, std::string(60, 'x'), true);
  wait(3);
  EXPECT_LT(exchange_.response_body.size(), 60u);
  EXPECT_FALSE(exchange_.response_body_ended);
  wait(150);
  EXPECT_EQ(exchange_.response_body, std::string(60, 'x'));
  EXPECT_TRUE(exchange_.response_body_ended);
  EXPECT_EQ(counted().response_enabled.value(), 1u);
  EXPECT_GE(counted().response_enforced.value(), 1u);
  EXPECT_EQ(counted().response_allowed_total_size.value(), 60u);
}

TEST_F(BandwidthLimits, LimitRequestsWhereOnlyTheseAreMeant) {
  spec_->requests = true;
  make();
  EXPECT_EQ(filter_->on_request(exchange_).kind, Verdict::Kind::kProceed);
  EXPECT_EQ(filter_->on_response(exchange_).kind, Verdict::Kind::kProceed);
  filter_->on_request_body(exchange_, "abc", true);
  wait(30);
  EXPECT_EQ(exchange_.request_body, "abc");
  EXPECT_TRUE(exchange_.request_body_ended);
  EXPECT_EQ(counted().request_incoming_total_size.value(), 3u);
  EXPECT_EQ(counted().response_enabled.value(), 0u);
}

TEST_F(BandwidthLimits, TellInTrailersHowLongABodyTook) {
  spec_->responses = true;
  spec_->trailers = BandwidthTrailers{"asked", "answered", "asked-held", "answered-held"};
  make();
  EXPECT_EQ(filter_->on_response(exchange_).kind, Verdict::Kind::kProceed);
  filter_->on_response_body(exchange_, std::string(60, 'x'), true);
  wait(150);
  EXPECT_EQ(exchange_.response_body, std::string(60, 'x'));
  EXPECT_FALSE(exchange_.response_body_ended) << "that is left to the trailers";
  const http::HeaderMap& trailers = exchange_.trailers_of_response();
  EXPECT_NE(trailers.find("answered"), nullptr);
  EXPECT_NE(trailers.find("answered-held"), nullptr);
  EXPECT_EQ(trailers.find("asked"), nullptr) << "requests are not limited";
  EXPECT_EQ(counted().response_pending.value(), 0);
}

TEST_F(BandwidthLimits, EndWithTheTrailersOfABodyThatIsThrough) {
  spec_->responses = true;
  make();
  EXPECT_EQ(filter_->on_response(exchange_).kind, Verdict::Kind::kProceed);
  filter_->on_response_body(exchange_, "abc", false);
  wait(30);
  EXPECT_EQ(counted().response_pending.value(), 1);
  filter_->on_response_trailers(exchange_);
  EXPECT_EQ(counted().response_pending.value(), 0);
}

TEST_F(BandwidthLimits, CanBeSwitchedOff) {
  spec_->requests = spec_->responses = true;
  spec_->enabled = false;
  make();
  EXPECT_EQ(filter_->on_request(exchange_).kind, Verdict::Kind::kProceed);
  EXPECT_EQ(counted().request_enabled.value(), 0u);
}

}  // namespace
}  // namespace weir::filter
