#include "base/boxed.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Boxed, ACopyOfABoxIsAValueOfItsOwn) {
  Boxed<std::string> first;
  EXPECT_FALSE(first);
  first.emplace("a");
  Boxed<std::string> second = first;
  *second += "b";
  EXPECT_EQ(*first, "a");
  EXPECT_EQ(*second, "ab");
  first = second;
  EXPECT_EQ(*first, "ab");
  first.reset();
  EXPECT_FALSE(first.has_value());
}

TEST(Rare, AValueThatNobodyEditedIsTheDefault) {
  struct Options {
    int size = 7;
  };
  Rare<Options> options;
  EXPECT_EQ(options->size, 7);
  const Rare<Options> before = options;
  options.edit().size = 8;
  EXPECT_EQ(options->size, 8);
  EXPECT_EQ(before->size, 7);
  EXPECT_EQ(sizeof(options), sizeof(void*));
}

TEST(RareList, AListThatMostlyIsEmptyTakesNoMoreThanAPointer) {
  RareList<std::string> list;
  EXPECT_EQ(sizeof(list), sizeof(void*));
  EXPECT_TRUE(list.empty());
  for (const std::string& item : list) FAIL() << item;
  list.push_back("a");
  list.push_back("b");
  const RareList<std::string> copy = list;
  for (std::string& item : list) item += "!";
  EXPECT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1], "b!");
  EXPECT_EQ(copy[1], "b");
  EXPECT_TRUE(RareList<std::string>(std::vector<std::string>()).empty());
  EXPECT_EQ((RareList<std::string>{"c", "d"}).size(), 2u);
}

}  // namespace
}  // namespace weir
