// The hash of configuration versions.
#include "base/hash.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Hash, IsTheNumberThatEnvoyShowsForTheSameVersion) {
  EXPECT_EQ(xxhash64("7"), 1750302349509622455u);
  EXPECT_EQ(xxhash64("3"), 2744517546871237796u);
  EXPECT_EQ(xxhash64(""), 17241709254077376921u);
}

}  // namespace
}  // namespace weir
