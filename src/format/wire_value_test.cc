#include "format/wire_value.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::format {
namespace {

using namespace std::literals;

using Kind = MetadataValue::Kind;

std::string repeated(std::string inner, int times) {
  for (int i = 0; i < times; ++i) {
    // A list of one value: field 6 of Value is ListValue, whose field 1 is a Value.
    std::string list = "\x0a" + std::string(1, static_cast<char>(inner.size())) + inner;
    inner = "\x32" + std::string(1, static_cast<char>(list.size())) + list;
  }
  return inner;
}

TEST(WireValue, ScalarsAreReadByTheirKind) {
  Arena arena;
  EXPECT_EQ(read_wire_value("\x08\x00"sv, arena)->kind, Kind::kNull);
  EXPECT_EQ(read_wire_value(""sv, arena)->kind, Kind::kNull);
  EXPECT_EQ(read_wire_value("\x11\x00\x00\x00\x00\x00\x00\xf8\x3f"sv, arena)->number, 1.5);
  EXPECT_EQ(read_wire_value("\x1a\x02hi"sv, arena)->text, "hi");
  EXPECT_TRUE(read_wire_value("\x20\x01"sv, arena)->flag);
}

TEST(WireValue, TheLastKindCountsAndUnknownFieldsAreSkipped) {
  Arena arena;
  const auto value = read_wire_value("\x20\x01\x1a\x01x\x7a\x03???\x7d\x01\x02\x03\x04"sv, arena);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->kind, Kind::kText);
  EXPECT_EQ(value->text, "x");
}

TEST(WireValue, StructsAndListsNest) {
  Arena arena;
  // {"a": [true, "b"]}
  const auto value = read_wire_value(
      "\x2a\x10\x0a\x0e\x0a\x01"
      "a\x12\x09\x32\x07\x0a\x02\x20\x01\x0a\x01"sv,
      arena);
  EXPECT_FALSE(value);  // cut off
  const auto whole = read_wire_value(
      "\x2a\x12\x0a\x10\x0a\x01"
      "a\x12\x0b\x32\x09\x0a\x02\x20\x01\x0a\x03\x1a\x01"
      "b"sv,
      arena);
  ASSERT_TRUE(whole);
  const MetadataValue* list = whole->find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2u);
  EXPECT_TRUE(list->items[0].flag);
  EXPECT_EQ(list->items[1].text, "b");
}

TEST(WireValue, OfMembersWithOneNameTheLastCounts) {
  Arena arena;
  const auto value = read_wire_value(
      "\x2a\x12\x0a\x07\x0a\x01"
      "a\x12\x02\x20\x00\x0a\x07\x0a\x01"
      "a\x12\x02\x20\x01"sv,
      arena);
  ASSERT_TRUE(value);
  ASSERT_EQ(value->items.size(), 1u);
  EXPECT_TRUE(value->items[0].flag);
}

TEST(WireValue, WhatIsNoMessageIsRefused) {
  Arena arena;
  for (const std::string_view bytes : {"\x1a"sv, "\x1a\x05hi"sv, "\x00\x01"sv, "\x11\x00"sv, "\x0b\x0c"sv, "\x1a\x01\xff"sv,
                                       "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv, "hello"sv}) {
    EXPECT_FALSE(read_wire_value(bytes, arena)) << bytes;
  }
}

TEST(WireValue, DeepNestingIsRefused) {
  Arena arena;
  EXPECT_TRUE(read_wire_value(repeated("\x20\x01", 25), arena));
  std::string deep = "\x20\x01";
  for (int i = 0; i < 60; ++i) {
    const auto sized = [](std::string text) {
      std::string size;
      for (size_t n = text.size();; n >>= 7) {
        size += static_cast<char>((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        if (n <= 0x7f) break;
      }
      return size + text;
    };
    deep = "\x32" + sized("\x0a" + sized(deep));
  }
  EXPECT_FALSE(read_wire_value(deep, arena));
}

}  // namespace
}  // namespace weir::format
