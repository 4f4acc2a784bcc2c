#include "filter/admission_control.h"

#include <gtest/gtest.h>

#include "filter/test_exchange.h"

namespace weir::filter {
namespace {

constexpr MonotonicNs kStart = 1000 * kNsPerSecond;

TEST(AdmissionControl, RefusesNobodyWhileEnoughRequestsSucceed) {
  EXPECT_EQ(rejected_share({100, 100}, 0.95, 1, 0.8), 0);
  EXPECT_EQ(rejected_share({100, 95}, 0.95, 1, 0.8), 0);
  EXPECT_EQ(rejected_share({0, 0}, 0.95, 1, 0.8), 0);
}

TEST(AdmissionControl, RefusesMoreTheMoreFailAndMoreBoldlyIfAsked) {
  EXPECT_NEAR(rejected_share({99, 0}, 0.95, 1, 1), 0.99, 1e-9);
  EXPECT_NEAR(rejected_share({99, 45}, 0.95, 1, 1), 0.52, 0.01);
  EXPECT_EQ(rejected_share({99, 0}, 0.95, 1, 0.8), 0.8);
  EXPECT_GT(rejected_share({99, 47}, 0.95, 2, 1), rejected_share({99, 47}, 0.95, 1, 1));
}

TEST(AdmissionControl, ForgetsWhatIsOlderThanItsWindow) {
  AdmissionHistory history(2000);
  history.record(true, kStart);
  history.record(false, kStart + kNsPerSecond);
  EXPECT_EQ(history.counts(kStart + kNsPerSecond).requests, 2);
  EXPECT_EQ(history.counts(kStart + 2 * kNsPerSecond).requests, 1);
  EXPECT_EQ(history.counts(kStart + 2 * kNsPerSecond).successes, 0);
  EXPECT_EQ(history.counts(kStart + 10 * kNsPerSecond).requests, 0);
}

TEST(AdmissionControl, CountsRequestsASecondSinceTheOldestItRemembers) {
  AdmissionHistory history(30'000);
  for (int i = 0; i < 50; ++i) history.record(true, kStart);
  EXPECT_EQ(history.rps(kStart), 50);
  EXPECT_EQ(history.rps(kStart + 5 * kNsPerSecond), 10);
}

}  // namespace
}  // namespace weir::filter
