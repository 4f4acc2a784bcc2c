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

}  // namespace
}  // namespace weir
