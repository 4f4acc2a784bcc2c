// When a loop may pause to let news pile up, and when it may not.
#include "loop/patience.h"

#include <gtest/gtest.h>

namespace weir::loop {
namespace {

constexpr MonotonicNs kUs = 1'000;

/// A proxy with `under_way` exchanges of which each turn ends and begins `share`, each after `duration`.
struct Traffic {
  Traffic(int under_way, int share, MonotonicNs duration) : share(share), duration(duration) {
    for (int i = 0; i < under_way; ++i) patience.began();
    patience.end_turn(now);
  }
  /// A turn; what pause it leaves, taken if the loop was woken soon.
  MonotonicNs turn() {
    for (int i = 0; i < share; ++i) {
      patience.took(duration);
      patience.began();
    }
    now += 100 * kUs;
    const MonotonicNs pause = patience.end_turn(now);
    if (pause != 0) patience.pays(pause, 2 * kUs);
    return pause;
  }
  MonotonicNs turns(int count) {
    MonotonicNs pause = 0;
    for (int i = 0; i < count; ++i) pause = turn();
    return pause;
  }

  int share;
  MonotonicNs duration;
  MonotonicNs now = kNsPerMs;
  Patience patience;
};

TEST(Patience, ALoopThatKnowsNothingDoesNotPause) {
  Patience patience;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(patience.end_turn(i * kNsPerMs), 0);
}

TEST(Patience, APauseGrowsToItsLimitWhileOthersHavePlentyToDo) {
  Traffic traffic(256, 3, 2 * kNsPerMs);
  EXPECT_EQ(traffic.turns(1000), 100 * kUs);
}

TEST(Patience, APauseIsAtMostAQuarterOfTheShortestExchangeSeenLately) {
  Traffic traffic(256, 3, 200 * kUs);
  EXPECT_EQ(traffic.turns(1000), 50 * kUs);
  traffic.duration = 20 * kUs;
  EXPECT_EQ(traffic.turns(1), 0);
}

TEST(Patience, ThereIsNoPauseWhenATurnHandlesMuchOfWhatIsUnderWay) {
  Traffic traffic(64, 20, 2 * kNsPerMs);
  EXPECT_EQ(traffic.turns(1000), 0);
}

TEST(Patience, APauseThatLeavesTheOthersIdleIsShortened) {
  Traffic traffic(256, 3, 2 * kNsPerMs);
  ASSERT_EQ(traffic.turns(1000), 100 * kUs);
  traffic.share = 40;
  traffic.turn();
  traffic.share = 3;
  EXPECT_LT(traffic.turn(), 60 * kUs);
}

TEST(Patience, WhoSleptLongIsNotHeldBack) {
  Patience patience;
  EXPECT_TRUE(patience.pays(100 * kUs, 49 * kUs));
  EXPECT_FALSE(patience.pays(100 * kUs, 50 * kUs));
}

TEST(Patience, AConversationEndsPausesAtOnceAndForAWhile) {
  Traffic traffic(256, 3, 2 * kNsPerMs);
  ASSERT_EQ(traffic.turns(1000), 100 * kUs);
  traffic.patience.hurry();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(traffic.turn(), 0) << i;
  EXPECT_GT(traffic.turns(300), 0);
}

TEST(Patience, ThatNothingEndedLatelyIsNoReasonToBePatient) {
  Traffic traffic(256, 3, 2 * kNsPerMs);
  ASSERT_EQ(traffic.turns(1000), 100 * kUs);
  traffic.now += kNsPerSecond;
  EXPECT_EQ(traffic.turn(), 0);
}

}  // namespace
}  // namespace weir::loop
