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
/// There are two sizes: a message of a few hundred bytes need not occupy what a large body wants. Both are odd multiples of a
/// cache line, or else the first lines of all blocks, which are those that are used, would share a few places in the cache.
struct Block {
  static constexpr size_t kHead = sizeof(void*) + 4 * sizeof(uint32_t);
  static constexpr size_t kSize = 261 * 64;
  static constexpr size_t kCapacity = kSize - kHead;
  static constexpr size_t kSmallSize = 33 * 64;
  static constexpr size_t kSmallCapacity = kSmallSize - kHead;

  Block* next;
  uint32_t begin;
  uint32_t end;
  uint32_t capacity;
  uint32_t unused;
  char data[];

  size_t room() const { return capacity - end; }
};
static_assert(sizeof(Block) == Block::kHead);

/// The worker's stock of blocks. Keeps some free ones of each size; one per worker, not thread-safe.
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// The smallest block with room for `size` (at most Block::kCapacity) bytes.
  Block* take(size_t size) {
    return size <= Block::kSmallCapacity ? take(small_, Block::kSmallCapacity) : take(large_, Block::kCapacity);
  }
  void give_back(Block* block);
  /// Blocks now in use.
  size_t lent() const { return lent_; }

 private:
  struct Stock {
    const size_t most;
    Block* first = nullptr;
    size_t count = 0;
  };
  Block* take(Stock& stock, size_t capacity);

  Stock small_{1024};
  Stock large_{256};
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
