// What a loop promises: the order within a turn, nothing called inside the call that registered it, mail from any thread.
#include "loop/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

namespace weir::loop {
namespace {

struct Later final : TurnEnd, NextTurn {
  explicit Later(std::function<void(const char*)> act) : act(std::move(act)) {}
  void on_turn_end() override { act("end"); }
  void on_next_turn() override { act("next"); }
  std::function<void(const char*)> act;
};

struct Event final : Source {
  explicit Event(EventLoop& loop, std::function<void()> act = {})
      : loop(loop), fd(eventfd(0, EFD_NONBLOCK)), act(std::move(act)) {
    loop.watch(fd, *this, EPOLLIN);
  }
  ~Event() {
    loop.unwatch(fd, *this);
    close(fd);
  }
  void raise() const { EXPECT_EQ(eventfd_write(fd, 1), 0); }
  void on_ready(uint32_t) override {
    ++count;
    if (act) act();
  }
  EventLoop& loop;
  int fd;
  std::function<void()> act;
  int count = 0;
};

struct Grave final : Disposable {
  explicit Grave(std::function<void()> act) : act(std::move(act)) {}
  ~Grave() override { act(); }
  std::function<void()> act;
};

TEST(EventLoop, ATurnIsNextTurnsThenEventsThenTimersThenTheEnd) {
  EventLoop loop(1);
  std::string order;
  Later later([&](const char* what) { order += std::string(what) + " "; });
  Event event(loop, [&] { order += "event "; });
  struct Owner {
    std::string& order;
    void ring() { order += "timer "; }
  } owner{order};
  Timer timer = Timer::calling<&Owner::ring>(loop.timers(), owner);
  loop.at_turn_end(later);
  loop.at_next_turn(later);
  loop.dispose(std::make_unique<Grave>([&] { order += "disposed "; }));
  event.raise();
  timer.arm(0);
  EXPECT_EQ(order, "");
  loop.turn(1000);
  EXPECT_EQ(order, "next event timer end disposed ");
}

TEST(EventLoop, WhatIsPutOffIsCalledOnceHoweverOftenItAsked) {
  EventLoop loop(1);
  int calls = 0;
  Later later([&](const char*) { ++calls; });
  loop.at_turn_end(later);
  loop.at_turn_end(later);
  loop.turn(0);
  loop.turn(0);
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, WhatAsksForTheNextTurnDuringItsTurnIsCalledInTheOneAfter) {
  EventLoop loop(1);
  int calls = 0;
  Later later([&](const char*) {
    if (++calls < 3) loop.at_next_turn(later);
  });
  loop.at_next_turn(later);
  for (int turn = 1; turn <= 3; ++turn) {
    loop.turn(1000);  // does not wait while somebody wants the next turn
    EXPECT_EQ(calls, turn);
  }
}

TEST(EventLoop, WhatEndsBeforeItsTurnIsNotCalled) {
  EventLoop loop(1);
  int calls = 0;
  {
    Later later([&](const char*) { ++calls; });
    loop.at_next_turn(later);
    loop.at_turn_end(later);
  }
  loop.turn(0);
  EXPECT_EQ(calls, 0);
}

TEST(EventLoop, WhatIsDisposedLivesUntilTheTurnEndsAndMayDisposeMore) {
  EventLoop loop(1);
  int alive = 2;
  Event event(loop, [&] {
    loop.dispose(std::make_unique<Grave>([&] {
      --alive;
      loop.dispose(std::make_unique<Grave>([&] { --alive; }));
    }));
    EXPECT_EQ(alive, 2);
  });
  event.raise();
  loop.turn(1000);
  EXPECT_EQ(alive, 0);
}

TEST(EventLoop, ReadinessIsToldOncePerNews) {
  EventLoop loop(1);
  Event event(loop);
  event.raise();
  loop.turn(1000);
  loop.turn(0);
  EXPECT_EQ(event.count, 1);
  event.raise();
  loop.turn(1000);
  EXPECT_EQ(event.count, 2);
}

TEST(EventLoop, ASourceThatWasUnwatchedHearsNothingOfEventsThatHadAlreadyCome) {
  EventLoop loop(1);
  int heard = 0;
  std::unique_ptr<Event> first, second;
  first = std::make_unique<Event>(loop, [&] {
    ++heard;
    second.reset();
  });
  second = std::make_unique<Event>(loop, [&] {
    ++heard;
    first.reset();
  });
  first->raise();
  second->raise();
  loop.turn(1000);
  EXPECT_EQ(heard, 1);
}

TEST(EventLoop, MailFromOtherThreadsIsReadOnTheLoopsThreadInTheOrderOfEachSender) {
  EventLoop loop(1);
  constexpr int kSenders = 4, kLetters = 2000;
  std::vector<int> last(kSenders, -1);
  int got = 0;
  const auto loop_thread = std::this_thread::get_id();
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      for (int letter = 0; letter < kLetters; ++letter) {
        loop.post([&, sender, letter] {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          EXPECT_EQ(last[sender], letter - 1);
          last[sender] = letter;
          ++got;
        });
      }
    });
  }
  const MonotonicNs deadline = monotonic_now() + 20 * kNsPerSecond;
  while (got < kSenders * kLetters && monotonic_now() < deadline) loop.turn(1000);
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(got, kSenders * kLetters);
}

TEST(EventLoop, ALetterPostedWhileMailIsReadIsReadInALaterTurn) {
  EventLoop loop(1);
  int read = 0;
  loop.post([&] {
    ++read;
    loop.post([&] { ++read; });
    EXPECT_EQ(read, 1);
  });
  loop.turn(1000);
  EXPECT_EQ(read, 1);
  loop.turn(1000);
  EXPECT_EQ(read, 2);
}

TEST(EventLoop, StopFromAnotherThreadEndsRunEvenWhileItWaits) {
  EventLoop loop(1);
  std::thread stopper([&] {
    usleep(20'000);
    loop.stop();
  });
  loop.run();
  stopper.join();
}

TEST(EventLoop, AStopBeforeRunIsNotForgotten) {
  EventLoop loop(1);
  loop.stop();
  loop.run();
}

TEST(EventLoop, AnIdleLoopWaitsNoLongerThanItsTimersAllow) {
  EventLoop loop(1);
  struct Owner {
    void ring() { ++rung; }
    int rung = 0;
  } owner;
  Timer timer = Timer::calling<&Owner::ring>(loop.timers(), owner);
  const MonotonicNs start = monotonic_now();
  timer.arm(30);
  while (owner.rung == 0 && monotonic_now() - start < 10 * kNsPerSecond) loop.turn(-1);
  EXPECT_GE(monotonic_now() - start, 30 * kNsPerMs);
  EXPECT_EQ(owner.rung, 1);
}

TEST(EventLoop, LettersNobodyReadEndWithTheLoop) {
  auto held = std::make_shared<int>(0);
  {
    EventLoop loop(1);
    loop.post([held] {});
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace weir::loop
