#include "base/byte_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace weir {

BlockPool::~BlockPool() {
  for (Stock* stock : {&small_, &large_}) {
    while (stock->first != nullptr) std::free(std::exchange(stock->first, stock->first->next));
  }
}

Block* BlockPool::take(Stock& stock, size_t capacity) {
  ++lent_;
  Block* block = stock.first;
  if (block != nullptr) {
    stock.first = block->next;
    --stock.count;
    if (stock.first != nullptr) __builtin_prefetch(stock.first, 1);  // the next one to be taken has long left the cache
  } else {
    block = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
    CHECK(block != nullptr);
    block->capacity = static_cast<uint32_t>(capacity);
  }
  block->next = nullptr;
  block->begin = block->end = 0;
  return block;
}

void BlockPool::give_back(Block* block) {
  --lent_;
  Stock& stock = block->capacity == Block::kCapacity ? large_ : small_;
  if (stock.count >= stock.most) {
    std::free(block);
    return;
  }
  block->next = stock.first;
  stock.first = block;
  ++stock.count;
}

ByteQueue::ByteQueue(ByteQueue&& other) noexcept
    : pool_(other.pool_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

void ByteQueue::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->room() == 0) reserve(std::min(bytes.size(), Block::kCapacity));
    const size_t part = std::min<size_t>(bytes.size(), tail_->room());
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
  if (tail_ == nullptr || tail_->room() < size) {
    Block* block = pool_->take(tail_ == nullptr ? size : Block::kCapacity);  // a queue that grows will go on growing
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
