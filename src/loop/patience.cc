#include "loop/patience.h"

#include <utility>

namespace weir::loop {

namespace {
constexpr MonotonicNs kWindow = 10 * kNsPerMs;
constexpr MonotonicNs kLongest = 100'000;
constexpr MonotonicNs kLeast = 10'000;  // a shorter pause costs more than it saves
constexpr MonotonicNs kStep = 10'000;
/// A pause is at most this part of the shortest exchange.
constexpr MonotonicNs kPartOfExchange = 4;
/// A turn that handles more than this part of what is under way leaves the others idle.
constexpr int64_t kPartOfAll = 8;
}  // namespace

MonotonicNs Patience::end_turn(MonotonicNs now) {
  const bool crowded = std::exchange(handled_, 0) * kPartOfAll > under_way_;
  if (std::exchange(paused_, false)) length_ = crowded ? length_ / 2 : std::min(length_ + kStep, kLongest);
  if (now - window_start_ > kWindow) {
    // That nothing ended in the last window, or that it is long over, is no reason to be patient.
    before_ = shortest_ == kUnknown || now - window_start_ > 2 * kWindow ? 0 : shortest_;
    shortest_ = kUnknown;
    window_start_ = now;
    length_ = std::max(length_, kLeast);
  }
  const MonotonicNs pause = std::min(length_, std::min(before_, shortest_) / kPartOfExchange);
  return crowded || pause < kLeast ? 0 : pause;
}

}  // namespace weir::loop
