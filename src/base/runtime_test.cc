#include "base/runtime.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Runtime, AKeyThatWasNeverSetGivesWhatTheReaderWouldHaveTaken) {
  RuntimeValues values;
  const RuntimeKey key = values.key("some.key");
  EXPECT_EQ(key.integer(7), 7u);
  EXPECT_EQ(key.number(1.5), 1.5);
  EXPECT_TRUE(key.flag(true));
  EXPECT_FALSE(key.holds(50, {50, 100}));
  EXPECT_TRUE(key.holds(49, {50, 100}));
  EXPECT_EQ(RuntimeKey().integer(3), 3u);
  EXPECT_FALSE(values.key("").exists());
}

TEST(Runtime, AKeyFoundEarlierSeesWhatIsSetLater) {
  RuntimeValues values;
  const RuntimeKey key = values.key("a");
  values.assign({{"a", RuntimeValue::number(12.75)}});
  EXPECT_EQ(key.integer(0), 12u);
  EXPECT_EQ(key.number(0), 12.75);
  values.assign({{"b", RuntimeValue::number(1)}});
  EXPECT_EQ(key.integer(99), 99u);
  EXPECT_EQ(values.key("b").integer(0), 1u);
}

TEST(Runtime, WhoWatchesABeginningHearsWhenAKeyThatBeginsSoComesOrGoes) {
  RuntimeValues values;
  int heard = 0;
  std::shared_ptr<const void> watch = values.watch("limits.", [&] { ++heard; });
  values.assign({{"limit", RuntimeValue::number(1)}});
  EXPECT_EQ(heard, 0);
  EXPECT_FALSE(values.any("limits."));
  values.assign({{"limits.a", RuntimeValue::number(1)}});
  EXPECT_EQ(heard, 1);
  EXPECT_TRUE(values.any("limits."));
  values.assign({});
  EXPECT_EQ(heard, 2);
  values.assign({});
  EXPECT_EQ(heard, 2);
  watch.reset();
  values.assign({{"limits.a", RuntimeValue::number(1)}});
  EXPECT_EQ(heard, 2);
}

TEST(Runtime, AValueOfAnotherKindIsNoValue) {
  EXPECT_EQ(RuntimeValue::flag(true).as_integer(), std::nullopt);
  EXPECT_EQ(RuntimeValue::flag(false).as_flag(), false);
  EXPECT_EQ(RuntimeValue::number(0).as_flag(), false);
  EXPECT_EQ(RuntimeValue::share({1, 100}).as_flag(), std::nullopt);
  EXPECT_EQ(RuntimeValue::number(-3).as_integer(), std::nullopt);
  EXPECT_EQ(RuntimeValue::number(-3).as_number(), -3);
  EXPECT_EQ(RuntimeValue::number(std::nan("")).as_number(), std::nullopt);
  EXPECT_EQ(RuntimeValue::share({5, 10'000}).as_number(), std::nullopt);
  EXPECT_EQ(RuntimeValue().as_share(), std::nullopt);
}

TEST(Runtime, AnIntegerIsAShareOfAHundred) {
  EXPECT_EQ(RuntimeValue::number(25).as_share(), (RuntimeShare{25, 100}));
  EXPECT_EQ(RuntimeValue::share({25, 1'000'000}).as_share(), (RuntimeShare{25, 1'000'000}));
  EXPECT_EQ(RuntimeValue::share({UINT32_MAX, 10'000}).as_share(), (RuntimeShare{UINT32_MAX, 10'000}));
}

TEST(Runtime, AShareLargerThanTheWholeAlwaysHolds) {
  RuntimeValues values;
  values.assign({{"a", RuntimeValue::number(200)}});
  EXPECT_TRUE(values.key("a").holds(99, {0, 100}));
}

}  // namespace
}  // namespace weir
