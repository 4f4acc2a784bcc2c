#include "filter/local_rate_limit.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

constexpr MonotonicNs kStart = 1000 * kNsPerSecond;

Descriptor of(const Descriptor::Entry& entry) { return {.entries = {&entry, 1}}; }

TEST(LocalLimits, WithoutDescriptorsTheUsualBucketDecides) {
  const LocalLimits::Spec spec{.usual = BucketSpec{2, 1}};
  LocalLimits limits(spec, kStart);
  EXPECT_TRUE(limits.take({}, kStart).allowed);
  EXPECT_TRUE(limits.take({}, kStart).allowed);
  EXPECT_FALSE(limits.take({}, kStart).allowed);
  EXPECT_TRUE(limits.take({}, kStart + kNsPerSecond).allowed);
}

TEST(LocalLimits, ADescriptorThatFitsHasItsOwnBucket) {
  const LocalLimits::Spec spec{.descriptors = {{.entries = {{"user", "amy"}}, .bucket = {1, 0.001}}}};
  LocalLimits limits(spec, kStart);
  const Descriptor::Entry amy{"user", "amy"}, bob{"user", "bob"};
  EXPECT_TRUE(limits.take({of(amy)}, kStart).allowed);
  EXPECT_FALSE(limits.take({of(amy)}, kStart).allowed);
  EXPECT_TRUE(limits.take({of(bob)}, kStart).allowed);
}

TEST(LocalLimits, AnEntryWithoutAValueHasABucketForEachAndForgetsTheOneUnusedForLongest) {
  const LocalLimits::Spec spec{.descriptors = {{.entries = {{"user", ""}}, .bucket = {1, 0.001}}}, .most_values = 2};
  LocalLimits limits(spec, kStart);
  const Descriptor::Entry amy{"user", "amy"}, bob{"user", "bob"}, cid{"user", "cid"};
  EXPECT_TRUE(limits.take({of(amy)}, kStart).allowed);
  EXPECT_TRUE(limits.take({of(bob)}, kStart + 1).allowed);
  EXPECT_FALSE(limits.take({of(amy)}, kStart + 2).allowed);
  EXPECT_TRUE(limits.take({of(cid)}, kStart + 3).allowed);
  EXPECT_FALSE(limits.take({of(amy)}, kStart + 4).allowed);
  EXPECT_TRUE(limits.take({of(bob)}, kStart + 5).allowed);
}

TEST(LocalLimits, WhatIsSaidOfOneValueGoesBeforeWhatIsSaidOfAll) {
  const LocalLimits::Spec spec{
      .descriptors = {{.entries = {{"user", ""}}, .bucket = {1, 0.001}}, {.entries = {{"user", "root"}}, .bucket = {2, 0.001}}}};
  LocalLimits limits(spec, kStart);
  const Descriptor::Entry root{"user", "root"};
  EXPECT_TRUE(limits.take({of(root)}, kStart).allowed);
  EXPECT_TRUE(limits.take({of(root)}, kStart).allowed);
  EXPECT_FALSE(limits.take({of(root)}, kStart).allowed);
}

}  // namespace
}  // namespace weir::filter
