// Who watches sees the requests; who does not costs nothing.
#include "observe/request_feed.h"

#include <gtest/gtest.h>

namespace weir::observe {
namespace {

TEST(RequestFeed, IsWatchedFromTheFirstLookUntilNobodyLookedForAWhile) {
  RequestFeed feed(1);
  EXPECT_FALSE(feed.watched());
  feed.look(0, kNsPerSecond);
  EXPECT_TRUE(feed.watched());
  feed.sweep(kNsPerSecond + RequestFeed::kWatching - 1);
  EXPECT_TRUE(feed.watched());
  feed.sweep(kNsPerSecond + RequestFeed::kWatching);
  EXPECT_FALSE(feed.watched());
}

TEST(RequestFeed, ShowsEachRequestOnce) {
  RequestFeed feed(2);
  feed.look(0, 1);
  feed.add(0, "a");
  feed.add(1, "b");
  const RequestFeed::News first = feed.look(0, 2);
  EXPECT_EQ(first.descriptions, (std::vector<std::string>{"a", "b"}));
  feed.add(0, "c");
  const RequestFeed::News second = feed.look(first.next, 3);
  EXPECT_EQ(second.descriptions, std::vector<std::string>{"c"});
  EXPECT_TRUE(feed.look(second.next, 4).descriptions.empty());
}

TEST(RequestFeed, DescribesOnlySoManyRequestsASecondAndCountsTheOthers) {
  RequestFeed feed(1);
  feed.look(0, 1);
  uint32_t wanted = 0;
  for (uint32_t i = 0; i < RequestFeed::kMostPerSecond + 7; ++i) wanted += feed.wants(0, kNsPerSecond) ? 1 : 0;
  EXPECT_EQ(wanted, RequestFeed::kMostPerSecond);
  EXPECT_EQ(feed.look(0, 2).dropped, 7u);
  EXPECT_TRUE(feed.wants(0, 2 * kNsPerSecond));
}

TEST(RequestFeed, KeepsABoundedNumberForOneWhoLooksTooSeldom) {
  RequestFeed feed(1);
  feed.look(0, 1);
  for (size_t i = 0; i < RequestFeed::kKept + 3; ++i) feed.add(0, std::to_string(i));
  const RequestFeed::News news = feed.look(0, 2);
  EXPECT_EQ(news.descriptions.size(), RequestFeed::kKept);
  EXPECT_EQ(news.descriptions.front(), "3");
  EXPECT_EQ(news.dropped, 3u);
}

}  // namespace
}  // namespace weir::observe
