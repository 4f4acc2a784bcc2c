// What an arena promises: aligned memory that stays put, none from the heap for small things, all of it given back at once.
#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir {
namespace {

TEST(Arena, AnOrdinaryRequestNeverReachesTheHeap) {
  Arena arena;
  for (int i = 0; i < 60; ++i) arena.allocate(64);
  EXPECT_EQ(arena.overflow_bytes(), 0u);
}

TEST(Arena, EveryPieceIsAlignedAsAskedWhereverTheLastOneEnded) {
  Arena arena;
  for (size_t i = 0; i < 5000; ++i) {
    arena.allocate_chars(1 + i % 13);
    const size_t alignment = size_t{1} << (i % 5);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.allocate(3, alignment)) % alignment, 0u);
  }
}

TEST(Arena, WhatWasCopiedStaysWhereItIsWhenTheArenaGrows) {
  Arena arena;
  std::vector<std::string_view> copies;
  for (int i = 0; i < 3000; ++i) copies.push_back(arena.copy("text number " + std::to_string(i)));
  EXPECT_GT(arena.overflow_bytes(), 0u);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(copies[i], "text number " + std::to_string(i));
}

TEST(Arena, APieceLargerThanAChunkIsWholeAndWritable) {
  Arena arena;
  const std::string large(100'000, 'x');
  const std::string_view before = arena.copy("before");
  EXPECT_EQ(arena.copy(large), large);
  EXPECT_EQ(arena.copy("after"), "after");
  EXPECT_EQ(before, "before");
}

TEST(Arena, PiecesAreJoinedInTheirOrder) {
  Arena arena;
  EXPECT_EQ(arena.join("a", std::string("bc"), std::string_view(), "d"), "abcd");
  EXPECT_EQ(arena.join(""), "");
}

TEST(Arena, ResetGivesTheHeapsMemoryBackAndUsesItsOwnAgain) {
  Arena arena;
  void* first = arena.allocate(8);
  arena.allocate(50'000);
  EXPECT_GE(arena.overflow_bytes(), 50'000u);
  arena.reset();
  EXPECT_EQ(arena.overflow_bytes(), 0u);
  EXPECT_EQ(arena.allocate(8), first);
}

TEST(Arena, ObjectsAreMadeWithTheirArguments) {
  struct Point {
    int x, y;
    Point(int x, int y) : x(x), y(y) {}
  };
  Arena arena;
  Point* point = arena.make<Point>(3, 4);
  EXPECT_EQ(point->x * 10 + point->y, 34);
}

}  // namespace
}  // namespace weir
