// What statsd servers are told.
#include "stats/statsd.h"

#include <gtest/gtest.h>

#include <vector>

#include "stats/table.h"

namespace weir::stats {
namespace {

struct Stats {
  Counter requests, never;
  Gauge active;
  Histogram time;
};
constexpr auto kStats = table<Stats>({{"upstream_rq_total", &Stats::requests},
                                      {"never", &Stats::never},
                                      {"upstream_rq_active", &Stats::active},
                                      {"upstream_rq_time", &Stats::time, Unit::kMilliseconds}});

class Statsd : public testing::Test {
 protected:
  std::vector<std::string> flush(StatsdWriter& writer) {
    registry_.flush();
    std::vector<std::string> sent;
    writer.flush([&](std::string_view text) { sent.emplace_back(text); });
    return sent;
  }
  Stats stats_;
  Registry registry_;
  TagExtractor tags_{TagRules{}};
  Registry::Registration registration_ =
      registry_.add("cluster.a.", [this](StatVisitor& visitor) { visit(visitor, kStats, stats_); });
};

TEST_F(Statsd, CountersAreSentByWhatTheyGrewAndOnlyOnceUsed) {
  StatsdWriter writer(registry_, tags_, {});
  EXPECT_TRUE(flush(writer).empty());
  stats_.requests.add(3);
  EXPECT_EQ(flush(writer), std::vector<std::string>{"envoy.cluster.a.upstream_rq_total:3|c"});
  EXPECT_EQ(flush(writer), std::vector<std::string>{"envoy.cluster.a.upstream_rq_total:0|c"});
}

TEST_F(Statsd, GaugesAreSentAsTheyAre) {
  StatsdWriter writer(registry_, tags_, {.prefix = "mesh"});
  stats_.active.add(2);
  EXPECT_EQ(flush(writer), std::vector<std::string>{"mesh.cluster.a.upstream_rq_active:2|g"});
}

TEST_F(Statsd, SamplesOfOneBucketAreOneLineWithARate) {
  StatsdWriter writer(registry_, tags_, {});
  stats_.time.record(7);
  for (int i = 0; i < 4; ++i) stats_.time.record(25);
  EXPECT_EQ(flush(writer),
            (std::vector<std::string>{"envoy.cluster.a.upstream_rq_time:7|ms", "envoy.cluster.a.upstream_rq_time:25|ms|@0.25"}));
  EXPECT_TRUE(flush(writer).empty());
}

TEST_F(Statsd, TagsGoWhereTheServerLooksForThem) {
  stats_.requests.add();
  StatsdWriter dog(registry_, tags_, {.tags = StatsdFormat::Tags::kDog});
  EXPECT_EQ(flush(dog), std::vector<std::string>{"envoy.cluster.upstream_rq_total:1|c|#envoy.cluster_name:a"});
  StatsdWriter graphite(registry_, tags_, {.tags = StatsdFormat::Tags::kGraphite});
  EXPECT_EQ(flush(graphite), std::vector<std::string>{"envoy.cluster.upstream_rq_total;envoy.cluster_name=a:1|c"});
}

TEST_F(Statsd, LinesThatFitGoTogether) {
  stats_.requests.add();
  stats_.active.add();
  StatsdWriter writer(registry_, tags_, {.batch_bytes = 512});
  EXPECT_EQ(flush(writer),
            std::vector<std::string>{"envoy.cluster.a.upstream_rq_active:1|g\nenvoy.cluster.a.upstream_rq_total:1|c"});
  StatsdWriter stream(registry_, tags_, {.batch_bytes = 50, .ends_with_line = true});
  EXPECT_EQ(flush(stream),
            (std::vector<std::string>{"envoy.cluster.a.upstream_rq_active:1|g\n", "envoy.cluster.a.upstream_rq_total:1|c\n"}));
}

}  // namespace
}  // namespace weir::stats
