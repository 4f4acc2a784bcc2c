#include "stats/stats_config.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "envoy/config/metrics/v3/stats.pb.h"

namespace weir::stats {
namespace {

StatsSettings read(const std::string& yaml, config::Diagnostics& diagnostics) {
  config::Schema schema;
  const auto loaded = config::load<envoy::config::metrics::v3::StatsConfig>(schema, {.yaml = yaml});
  EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.text();
  const config::FieldPath root{nullptr, "stats_config"};
  return read_stats_config(*loaded, {"cluster_id:east"}, root, diagnostics);
}

TEST(StatsConfig, InclusionListsDecideWhichStatisticsExist) {
  config::Diagnostics diagnostics;
  const StatsSettings settings = read(
      "stats_matcher: {inclusion_list: {patterns: [{prefix: server.}, {suffix: _cx_total}, {safe_regex: {regex: 'a.*b'}}, "
      "{exact: LIVE, ignore_case: true}]}}",
      diagnostics);
  EXPECT_FALSE(diagnostics.failed());
  for (const char* name : {"server.live", "cluster.c.upstream_cx_total", "axxb", "live"})
    EXPECT_TRUE(settings.filter.admits(name)) << name;
  for (const char* name : {"xserver.live", "axxbc", "lively"}) EXPECT_FALSE(settings.filter.admits(name)) << name;
}

TEST(StatsConfig, TagsOfTheCommandLineComeFirst) {
  config::Diagnostics diagnostics;
  const StatsSettings settings = read("stats_tags: [{tag_name: a, fixed_value: b}]\nuse_all_default_tags: false", diagnostics);
  TagExtractor::Extracted extracted;
  settings.tags.extract("cluster.c.x", extracted);
  ASSERT_EQ(extracted.tags.size(), 2u);
  EXPECT_EQ(extracted.tags[0].name, "cluster_id");
  EXPECT_EQ(extracted.tags[0].value, "east");
  EXPECT_EQ(extracted.name, "cluster.c.x");
}

TEST(StatsConfig, AWrongRegexIsRefusedWithItsPlace) {
  config::Diagnostics diagnostics;
  read(
      "stats_tags: [{tag_name: a, regex: '('}]\nhistogram_bucket_settings: [{match: {safe_regex: {regex: '['}}, buckets: [2, "
      "1]}]",
      diagnostics);
  ASSERT_EQ(diagnostics.errors().size(), 2u);
  EXPECT_EQ(diagnostics.errors()[0].path, "stats_config.stats_tags[0].regex");
  EXPECT_EQ(diagnostics.errors()[1].path, "stats_config.histogram_bucket_settings[0].match.safe_regex");
}

}  // namespace
}  // namespace weir::stats
