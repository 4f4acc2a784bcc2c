#include "filter/adaptive_concurrency.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

constexpr MonotonicNs kStart = 1000 * kNsPerSecond;

struct Controller {
  explicit Controller(GradientSpec spec) : controller(spec, kStart) {}
  /// One request that takes so long.
  bool ask(int64_t ms) {
    const MonotonicNs sent = now;
    if (!controller.enter(now, random)) return false;
    now += ms * kNsPerMs;
    controller.end(sent, now, random);
    return true;
  }
  MonotonicNs now = kStart;
  Random random{1};
  GradientController controller;
};

GradientSpec spec() { return {.least = 2, .update_ms = 100, .measure_ms = 60'000, .measure_count = 5}; }

TEST(AdaptiveConcurrency, LetsFewRequestsThroughUntilItKnowsHowQuickAnswersAre) {
  Controller c(spec());
  EXPECT_TRUE(c.controller.measuring());
  EXPECT_EQ(c.controller.limit(), 2);
  EXPECT_TRUE(c.controller.enter(c.now, c.random));
  EXPECT_TRUE(c.controller.enter(c.now, c.random));
  EXPECT_FALSE(c.controller.enter(c.now, c.random));
  EXPECT_EQ(c.controller.blocked, 1);
  c.controller.cancel();
  c.controller.cancel();
  for (int i = 0; i < 5; ++i) c.ask(10);
  EXPECT_FALSE(c.controller.measuring());
  EXPECT_NEAR(c.controller.least_us(), 10'000, 400);
}

TEST(AdaptiveConcurrency, LetsMoreThroughWhileAnswersAreAsQuickAsEver) {
  Controller c(spec());
  for (int i = 0; i < 5; ++i) c.ask(10);
  for (int i = 0; i < 200; ++i) c.ask(10);
  EXPECT_GT(c.controller.limit(), 100);
}

TEST(AdaptiveConcurrency, LetsFewerThroughWhenTheyGetSlower) {
  Controller c(spec());
  for (int i = 0; i < 5; ++i) c.ask(10);
  for (int i = 0; i < 200; ++i) c.ask(10);
  const uint32_t before = c.controller.limit();
  for (int i = 0; i < 20; ++i) c.ask(100);
  EXPECT_LT(c.controller.limit(), before / 2);
}

TEST(AdaptiveConcurrency, NeedsNotMeasureWhatItIsTold) {
  GradientSpec told = spec();
  told.fixed_us = 10'000;
  Controller c(told);
  EXPECT_FALSE(c.controller.measuring());
  EXPECT_EQ(c.controller.least_us(), 10'000);
}

TEST(LatencySamples, TellAPercentileWithinAThirtySecondPart) {
  LatencySample sample;
  for (int i = 1; i <= 1000; ++i) sample.add(i * 100);
  EXPECT_EQ(sample.count(), 1000);
  EXPECT_NEAR(sample.take(0.5), 50'000, 1600);
  EXPECT_EQ(sample.count(), 0);
}

}  // namespace
}  // namespace weir::filter
