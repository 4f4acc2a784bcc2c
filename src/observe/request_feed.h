// RequestFeed: a bounded sample of the requests that were just answered, for somebody who watches the admin page.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

namespace weir::observe {

/// While nobody watches, a request costs one look at a flag. While somebody does, each worker describes at most kMostPerSecond
/// requests a second; the others are counted as dropped.
class RequestFeed {
 public:
  static constexpr uint32_t kMostPerSecond = 200;
  static constexpr size_t kKept = 400;
  static constexpr MonotonicNs kWatching = 5 * kNsPerSecond;  // so long after a look somebody still counts as watching

  explicit RequestFeed(size_t workers);

  // --- on the worker's own thread ---
  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  /// Whether the request that ended now shall be described; asked only while watched().
  bool wants(size_t worker, MonotonicNs now);
  /// `description`: a JSON object.
  void add(size_t worker, std::string description);

  // --- on the main thread ---
  struct News {
    std::vector<std::string> descriptions;  // in the order in which they were given
    uint64_t next = 0;                      // what to ask for next time
    uint64_t dropped = 0;                   // since somebody began to watch
  };
  /// What was added since an earlier call said `after` (0: whatever is there); the caller counts as watching for a while.
  News look(uint64_t after, MonotonicNs now);
  /// Now and then: stops describing when nobody has looked for a while.
  void sweep(MonotonicNs now);

 private:
  struct Shard {
    std::mutex mutex;
    std::deque<std::string> descriptions;
    uint64_t dropped = 0;
    // the worker's alone
    MonotonicNs second_began = 0;
    uint32_t in_this_second = 0;
  };
  void gather();

  std::atomic<bool> watched_ = false;
  std::vector<std::unique_ptr<Shard>> shards_;
  MonotonicNs looked_at_ = 0;
  std::deque<std::string> kept_;
  uint64_t next_ = 1;
  uint64_t dropped_ = 0;
};

}  // namespace weir::observe
