// Lane: how far one direction of an exchange has come through the filters, and what of its body waits for the head.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/byte_queue.h"

namespace weir::proxy {

/// Bytes of a body from which on its sender may be waiting for every window update (see loop::Patience).
inline constexpr uint64_t kLongBody = 32 * 1024;

/// The head goes first: bytes that come to where it has not been yet wait there.
struct Lane {
  explicit Lane(BlockPool& blocks) : waiting(blocks) {}

  size_t seen = 0;      // filters that the head was shown to; the last of them may have paused
  bool paused = false;  // it has
  bool open = false;    // the head is through: what passes the last filter goes out
  ByteQueue waiting;    // in front of the next filter, or behind one that paused and wants no body
  bool end_waits = false;
  bool trailers_wait = false;
  uint64_t holds = 0;  // who has no room for more: a bit for each, see below

  static constexpr uint64_t kFarEnd = uint64_t{1} << 63;  // the one it goes to
  static constexpr uint64_t kQueue = uint64_t{1} << 62;   // `waiting` is over the limit
  /// Of the filter at that position; those beyond the 60th share a bit.
  static uint64_t filter_bit(size_t position) { return uint64_t{1} << (position < 60 ? position : 61); }

  void clear() {
    seen = 0;
    paused = open = end_waits = trailers_wait = false;
    waiting.clear();
    holds = 0;
  }
};

}  // namespace weir::proxy
