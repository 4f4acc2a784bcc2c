// ByteQueue: bytes waiting to go somewhere, in blocks lent by the worker and given back when they are gone.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// One lent piece of memory. `begin` and `end` bound the bytes that wait in it.
struct Block {
  static constexpr size_t kSize = 16 * 1024;
  static constexpr size_t kCapacity = kSize - sizeof(void*) - 2 * sizeof(uint32_t);

  Block* next;
  uint32_t begin;
  uint32_t end;
  char data[kCapacity];
};
static_assert(sizeof(Block) == Block::kSize);

/// The worker's stock of blocks. Keeps at most `kKept` free ones; one per worker, not thread-safe.
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  Block* take();
  void give_back(Block* block);
  /// Blocks now in use.
  size_t lent() const { return lent_; }

 private:
  static constexpr size_t kKept = 256;
  Block* free_ = nullptr;
  size_t free_count_ = 0;
  size_t lent_ = 0;
};

/// First in, first out. An empty queue owns no memory.
class ByteQueue {
 public:
  explicit ByteQueue(BlockPool& pool) : pool_(&pool) {}
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ByteQueue(ByteQueue&& other) noexcept;
  ~ByteQueue() { clear(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void append(std::string_view bytes);
  /// Moves everything of `other` behind what is here, without copying.
  void append(ByteQueue&& other);

  /// Room for `size` (at most Block::kCapacity) contiguous bytes, to be written and then committed.
  char* reserve(size_t size);
  /// Makes the first `size` bytes of the last reserve() part of the queue.
  void commit(size_t size);

  /// The contiguous bytes at the front; empty when the queue is.
  std::string_view front() const;
  /// Removes `size` bytes from the front.
  void drain(size_t size);
  void clear();

  /// Calls `use(std::string_view)` for every contiguous piece, front first; nothing is removed.
  template <class F>
  void for_each_piece(F&& use) const {
    for (const Block* block = head_; block != nullptr; block = block->next) {
      if (block->begin != block->end) use(std::string_view(block->data + block->begin, block->end - block->begin));
    }
  }

  /// Fills up to `count` entries with what waits, front first; returns how many were filled.
  int fill_iovec(iovec* entries, int count) const;

  /// A copy of everything, for tests and small things.
  std::string to_string() const;

 private:
  BlockPool* pool_;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace weir
