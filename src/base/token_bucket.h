// TokenBucket: something may happen so many times at once, and so often on average.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>

#include "base/clock.h"

namespace weir {

/// Fills all the time, not in steps. From any thread, without a lock.
class TokenBucket {
 public:
  /// Full at first; restart() makes it otherwise.
  TokenBucket(uint64_t most, double per_second, MonotonicNs now)
      : most_(static_cast<double>(most)), per_ns_(per_second / 1e9), empty_since_(static_cast<double>(now) - full_ns()) {}

  double most() const { return most_; }
  /// Tokens a second.
  double rate() const { return per_ns_ * 1e9; }

  /// Takes `count` tokens, or none if there are fewer.
  bool take(uint64_t count, MonotonicNs now) { return take_between(count, count, now) != 0 || count == 0; }
  /// Takes as many as there are, at most `most`; returns how many.
  uint64_t take_up_to(uint64_t most, MonotonicNs now) { return take_between(1, most, now); }
  /// Whole tokens that could be taken.
  uint64_t available(MonotonicNs now) const { return static_cast<uint64_t>(tokens(since(), now)); }
  /// Nanoseconds until there is one; 0 if there is.
  int64_t until_next(MonotonicNs now) const {
    const double have = tokens(since(), now);
    return have >= 1 || per_ns_ == 0 ? 0 : static_cast<int64_t>(std::ceil((1 - have) / per_ns_));
  }
  /// From now on as if it had been empty `ns` ago.
  void restart(MonotonicNs now, int64_t ns) { empty_since_.store(static_cast<double>(now - ns), std::memory_order_relaxed); }

 private:
  double full_ns() const { return per_ns_ == 0 ? 0 : most_ / per_ns_; }
  double since() const { return empty_since_.load(std::memory_order_relaxed); }
  double tokens(double empty_since, MonotonicNs now) const {
    return std::clamp((static_cast<double>(now) - empty_since) * per_ns_ + 1e-6, 0.0, most_);
  }
  uint64_t take_between(uint64_t least, uint64_t most, MonotonicNs now) {
    double before = since();
    for (;;) {
      const double have = tokens(before, now);
      if (have < static_cast<double>(least) || most == 0) return 0;
      const auto taken = static_cast<uint64_t>(std::min(have, static_cast<double>(most)));
      // A bucket that has been full for long holds no more than it can.
      const double from = std::max(before, static_cast<double>(now) - full_ns());
      if (empty_since_.compare_exchange_weak(before, from + static_cast<double>(taken) / per_ns_, std::memory_order_relaxed)) {
        return taken;
      }
    }
  }

  const double most_;
  const double per_ns_;
  std::atomic<double> empty_since_;  // when the bucket would have been empty, had it filled all along
};

}  // namespace weir
