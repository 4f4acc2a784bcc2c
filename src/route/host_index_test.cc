#include "route/host_index.h"

#include <gtest/gtest.h>

namespace weir::route {
namespace {

TEST(HostIndex, ThousandsOfDomainsOfEveryKindLeadWhereTheirNamesSay) {
  constexpr uint32_t kCount = 5000;
  HostIndex index;
  const auto name = [](uint32_t i) { return "service-" + std::to_string(i) + ".example.com"; };
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_TRUE(index.add(name(i), {i}));
    EXPECT_TRUE(index.add("*." + name(i), {kCount + i}));
    EXPECT_TRUE(index.add(name(i) + ":*", {2 * kCount + i}));
  }
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(index.find(name(i)).virtual_host, i);
    EXPECT_EQ(index.find("a." + name(i)).virtual_host, kCount + i);
    EXPECT_EQ(index.find(name(i) + ":80").virtual_host, 2 * kCount + i);
  }
  EXPECT_FALSE(index.find(name(kCount)).found());
  EXPECT_FALSE(index.find("").found());
}

TEST(HostIndex, ANameIsTakenOnceWhateverItsCase) {
  HostIndex index;
  EXPECT_TRUE(index.add("A.test", {1}));
  EXPECT_FALSE(index.add("a.TEST", {2}));
  EXPECT_TRUE(index.add("*.test", {3}));
  EXPECT_FALSE(index.add("*.TEST", {4}));
  EXPECT_TRUE(index.add("*", {5}));
  EXPECT_FALSE(index.add("*", {6}));
  EXPECT_EQ(index.find("a.test").virtual_host, 1u);
  EXPECT_EQ(index.find("B.test").virtual_host, 3u);
  EXPECT_EQ(index.find("b.org").virtual_host, 5u);
}

TEST(HostIndex, AnEmptyOneFindsNothing) {
  const HostIndex index;
  EXPECT_FALSE(index.find("a.test").found());
}

}  // namespace
}  // namespace weir::route
