// Patience: how long a busy loop may let news pile up before it looks, so that one look finds much of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace weir::loop {

/// A loop that is woken for every few bytes spends more on waking, reading and writing than on the bytes. Where others have
/// plenty to do meanwhile, it may pause a little after being woken and then take up the news of many connections at once, as the
/// interrupt moderation of network cards does. Nobody should notice:
///  - only when news comes so densely that a pause finds more than what woke the loop;
///  - only for a part of the shortest exchange seen lately;
///  - only while most of the exchanges under way are in other hands, so that nobody waits for this loop to go on;
///  - not while a conversation or a long body passes, where each answer waits for the one before.
/// Belongs to one loop's thread.
class Patience {
 public:
  /// An exchange (a request until its response is complete) has begun.
  void began() {
    ++under_way_;
    ++handled_;
  }
  /// It ended, after that long.
  void took(MonotonicNs duration) {
    --under_way_;
    ++handled_;
    if (duration > 0) shortest_ = std::min(shortest_, duration);  // what ended in the same turn waited for nobody
  }
  /// Somebody may be waiting for every byte: no pauses for a while.
  void hurry() { shortest_ = 0; }

  /// At the end of each turn: how long the loop may pause when it is woken next; 0: not at all.
  MonotonicNs end_turn(MonotonicNs now);
  /// Whether a loop that may pause that long and was woken after `slept` is to do so.
  bool pays(MonotonicNs pause, MonotonicNs slept) {
    paused_ = slept < pause / 2;
    return paused_;
  }

 private:
  static constexpr MonotonicNs kUnknown = std::numeric_limits<MonotonicNs>::max();

  MonotonicNs shortest_ = kUnknown;  // of this window
  MonotonicNs before_ = 0;           // of the one before
  MonotonicNs window_start_ = 0;
  MonotonicNs length_ = 0;  // what proved to leave the others busy
  int64_t under_way_ = 0;
  int64_t handled_ = 0;  // beginnings and ends in this turn
  bool paused_ = false;  // before this turn
};

}  // namespace weir::loop
