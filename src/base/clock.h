// Time as Weir counts it: monotonic nanoseconds for durations, wall-clock nanoseconds for what people read.
#pragma once

#include <cstdint>
#include <ctime>

namespace weir {

/// A point on the monotonic clock, in nanoseconds. 0 means "never happened".
using MonotonicNs = int64_t;
/// Nanoseconds since the Unix epoch.
using WallNs = int64_t;

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;

inline MonotonicNs monotonic_now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kNsPerSecond + t.tv_nsec;
}

inline WallNs wall_now() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * kNsPerSecond + t.tv_nsec;
}

}  // namespace weir
