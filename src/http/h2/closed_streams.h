// ClosedStreams: which streams are certainly over, or were never opened, so that frames on them are errors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::http::h2 {

/// A short memory (RFC 9113 §5.1, §5.1.1). It remembers only what the peer itself closed, for of streams that we reset frames may
/// still be under way; what it has forgotten counts as harmless.
class ClosedStreams {
 public:
  /// A client opened a stream: those it passed over are closed for good.
  void opened(uint32_t id) {
    if (id > next_) skipped_[skips_++ % kSkips] = {next_, id - 2};
    next_ = id + 2;
  }
  /// Both sides have ended the stream, or the peer has reset it.
  void closed(uint32_t id) {
    closed_[count_++ % kClosed] = id;
    newest_closed_ = std::max(newest_closed_, id);
  }

  /// A client has not come to this number yet. (Of a server's streams only closed() is told: it may not be asked.)
  bool is_new(uint32_t id) const { return id >= next_; }
  bool was_closed(uint32_t id) const {
    if (id == 0 || id > newest_closed_) return false;
    for (const uint32_t each : closed_) {
      if (each == id) return true;
    }
    return false;
  }
  bool was_skipped(uint32_t id) const {
    for (const Range& range : skipped_) {
      if (range.first <= id && id <= range.last) return true;
    }
    return false;
  }

 private:
  static constexpr size_t kClosed = 16;
  static constexpr size_t kSkips = 4;
  struct Range {
    uint32_t first = 1, last = 0;
  };

  uint32_t next_ = 1, newest_closed_ = 0;
  uint32_t closed_[kClosed] = {};
  Range skipped_[kSkips];
  size_t count_ = 0, skips_ = 0;
};

}  // namespace weir::http::h2
