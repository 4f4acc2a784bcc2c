#include "base/arena.h"

#include <algorithm>
#include <cstdlib>

#include "base/check.h"

namespace weir {

namespace {
constexpr size_t kChunk = 16 * 1024;
}

void* Arena::allocate_overflow(size_t size, size_t alignment) {
  const size_t bytes = std::max(kChunk, sizeof(Chunk) + size + alignment);
  auto* chunk = static_cast<Chunk*>(std::malloc(bytes));
  CHECK(chunk != nullptr);
  chunk->next = overflow_;
  overflow_ = chunk;
  overflow_bytes_ += bytes;
  next_ = reinterpret_cast<char*>(chunk + 1);
  end_ = reinterpret_cast<char*>(chunk) + bytes;
  return allocate(size, alignment);
}

void Arena::release_overflow() {
  while (overflow_ != nullptr) std::free(std::exchange(overflow_, overflow_->next));
  overflow_bytes_ = 0;
}

}  // namespace weir
