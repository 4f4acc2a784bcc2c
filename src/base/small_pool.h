// SmallPool: small pieces of memory that come and go with every request, kept by size for the next one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

/// malloc() for libraries that allow their own: pieces up to kLargest are kept on lists by size when they are given back, so that
/// the steady state costs a few instructions. One per worker, not thread-safe; must outlive what it gave.
class SmallPool {
 public:
  SmallPool() = default;
  SmallPool(const SmallPool&) = delete;
  SmallPool& operator=(const SmallPool&) = delete;
  ~SmallPool();

  void* allocate(size_t size);
  void release(void* memory);
  /// As realloc().
  void* resize(void* memory, size_t size);

  /// Bytes kept for later.
  size_t kept() const { return kept_; }

  static constexpr size_t kLargest = 2048;
  /// More than this is given back to the system.
  static constexpr size_t kMostKept = 1024 * 1024;

 private:
  /// Before each piece: which list it belongs to (0: none), and how large it is.
  struct alignas(std::max_align_t) Header {
    uint32_t list;
    size_t size;
  };
  struct Free {
    Free* next;
  };
  static constexpr size_t kStep = 32;
  static constexpr size_t kLists = kLargest / kStep;

  Free* free_[kLists + 1] = {};
  size_t kept_ = 0;
};

}  // namespace weir
