// What is found to differ between two lists of endpoints.
#include "upstream/endpoint_changes.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::upstream {
namespace {

EndpointList some(uint32_t count) {
  EndpointList list;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string ip = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    list.push_back(std::make_shared<const Endpoint>(1, std::make_shared<const net::Address>(*net::Address::from_ip(ip, 80))));
  }
  return list;
}

TEST(EndpointChanges, AListDoesNotDifferFromItself) {
  const EndpointList list = some(100);
  const EndpointChanges found = changes(list, list);
  EXPECT_TRUE(found.empty());
  EXPECT_FALSE(found.moved);
}

TEST(EndpointChanges, WhatWentAndWhatCameIsFoundWhereverItStood) {
  const EndpointList before = some(100);
  EndpointList after = before;
  after.erase(after.begin() + 3);
  const EndpointPtr fresh = some(1).front();
  after.insert(after.begin() + 70, fresh);
  const EndpointChanges found = changes(before, after);
  ASSERT_EQ(found.gone.size(), 1u);
  EXPECT_EQ(found.gone[0], before[3]);
  ASSERT_EQ(found.fresh.size(), 1u);
  EXPECT_EQ(found.fresh[0], fresh);
  EXPECT_FALSE(found.moved);
}

TEST(EndpointChanges, WhatOnlyMovedIsNeitherGoneNorFresh) {
  const EndpointList before = some(100);
  EndpointList after = before;
  std::swap(after[1], after[90]);
  const EndpointChanges found = changes(before, after);
  EXPECT_TRUE(found.empty());
  EXPECT_TRUE(found.moved);
}

TEST(EndpointChanges, OneThatIsThereTwiceMayGoOnce) {
  EndpointList before = some(50);
  before.push_back(before[2]);
  EndpointList after = before;
  after.pop_back();
  const EndpointChanges found = changes(before, after);
  EXPECT_EQ(found.gone.size(), 1u);
  EXPECT_TRUE(found.fresh.empty());
}

TEST(EndpointChanges, EverythingIsFreshAtFirst) { EXPECT_EQ(changes({}, some(40)).fresh.size(), 40u); }

TEST(EndpointChanges, WalkingThroughBothPairsWhatStayed) {
  const EndpointList before = some(60);
  EndpointList after = before;
  after.erase(after.begin() + 10, after.begin() + 14);
  size_t pairs = 0, gone = 0;
  walk_both(
      before, after,
      [&](size_t i, size_t j) {
        EXPECT_EQ(before[i], after[j]);
        ++pairs;
      },
      [&](size_t i) {
        EXPECT_TRUE(i >= 10 && i < 14);
        ++gone;
      },
      [](size_t) { FAIL(); });
  EXPECT_EQ(pairs, 56u);
  EXPECT_EQ(gone, 4u);
}

}  // namespace
}  // namespace weir::upstream
