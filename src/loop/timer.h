// Timers: a hierarchical wheel of one-millisecond ticks; arming and cancelling cost a few list links.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/list.h"

namespace weir::loop {

class TimerWheel;

/// A one-shot timer that calls a method of its owner. Destroying or cancelling it means that the method will not be
/// called; the method may destroy the timer. Lives on its loop's thread.
///   Timer idle_ = Timer::calling<&Connection::on_idle>(wheel, *this);
class Timer : public ListNode<Timer> {
 public:
  using Callback = void (*)(void* owner);

  Timer(TimerWheel& wheel, void* owner, Callback callback) : wheel_(wheel), owner_(owner), callback_(callback) {}
  ~Timer() { cancel(); }

  template <auto Method, class Owner>
  static Timer calling(TimerWheel& wheel, Owner& owner) {
    return Timer(wheel, &owner, [](void* at) { (static_cast<Owner*>(at)->*Method)(); });
  }

  template <auto Method, class Owner>
  static std::unique_ptr<Timer> make(TimerWheel& wheel, Owner& owner) {
    return std::unique_ptr<Timer>(new Timer(calling<Method>(wheel, owner)));
  }

  /// Calls the method once, no earlier than `delay_ms` from now (0: the next turn). Re-arming replaces.
  void arm(int64_t delay_ms);
  void cancel();
  bool armed() const { return linked(); }

 private:
  friend class TimerWheel;
  TimerWheel& wheel_;
  void* owner_;
  Callback callback_;
  int64_t due_tick_ = 0;
};

/// All timers of one loop. Time is handed in, so that tests own it.
class TimerWheel {
 public:
  explicit TimerWheel(MonotonicNs now);

  /// Runs the callbacks that are due at `now`.
  void advance(MonotonicNs now);
  /// Milliseconds from `now` until something is due: 0 if overdue, -1 if no timer is armed. May be early, never late.
  int64_t ms_until_next(MonotonicNs now) const;
  size_t armed() const { return armed_; }
  /// Tells the wheel the time without running anything, so that arm() counts from it.
  void set_now(MonotonicNs now) { now_tick_ = now / kNsPerMs; }

 private:
  friend class Timer;
  static constexpr int kLevels = 4;
  static constexpr int kBits = 8;
  static constexpr int kSlots = 1 << kBits;

  void place(Timer& timer);
  void cascade(int level);
  void run_all(List<Timer>& slot);
  int next_occupied(int from) const;

  int64_t now_tick_;    // the latest time told
  int64_t wheel_tick_;  // every tick up to here has been run
  size_t armed_ = 0;
  List<Timer> slots_[kLevels][kSlots];
  /// A bit for each slot of the first level that may hold a timer; one that was left empty loses it when somebody looks.
  mutable uint64_t occupied_[kSlots / 64] = {};
  List<Timer> overdue_;
};

}  // namespace weir::loop
