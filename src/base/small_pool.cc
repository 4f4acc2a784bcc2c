#include "base/small_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weir {

SmallPool::~SmallPool() {
  for (Free*& list : free_) {
    while (list != nullptr) std::free(reinterpret_cast<Header*>(std::exchange(list, list->next)) - 1);
  }
}

void* SmallPool::allocate(size_t size) {
  const size_t list = (size + kStep - 1) / kStep;
  if (list != 0 && list <= kLists) [[likely]] {
    if (Free* piece = free_[list]) {
      free_[list] = piece->next;
      if (free_[list] != nullptr) __builtin_prefetch(free_[list], 1);  // the next one to be taken has long left the cache
      kept_ -= list * kStep;
      return piece;
    }
    size = list * kStep;
  }
  auto* header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
  if (header == nullptr) return nullptr;
  header->list = list <= kLists ? static_cast<uint32_t>(list) : 0;
  header->size = size;
  return header + 1;
}

void SmallPool::release(void* memory) {
  if (memory == nullptr) return;
  Header* header = static_cast<Header*>(memory) - 1;
  if (header->list == 0 || kept_ + header->size > kMostKept) [[unlikely]] {
    std::free(header);
    return;
  }
  auto* piece = static_cast<Free*>(memory);
  piece->next = free_[header->list];
  free_[header->list] = piece;
  kept_ += header->size;
}

void* SmallPool::resize(void* memory, size_t size) {
  if (memory == nullptr) return allocate(size);
  const size_t had = (static_cast<Header*>(memory) - 1)->size;
  if (size <= had && size != 0) return memory;
  void* larger = allocate(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, std::min(had, size));
  release(memory);
  return larger;
}

}  // namespace weir
