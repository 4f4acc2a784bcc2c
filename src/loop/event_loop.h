// EventLoop: one thread's heart. Waits for readiness, runs timers, takes mail, and does at the end of each turn what was put off.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/byte_queue.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/random.h"
#include "base/result.h"
#include "base/small_pool.h"
#include "loop/patience.h"
#include "loop/timer.h"

namespace weir::loop {

/// Something with a file descriptor that can become ready. Readiness is edge-triggered: on_ready() is called when there is news,
/// not again for the same bytes.
class Source {
 public:
  virtual void on_ready(uint32_t epoll_events) = 0;

 protected:
  ~Source() = default;
};

/// What wants to be called once, at the end of the turn in which it asked (to gather writes).
class TurnEnd : public ListNode<TurnEnd> {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd() = default;
};

/// What wants to be called at the start of the next turn (so that no callback fires inside the call that registered it).
class NextTurn : public ListNode<NextTurn> {
 public:
  virtual void on_next_turn() = 0;

 protected:
  ~NextTurn() = default;
};

/// What can be thrown away with EventLoop::dispose().
class Disposable {
 public:
  virtual ~Disposable() = default;
};

class EventLoop {
 public:
  explicit EventLoop(uint64_t random_seed);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs turns until stop().
  void run();
  /// One turn; waits at most `max_wait_ms` (-1: as long as nothing happens) for something to do.
  void turn(int64_t max_wait_ms);
  /// From any thread: run() returns after the current turn.
  void stop();

  /// Watches `fd` for `epoll_events` (edge-triggered). `source` must outlive the watch.
  void watch(int fd, Source& source, uint32_t epoll_events);
  void rewatch(int fd, Source& source, uint32_t epoll_events);
  /// Ends a watch; events of the current turn that were not delivered yet are not delivered.
  void unwatch(int fd, Source& source);

  void at_turn_end(TurnEnd& what) {
    if (!what.linked()) turn_end_.push_back(what);
  }
  void at_next_turn(NextTurn& what) {
    if (!what.linked()) next_turn_.push_back(what);
  }
  /// Destroys `what` at the end of the turn, when nobody up the call stack can still be using it.
  void dispose(std::unique_ptr<Disposable> what) { graveyard_.push_back(std::move(what)); }

  /// From any thread: runs `act` on the loop's thread in a later turn. This is the mailbox; it never waits for the loop.
  void post(std::move_only_function<void()> act);

  /// The time at the beginning of the turn (refreshed while a long turn is being worked through).
  MonotonicNs now() const { return now_; }
  /// Wall-clock time of the same moment.
  WallNs wall() const { return now_ + wall_offset_; }
  TimerWheel& timers() { return timers_; }
  /// Wants to know how long exchanges take, and of what cannot wait.
  Patience& patience() { return patience_; }
  BlockPool& blocks() { return blocks_; }
  SmallPool& small_pieces() { return small_pieces_; }
  Random& random() { return random_; }

  /// Where reads go: one buffer for everybody, valid until the handler of the bytes returns.
  static constexpr size_t kScratchSize = 64 * 1024;
  char* scratch() { return scratch_.get(); }

 private:
  class Doorbell;
  /// Waits at most `max_ms` (-1: as long as it takes) for events_.
  void wait_for_news(int max_ms);
  void refresh_time();
  void take_mail();
  void end_turn();

  int epoll_;
  MonotonicNs now_;
  WallNs wall_offset_;
  MonotonicNs wall_checked_ = 0;
  TimerWheel timers_;
  BlockPool blocks_;
  SmallPool small_pieces_;
  Random random_;
  Patience patience_;
  std::unique_ptr<char[]> scratch_;
  std::vector<epoll_event> events_;
  int event_count_ = 0;
  int event_next_ = 0;
  List<TurnEnd> turn_end_;
  List<NextTurn> next_turn_;
  std::vector<std::unique_ptr<Disposable>> graveyard_;
  std::unique_ptr<Doorbell> doorbell_;
  std::mutex mail_mutex_;
  std::vector<std::move_only_function<void()>> mail_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace weir::loop
