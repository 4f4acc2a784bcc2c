#include "base/byte_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace weir {

BlockPool::~BlockPool() {
  while (free_ != nullptr) std::free(std::exchange(free_, free_->next));
}

Block* BlockPool::take() {
  ++lent_;
  Block* block = free_;
  if (block != nullptr) {
    free_ = block->next;
    --free_count_;
  } else {
    block = static_cast<Block*>(std::malloc(sizeof(Block)));
    CHECK(block != nullptr);
  }
  block->next = nullptr;
  block->begin = block->end = 0;
  return block;
}

void BlockPool::give_back(Block* block) {
  --lent_;
  if (free_count_ >= kKept) {
    std::free(block);
    return;
  }
  block->next = free_;
  free_ = block;
  ++free_count_;
}

ByteQueue::ByteQueue(ByteQueue&& other) noexcept
    : pool_(other.pool_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

void ByteQueue::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->end == Block::kCapacity) reserve(1);
    const size_t part = std::min<size_t>(bytes.size(), Block::kCapacity - tail_->end);
    std::memcpy(tail_->data + tail_->end, bytes.data(), part);
    commit(part);
    bytes.remove_prefix(part);
  }
}

void ByteQueue::append(ByteQueue&& other) {
  if (other.head_ == nullptr) return;
  if (head_ == nullptr) {
    head_ = other.head_;
  } else {
    tail_->next = other.head_;
  }
  tail_ = other.tail_;
  size_ += other.size_;
  other.head_ = other.tail_ = nullptr;
  other.size_ = 0;
}

char* ByteQueue::reserve(size_t size) {
  CHECK(size <= Block::kCapacity);
  if (tail_ == nullptr || Block::kCapacity - tail_->end < size) {
    Block* block = pool_->take();
    if (tail_ == nullptr) {
      head_ = block;
    } else {
      tail_->next = block;
    }
    tail_ = block;
  }
  return tail_->data + tail_->end;
}

void ByteQueue::commit(size_t size) {
  tail_->end += size;
  size_ += size;
}

std::string_view ByteQueue::front() const {
  for (const Block* block = head_; block != nullptr; block = block->next) {
    if (block->begin != block->end) return {block->data + block->begin, block->end - block->begin};
  }
  return {};
}

void ByteQueue::drain(size_t size) {
  CHECK(size <= size_);
  size_ -= size;
  while (head_ != nullptr) {
    const size_t part = std::min<size_t>(size, head_->end - head_->begin);
    head_->begin += part;
    size -= part;
    if (head_->begin != head_->end) return;
    Block* gone = std::exchange(head_, head_->next);
    pool_->give_back(gone);
  }
  tail_ = nullptr;
}

void ByteQueue::clear() {
  size_ = 0;
  while (head_ != nullptr) pool_->give_back(std::exchange(head_, head_->next));
  tail_ = nullptr;
}

int ByteQueue::fill_iovec(iovec* entries, int count) const {
  int filled = 0;
  for (Block* block = head_; block != nullptr && filled < count; block = block->next) {
    if (block->begin == block->end) continue;
    entries[filled++] = {block->data + block->begin, block->end - block->begin};
  }
  return filled;
}

std::string ByteQueue::to_string() const {
  std::string all;
  for (const Block* block = head_; block != nullptr; block = block->next) {
    all.append(block->data + block->begin, block->end - block->begin);
  }
  return all;
}

}  // namespace weir
