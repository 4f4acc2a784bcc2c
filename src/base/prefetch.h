// prefetch: asks for an object's memory before it is needed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr size_t kCacheLine = 64;

/// Asks for all cache lines of one of many objects at once: where it is cold, their misses overlap instead of following each
/// other.
template <class T>
void prefetch(const T& object) {
  const auto first = reinterpret_cast<uintptr_t>(&object) & ~(kCacheLine - 1);
  for (uintptr_t line = first; line < reinterpret_cast<uintptr_t>(&object + 1); line += kCacheLine) {
    __builtin_prefetch(reinterpret_cast<const void*>(line));
  }
}

}  // namespace weir
