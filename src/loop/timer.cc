#include "loop/timer.h"

#include <algorithm>
#include <bit>

namespace weir::loop {

void Timer::arm(int64_t delay_ms) {
  cancel();
  // One tick more than asked: "now" lies somewhere inside the current tick, and a timer must not be early.
  due_tick_ = wheel_.now_tick_ + std::max<int64_t>(delay_ms, 0) + (delay_ms > 0 ? 1 : 0);
  ++wheel_.armed_;
  wheel_.place(*this);
}

void Timer::cancel() {
  if (!linked()) return;
  unlink();
  --wheel_.armed_;
}

TimerWheel::TimerWheel(MonotonicNs now) : now_tick_(now / kNsPerMs), wheel_tick_(now_tick_) {}

void TimerWheel::place(Timer& timer) {
  if (timer.due_tick_ <= wheel_tick_) {
    overdue_.push_back(timer);
    return;
  }
  // A timer beyond the wheel's reach waits in the last slot and is placed again when that comes round.
  constexpr int64_t kReach = (int64_t{1} << (kBits * kLevels)) - 1;
  const int64_t distance = std::min(timer.due_tick_ - wheel_tick_, kReach);
  int level = 0;
  while (level < kLevels - 1 && (distance >> (kBits * (level + 1))) != 0) ++level;
  const auto index = static_cast<size_t>(((wheel_tick_ + distance) >> (kBits * level)) & (kSlots - 1));
  slots_[level][index].push_back(timer);
  if (level == 0) occupied_[index / 64] |= uint64_t{1} << (index % 64);
}

void TimerWheel::cascade(int level) {
  if (level >= kLevels) return;
  const int index = (wheel_tick_ >> (kBits * level)) & (kSlots - 1);
  if (index == 0) cascade(level + 1);
  List<Timer> moved;
  moved.take_all(slots_[level][index]);
  while (!moved.empty()) place(moved.pop_front());
}

void TimerWheel::run_all(List<Timer>& slot) {
  List<Timer> due;  // what a callback arms anew belongs to a later turn
  due.take_all(slot);
  while (!due.empty()) {
    Timer& timer = due.pop_front();
    --armed_;
    timer.callback_(timer.owner_);  // may destroy the timer
  }
}

void TimerWheel::advance(MonotonicNs now) {
  set_now(now);
  run_all(overdue_);
  if (armed_ == 0) wheel_tick_ = now_tick_;
  while (wheel_tick_ < now_tick_) {
    ++wheel_tick_;
    const int index = wheel_tick_ & (kSlots - 1);
    if (index == 0) cascade(1);
    run_all(slots_[0][index]);
    run_all(overdue_);
    if (armed_ == 0) wheel_tick_ = now_tick_;
  }
}

int64_t TimerWheel::ms_until_next(MonotonicNs now) const {
  if (armed_ == 0) return -1;
  if (!overdue_.empty()) return 0;
  const int64_t passed = now / kNsPerMs - wheel_tick_;
  // Look through the first level; beyond it the end of the level (a cascade) is soon enough.
  const auto here = static_cast<int>(wheel_tick_ & (kSlots - 1));
  const int64_t ticks = next_occupied(here + 1) - here;
  return std::max<int64_t>(ticks - passed, 0);
}

/// The first slot of the first level, from `from` on, that holds a timer; kSlots if none does.
int TimerWheel::next_occupied(int from) const {
  for (int index = from; index < kSlots;) {
    const uint64_t word = occupied_[index / 64] >> (index % 64);
    if (word == 0) {
      index = (index / 64 + 1) * 64;
      continue;
    }
    index += std::countr_zero(word);
    if (!slots_[0][index].empty()) return index;
    occupied_[index / 64] &= ~(uint64_t{1} << (index % 64));
  }
  return kSlots;
}

}  // namespace weir::loop
