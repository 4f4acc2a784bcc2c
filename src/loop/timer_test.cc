// What timers promise: never early, in order, however far away; and a cancelled one is silent.
#include "loop/timer.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"

namespace weir::loop {
namespace {

constexpr MonotonicNs kStart = 1'234'567'890'123;  // somewhere inside a tick

struct Alarm {
  explicit Alarm(TimerWheel& wheel, std::function<void()> act = {})
      : timer(Timer::calling<&Alarm::ring>(wheel, *this)), act(std::move(act)) {}
  void ring() {
    ++rung;
    if (act) act();
  }
  Timer timer;
  std::function<void()> act;
  int rung = 0;
};

/// A wheel whose time the test owns.
class Timers : public testing::Test {
 protected:
  void advance_ms(int64_t ms) { advance_to(now_ + ms * kNsPerMs); }
  void advance_to(MonotonicNs now) {
    now_ = now;
    wheel_.advance(now_);
  }
  /// As the loop does it: sleeps as long as it may, then looks.
  void sleep_until(const std::function<bool()>& done, int most_turns = 1'000'000) {
    while (!done() && --most_turns > 0) {
      const int64_t wait = wheel_.ms_until_next(now_);
      ASSERT_GE(wait, 0) << "the loop would sleep for ever";
      advance_ms(std::max<int64_t>(wait, 1));
    }
    ASSERT_TRUE(done());
  }

  MonotonicNs now_ = kStart;
  TimerWheel wheel_{kStart};
};

TEST_F(Timers, ATimerIsNeverEarlyAndAtMostOneTickLate) {
  for (const int64_t delay : {1, 2, 5, 254, 255, 256, 257, 511, 512, 65'535, 65'536, 65'537, 70'000}) {
    Alarm alarm(wheel_);
    const MonotonicNs armed_at = now_;
    alarm.timer.arm(delay);
    sleep_until([&] { return alarm.rung == 1; });
    EXPECT_GE(now_ - armed_at, delay * kNsPerMs) << delay;
    EXPECT_LE(now_ - armed_at, (delay + 2) * kNsPerMs) << delay;
    now_ += 123'457;  // begin the next one elsewhere inside a tick
    wheel_.advance(now_);
  }
}

TEST_F(Timers, FromEveryPlaceOfTheWheelATimerRingsAtItsTime) {
  Random random(3);
  for (int i = 0; i < 400; ++i) {
    const int64_t delay = static_cast<int64_t>(1 + random.below(random.below(2) == 0 ? 600 : 70'000));
    Alarm alarm(wheel_);
    alarm.timer.arm(delay);
    advance_ms(delay - 1);
    ASSERT_EQ(alarm.rung, 0) << i << ": " << delay;
    advance_ms(2);
    ASSERT_EQ(alarm.rung, 1) << i << ": " << delay;
  }
}

TEST_F(Timers, ManyTimersRingInTheOrderOfTheirTimes) {
  Random random(5);
  std::vector<std::unique_ptr<Alarm>> alarms;
  int64_t last = 0;
  int rung = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto delay = static_cast<int64_t>(1 + random.below(100'000));
    alarms.push_back(std::make_unique<Alarm>(wheel_, [&, delay] {
      EXPECT_GE(delay, last);
      last = delay;
      ++rung;
    }));
    alarms.back()->timer.arm(delay);
  }
  while (rung < 2000) advance_ms(static_cast<int64_t>(1 + random.below(900)));
  EXPECT_EQ(wheel_.armed(), 0u);
}

TEST_F(Timers, ATimerBeyondTheReachOfTheWheelWaitsItsWholeTime) {
  Alarm alarm(wheel_);
  const int64_t fifty_days = 50LL * 24 * 3600 * 1000;  // more than 2^32 ms
  alarm.timer.arm(fifty_days);
  advance_ms(600'000);
  EXPECT_EQ(alarm.rung, 0);
  EXPECT_TRUE(alarm.timer.armed());
}

TEST_F(Timers, ATimerOfHoursIsPlacedAnewUntilItsTimeComes) {
  Alarm alarm(wheel_);
  const int64_t hours = 16'777'216 + 300;  // just beyond three levels
  alarm.timer.arm(hours);
  advance_ms(hours - 1);
  EXPECT_EQ(alarm.rung, 0);
  advance_ms(2);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Timers, ADelayOfZeroRingsInTheNextTurn) {
  Alarm alarm(wheel_);
  alarm.timer.arm(0);
  EXPECT_EQ(alarm.rung, 0);
  EXPECT_EQ(wheel_.ms_until_next(now_), 0);
  wheel_.advance(now_);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Timers, ATimerThatArmsItselfAnewRingsOnceATurn) {
  Alarm alarm(wheel_);
  alarm.act = [&] { alarm.timer.arm(0); };
  alarm.timer.arm(0);
  for (int turn = 1; turn <= 5; ++turn) {
    wheel_.advance(now_);
    EXPECT_EQ(alarm.rung, turn);
  }
}

TEST_F(Timers, ACancelledTimerIsSilent) {
  Alarm alarm(wheel_);
  alarm.timer.arm(10);
  alarm.timer.cancel();
  EXPECT_EQ(wheel_.armed(), 0u);
  EXPECT_EQ(wheel_.ms_until_next(now_), -1);
  advance_ms(1000);
  EXPECT_EQ(alarm.rung, 0);
  alarm.timer.cancel();  // harmless
}

TEST_F(Timers, ArmingAgainReplaces) {
  Alarm alarm(wheel_);
  alarm.timer.arm(10);
  alarm.timer.arm(1000);
  EXPECT_EQ(wheel_.armed(), 1u);
  advance_ms(500);
  EXPECT_EQ(alarm.rung, 0);
  advance_ms(502);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Timers, ACallbackMayCancelAnotherTimerThatIsDueAtTheSameTime) {
  Alarm first(wheel_), second(wheel_);
  first.act = [&] { second.timer.cancel(); };
  second.act = [&] { first.timer.cancel(); };
  first.timer.arm(5);
  second.timer.arm(5);
  advance_ms(100);
  EXPECT_EQ(first.rung + second.rung, 1);
  EXPECT_EQ(wheel_.armed(), 0u);
}

TEST_F(Timers, ACallbackMayDestroyItsOwnTimer) {
  auto alarm = std::make_unique<Alarm>(wheel_);
  bool rung = false;
  alarm->act = [&] {
    rung = true;
    auto act = std::move(alarm->act);  // the function that runs must outlive the timer
    alarm.reset();
  };
  alarm->timer.arm(5);
  advance_ms(10);
  EXPECT_TRUE(rung);
  EXPECT_EQ(alarm, nullptr);
  EXPECT_EQ(wheel_.armed(), 0u);
}

TEST_F(Timers, ATimerArmedAfterALongSleepCountsFromNow) {
  advance_ms(10'000'000);  // with nothing armed the wheel jumps
  Alarm alarm(wheel_);
  alarm.timer.arm(20);
  advance_ms(19);
  EXPECT_EQ(alarm.rung, 0);
  advance_ms(2);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Timers, TheLoopIsNeverToldToSleepBeyondTheNextTimer) {
  Random random(11);
  for (int i = 0; i < 60; ++i) {
    Alarm alarm(wheel_);
    const auto delay = static_cast<int64_t>(1 + random.below(200'000));
    alarm.timer.arm(delay);
    const MonotonicNs due = now_ + delay * kNsPerMs;
    while (alarm.rung == 0) {
      const int64_t wait = wheel_.ms_until_next(now_);
      ASSERT_LE(now_ + wait * kNsPerMs, due + 2 * kNsPerMs);
      advance_ms(std::max<int64_t>(wait, 1));
    }
  }
}

}  // namespace
}  // namespace weir::loop
