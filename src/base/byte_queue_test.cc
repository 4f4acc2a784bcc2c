// What a queue of bytes promises: the bytes in their order whatever the pieces were, and no memory while it is empty.
#include "base/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"

namespace weir {
namespace {

std::string pattern(size_t size, char first = 'a') {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(first + (i * 7 + i / 251) % 26);
  return text;
}

std::string from_iovecs(const ByteQueue& queue, int most) {
  iovec entries[64];
  std::string text;
  const int filled = queue.fill_iovec(entries, most);
  for (int i = 0; i < filled; ++i) text.append(static_cast<const char*>(entries[i].iov_base), entries[i].iov_len);
  return text;
}

TEST(ByteQueue, AnEmptyQueueOwnsNoBlock) {
  BlockPool pool;
  ByteQueue queue(pool);
  EXPECT_EQ(pool.lent(), 0u);
  queue.append("some bytes");
  EXPECT_EQ(pool.lent(), 1u);
  queue.drain(10);
  EXPECT_EQ(pool.lent(), 0u);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.front(), "");
}

TEST(ByteQueue, BytesComeOutInTheOrderInWhichTheyWentIn) {
  BlockPool pool;
  ByteQueue queue(pool);
  const std::string text = pattern(3 * Block::kCapacity + 17);
  queue.append(text);
  EXPECT_EQ(queue.size(), text.size());
  EXPECT_EQ(queue.to_string(), text);
  EXPECT_EQ(pool.lent(), 4u);
  EXPECT_EQ(from_iovecs(queue, 64), text);
}

TEST(ByteQueue, AnyMixOfAppendingAndDrainingKeepsTheBytes) {
  BlockPool pool;
  Random random(7);
  {
    ByteQueue queue(pool);
    std::string model;
    for (int i = 0; i < 5000; ++i) {
      const std::string piece = pattern(random.below(i % 10 == 0 ? 40'000 : 300), static_cast<char>('a' + i % 3));
      switch (random.below(4)) {
        case 0:
          queue.append(piece);
          break;
        case 1: {
          const std::string_view part = std::string_view(piece).substr(0, Block::kCapacity);
          std::memcpy(queue.reserve(part.size()), part.data(), part.size());
          const size_t used = random.below(part.size() + 1);
          queue.commit(used);
          model += part.substr(0, used);
          continue;
        }
        default: {
          const size_t gone = random.below(std::min<size_t>(queue.size(), 20'000) + 1);
          queue.drain(gone);
          model.erase(0, gone);
          continue;
        }
      }
      model += piece;
      ASSERT_EQ(queue.size(), model.size());
      const std::string_view front = queue.front();
      ASSERT_EQ(front, std::string_view(model).substr(0, front.size()));
      ASSERT_EQ(front.empty(), model.empty());
    }
    EXPECT_EQ(queue.to_string(), model);
  }
  EXPECT_EQ(pool.lent(), 0u);
}

TEST(ByteQueue, MovingAQueueBehindAnotherCopiesNothingAndEmptiesIt) {
  BlockPool pool;
  ByteQueue first(pool), second(pool);
  first.append("one ");
  second.append("two");
  const char* where = second.front().data();
  first.append(std::move(second));
  EXPECT_EQ(first.to_string(), "one two");
  EXPECT_TRUE(second.empty());
  first.drain(4);
  EXPECT_EQ(first.front().data(), where);
  second.append("used again");
  EXPECT_EQ(second.to_string(), "used again");
}

TEST(ByteQueue, AMovedFromQueueIsEmptyAndTheNewOneHasEverything) {
  BlockPool pool;
  ByteQueue first(pool);
  first.append("bytes");
  ByteQueue second(std::move(first));
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second.to_string(), "bytes");
}

TEST(ByteQueue, WhatIsReservedIsNotThereBeforeItIsCommitted) {
  BlockPool pool;
  ByteQueue queue(pool);
  std::memcpy(queue.reserve(Block::kSmallCapacity + 1), "abc", 3);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.front(), "");
  queue.commit(3);
  EXPECT_EQ(queue.to_string(), "abc");
  // More than is left of the block: the next one begins, and the gap between them is not part of the queue.
  queue.append(pattern(Block::kCapacity - 10));
  std::memset(queue.reserve(100), 'z', 100);
  queue.commit(100);
  EXPECT_EQ(queue.size(), 3 + Block::kCapacity - 10 + 100);
  EXPECT_EQ(queue.to_string(), "abc" + pattern(Block::kCapacity - 10) + std::string(100, 'z'));
}

TEST(ByteQueue, NoMoreEntriesAreFilledThanThereIsRoomFor) {
  BlockPool pool;
  ByteQueue queue(pool);
  const std::string text = pattern(5 * Block::kCapacity);
  queue.append(text);
  EXPECT_EQ(from_iovecs(queue, 2), text.substr(0, 2 * Block::kCapacity));
}

TEST(BlockPool, ABlockThatWasGivenBackIsLentAgain) {
  BlockPool pool;
  Block* block = pool.take(1);
  pool.give_back(block);
  EXPECT_EQ(pool.take(1), block);
  pool.give_back(block);
}

TEST(BlockPool, AShortMessageOccupiesASmallBlock) {
  BlockPool pool;
  Block* small = pool.take(Block::kSmallCapacity);
  Block* large = pool.take(Block::kSmallCapacity + 1);
  EXPECT_EQ(small->room(), Block::kSmallCapacity);
  EXPECT_EQ(large->room(), Block::kCapacity);
  pool.give_back(large);
  pool.give_back(small);
  EXPECT_EQ(pool.take(1), small);
  pool.give_back(small);
}

TEST(BlockPool, AfterABurstMostBlocksGoBackToTheSystem) {
  BlockPool pool;
  std::vector<Block*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(pool.take(i % 2 == 0 ? 1 : Block::kCapacity));
  EXPECT_EQ(pool.lent(), 1000u);
  for (Block* block : blocks) pool.give_back(block);  // the sanitizer build notices one that is lost or freed twice
  EXPECT_EQ(pool.lent(), 0u);
}

}  // namespace
}  // namespace weir
