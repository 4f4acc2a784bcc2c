#include "base/small_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace weir {
namespace {

TEST(SmallPool, APieceThatWasGivenBackIsLentAgainForTheSameSize) {
  SmallPool pool;
  void* first = pool.allocate(100);
  pool.release(first);
  void* again = pool.allocate(97);
  void* other = pool.allocate(97);
  EXPECT_EQ(again, first);
  EXPECT_NE(other, first);
  pool.release(again);
  pool.release(other);
}

TEST(SmallPool, PiecesKeepTheirBytesWhenTheyAreResized) {
  SmallPool pool;
  char* piece = static_cast<char*>(pool.resize(nullptr, 10));
  std::memcpy(piece, "0123456789", 10);
  for (size_t size : {20, 200, 5000, 50000}) {
    piece = static_cast<char*>(pool.resize(piece, size));
    EXPECT_EQ(std::memcmp(piece, "0123456789", 10), 0);
    std::memset(piece + 10, 'x', size - 10);
  }
  pool.release(piece);
}

TEST(SmallPool, LargePiecesAndWhatExceedsTheStockGoBackToTheSystem) {
  SmallPool pool;
  pool.release(pool.allocate(SmallPool::kLargest + 1));
  EXPECT_EQ(pool.kept(), 0u);
  std::vector<void*> pieces;
  for (int i = 0; i < 2000; ++i) pieces.push_back(pool.allocate(1024));
  for (void* piece : pieces) pool.release(piece);
  EXPECT_LE(pool.kept(), SmallPool::kMostKept);
  EXPECT_GT(pool.kept(), SmallPool::kMostKept / 2);
}

TEST(SmallPool, PiecesAreAlignedForAnything) {
  SmallPool pool;
  std::vector<void*> pieces;
  for (size_t size = 0; size < 4000; size += 7) {
    void* piece = pool.allocate(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % alignof(std::max_align_t), 0u);
    pieces.push_back(piece);
    if (pieces.size() % 2 == 0) continue;
    pool.release(pieces.back());
    pieces.pop_back();
  }
  for (void* piece : pieces) pool.release(piece);
}

}  // namespace
}  // namespace weir
