#include "stats/labelled.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "stats/export.h"
#include "stats/statsd.h"

namespace weir::stats {
namespace {

class Labelled : public testing::Test {
 protected:
  Labelled() {
    named_ = registry_.add("zzz.", [](StatVisitor& visitor) { visitor.counter("last", 1); });
    labelled_ = registry_.labelled().add("cluster.a.", [this](const LabelledVisitor& visit) {
      const LabelledStats::Value values[] = {{"rq_total", StatKind::kCounter, total_}, {"rq_active", StatKind::kGauge, 2}};
      LabelledStats stats;
      stats.prefix = "cluster.a.endpoint.b_80.";
      stats.family = "cluster.endpoint.";
      stats.tags = {{"envoy.cluster_name", "a"}, {"envoy.endpoint_address", "\"b\":80"}};
      stats.values = values;
      visit(stats);
    });
  }
  static std::string all_of(Producer producer) {
    std::string text;
    while (producer(text)) {
    }
    return text;
  }
  std::string sent(StatsdWriter& writer) {
    std::string text;
    writer.flush([&](std::string_view line) { (text += line) += '\n'; });
    return text;
  }

  uint64_t total_ = 5;
  Registry registry_;
  TagExtractor tags_{TagRules{}};
  Registry::Registration named_;
  LabelledRegistry::Registration labelled_;
};

TEST_F(Labelled, TheyStandBehindWhatHasOnlyNames) {
  EXPECT_EQ(all_of(text_export(registry_, {})),
            "zzz.last: 1\ncluster.a.endpoint.b_80.rq_total: 5\ncluster.a.endpoint.b_80.rq_active: 2\n");
  labelled_ = {};
  EXPECT_EQ(all_of(text_export(registry_, {})), "zzz.last: 1\n");
}

TEST_F(Labelled, TheyAreChosenByKindAndNameLikeOthers) {
  ExportOptions options;
  options.selection.kinds = StatKind::kGauge;
  EXPECT_EQ(all_of(text_export(registry_, options)), "cluster.a.endpoint.b_80.rq_active: 2\n");
  options.selection.kinds = StatKinds::all();
  options.selection.filter = std::make_shared<const RE2>("b_80.*total");
  EXPECT_EQ(all_of(text_export(registry_, options)), "cluster.a.endpoint.b_80.rq_total: 5\n");
  EXPECT_EQ(all_of(prometheus_export(registry_, tags_, options)),
            "# TYPE envoy_cluster_endpoint_rq_total counter\n"
            "envoy_cluster_endpoint_rq_total{envoy_cluster_name=\"a\",envoy_endpoint_address=\"\\\"b\\\":80\"} 5\n");
}

TEST_F(Labelled, CountersAreSentByWhatTheyGrew) {
  StatsdWriter names(registry_, tags_, {});
  EXPECT_EQ(sent(names),
            "envoy.zzz.last:1|c\nenvoy.cluster.a.endpoint.b_80.rq_total:5|c\nenvoy.cluster.a.endpoint.b_80.rq_active:2|g\n");
  total_ = 7;
  EXPECT_EQ(sent(names),
            "envoy.zzz.last:0|c\nenvoy.cluster.a.endpoint.b_80.rq_total:2|c\nenvoy.cluster.a.endpoint.b_80.rq_active:2|g\n");
  total_ = 1;  // it is another one by now
  EXPECT_EQ(sent(names),
            "envoy.zzz.last:0|c\nenvoy.cluster.a.endpoint.b_80.rq_total:1|c\nenvoy.cluster.a.endpoint.b_80.rq_active:2|g\n");
}

TEST_F(Labelled, TheirTagsAreSentAsTheyAreAndFixedOnesStandBefore) {
  TagRules rules;
  rules.custom.push_back({"fixed", nullptr, "yes"});
  const TagExtractor tags(std::move(rules));
  StatsdWriter dog(registry_, tags, {.tags = StatsdFormat::Tags::kDog});
  EXPECT_EQ(sent(dog),
            "envoy.zzz.last:1|c|#fixed:yes\n"
            "envoy.cluster.endpoint.rq_total:5|c|#fixed:yes,envoy.cluster_name:a,envoy.endpoint_address:\"b\":80\n"
            "envoy.cluster.endpoint.rq_active:2|g|#fixed:yes,envoy.cluster_name:a,envoy.endpoint_address:\"b\":80\n");
}

TEST_F(Labelled, ResettingCountersDoesNotMeanThem) {
  registry_.reset_counters();
  EXPECT_EQ(all_of(text_export(registry_, {})),
            "zzz.last: 1\ncluster.a.endpoint.b_80.rq_total: 5\ncluster.a.endpoint.b_80.rq_active: 2\n");
}

}  // namespace
}  // namespace weir::stats
