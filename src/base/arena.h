// Arena: memory that lives exactly as long as one request, given back in one stroke.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/text.h"

namespace weir {

/// A bump allocator whose first kilobytes are part of the object, so that an ordinary request never reaches malloc.
/// Destructors are not run: only trivially destructible things may live here. Not thread-safe.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release_overflow(); }

  void* allocate(size_t size, size_t alignment = alignof(std::max_align_t)) {
    auto at = (reinterpret_cast<uintptr_t>(next_) + alignment - 1) & ~(alignment - 1);
    if (at + size <= reinterpret_cast<uintptr_t>(end_)) [[likely]] {
      next_ = reinterpret_cast<char*>(at + size);
      return reinterpret_cast<void*>(at);
    }
    return allocate_overflow(size, alignment);
  }

  char* allocate_chars(size_t size) { return static_cast<char*>(allocate(size, 1)); }

  template <class T>
  T* allocate_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }

  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  std::string_view copy(std::string_view text) {
    char* to = allocate_chars(text.size());
    put(to, text);
    return {to, text.size()};
  }

  std::string_view decimal(int64_t number) {
    char* digits = allocate_chars(20);
    const char* end = std::to_chars(digits, digits + 20, number).ptr;
    return {digits, static_cast<size_t>(end - digits)};
  }

  /// The concatenation of up to a few pieces, as one string in the arena.
  template <class... Pieces>
  std::string_view join(const Pieces&... pieces) {
    const size_t size = (std::string_view(pieces).size() + ...);
    char* to = allocate_chars(size);
    char* at = to;
    ((at = put(at, std::string_view(pieces))), ...);
    return {to, size};
  }

  /// Forgets everything; the memory inside the object is used again.
  void reset() {
    if (overflow_ != nullptr) release_overflow();
    next_ = first_;
    end_ = first_ + sizeof first_;
  }

  /// Bytes taken from the heap beyond the memory inside the object.
  size_t overflow_bytes() const { return overflow_bytes_; }

 private:
  struct Chunk {
    Chunk* next;
  };
  static constexpr size_t kFirst = 4096 - 64;

  void* allocate_overflow(size_t size, size_t alignment);
  void release_overflow();

  Chunk* overflow_ = nullptr;
  size_t overflow_bytes_ = 0;
  char* next_ = first_;
  char* end_ = first_ + sizeof first_;
  alignas(std::max_align_t) char first_[kFirst];
};

}  // namespace weir
