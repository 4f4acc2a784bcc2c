#include <gtest/gtest.h>
#include <re2/re2.h>

#include "stats/cell.h"
#include "stats/code_counters.h"
#include "stats/export.h"
#include "stats/registry.h"
#include "stats/table.h"
#include "stats/tags.h"

namespace weir::stats {
namespace {

struct Inner {
  Counter flood;
};
constexpr auto kInner = table<Inner>({{"flood", &Inner::flood}});

struct PoolStats {
  Counter opened, closed;
  Gauge open;
  Histogram length_ms, share;
  CodeCounters codes;
  Inner inner;
};
constexpr auto kPoolStats = table<PoolStats>({
    {"opened", &PoolStats::opened},
    {"closed", &PoolStats::closed},
    {"open", &PoolStats::open},
    {"length_ms", &PoolStats::length_ms, Unit::kMilliseconds},
    {"share", &PoolStats::share, Unit::kPercent, StatRow<PoolStats>::Shown::kOnceUsed},
});

std::string all_of(Producer producer) {
  std::string text;
  while (producer(text)) {
  }
  return text;
}

class StatsTest : public testing::Test {
 protected:
  StatsTest() {
    registration_ = registry_.add("cluster.web.", [this](StatVisitor& visitor) {
      visit(visitor, kPoolStats, shards_);
      visit(visitor, "upstream_rq", shards_, &PoolStats::codes, Completed::kOnceSeen);
      const auto scope = visitor.scope("http1.");
      visit(visitor, kInner, shards_, &PoolStats::inner);
    });
  }
  std::string text(ExportOptions options = {}) { return all_of(text_export(registry_, options)); }
  std::string prometheus(ExportOptions options = {}) { return all_of(prometheus_export(registry_, tags_, options)); }
  ExportOptions only(StatKinds kinds) {
    ExportOptions options;
    options.selection.kinds = kinds;
    return options;
  }

  Registry registry_;
  TagExtractor tags_;
  Sharded<PoolStats> shards_{3};
  Registry::Registration registration_;
};

TEST_F(StatsTest, AStructNoWorkerHasTouchedShowsZeros) {
  EXPECT_EQ(text(),
            "cluster.web.closed: 0\ncluster.web.http1.flood: 0\ncluster.web.open: 0\ncluster.web.opened: 0\n"
            "cluster.web.length_ms: No recorded values\n");
}

TEST_F(StatsTest, WorkersAreSummedAndCodesAppearOnceSeen) {
  shards_.mine(0).opened.add(3);
  shards_.mine(2).opened.add(4);
  shards_.mine(0).open.add(2);
  shards_.mine(1).open.subtract(1);
  shards_.mine(1).inner.flood.add();
  for (const int code : {200, 200, 204, 503, 301, 302, 303, 304, 200}) shards_.mine(1).codes.count(code);
  shards_.mine(2).codes.count(200);
  EXPECT_EQ(text(only(StatKind::kCounter | StatKind::kGauge)),
            "cluster.web.closed: 0\ncluster.web.http1.flood: 1\ncluster.web.open: 1\ncluster.web.opened: "
            "7\ncluster.web.upstream_rq_200: 4\n"
            "cluster.web.upstream_rq_204: 1\ncluster.web.upstream_rq_2xx: 5\ncluster.web.upstream_rq_301: "
            "1\ncluster.web.upstream_rq_302: 1\ncluster.web.upstream_rq_303: 1\n"
            "cluster.web.upstream_rq_304: 1\ncluster.web.upstream_rq_3xx: 4\ncluster.web.upstream_rq_503: "
            "1\ncluster.web.upstream_rq_5xx: 1\n"
            "cluster.web.upstream_rq_completed: 10\n");
}

TEST_F(StatsTest, HistogramsShowWhatTheyHeldAtTheLastFlush) {
  for (int i = 0; i < 15; ++i) shards_.mine(0).length_ms.record(0);
  shards_.mine(1).length_ms.record(1);
  EXPECT_EQ(text(only(StatKind::kHistogram)), "cluster.web.length_ms: No recorded values\n");
  registry_.flush();
  EXPECT_EQ(text(only(StatKind::kHistogram)),
            "cluster.web.length_ms: P0(0,0) P25(0,0) P50(0,0) P75(0,0) P90(0,0) P95(1.02,1.02) P99(1.084,1.084) "
            "P99.5(1.092,1.092) P99.9(1.0984,1.0984) P100(1.1,1.1)\n");
  registry_.flush();
  EXPECT_EQ(text(only(StatKind::kHistogram)),
            "cluster.web.length_ms: P0(nan,0) P25(nan,0) P50(nan,0) P75(nan,0) P90(nan,0) P95(nan,1.02) P99(nan,1.084) "
            "P99.5(nan,1.092) P99.9(nan,1.0984) P100(nan,1.1)\n");
}

TEST_F(StatsTest, HistogramModesShowBucketsInsteadOfQuantiles) {
  for (int i = 0; i < 15; ++i) shards_.mine(0).length_ms.record(0);
  shards_.mine(1).length_ms.record(1);
  registry_.flush();
  registry_.flush();
  ExportOptions options = only(StatKind::kHistogram);
  options.histograms = HistogramMode::kCumulative;
  EXPECT_EQ(text(options),
            "cluster.web.length_ms: B0.5(0,15) B1(0,15) B5(0,16) B10(0,16) B25(0,16) B50(0,16) B100(0,16) B250(0,16) B500(0,16) "
            "B1000(0,16) B2500(0,16) B5000(0,16) B10000(0,16) B30000(0,16) B60000(0,16) B300000(0,16) B600000(0,16) "
            "B1.8e+06(0,16) B3.6e+06(0,16)\n");
  options.histograms = HistogramMode::kDisjoint;
  EXPECT_TRUE(text(options).starts_with("cluster.web.length_ms: B0.5(0,15) B1(0,0) B5(0,1) B10(0,0) "));
  options.histograms = HistogramMode::kDetailed;
  EXPECT_TRUE(text(options).starts_with("cluster.web.length_ms:\n  totals=0,0:15, 1,0.1:1\n  intervals=\n  summary=P0(nan,0) "));
  EXPECT_TRUE(
      all_of(json_export(registry_, options))
          .starts_with(R"({"stats":[{"histograms":{"supported_percentiles":[0,25,50,75,90,95,99,99.5,99.9,100],"details":[)"
                       R"({"name":"cluster.web.length_ms","totals":[{"lower_bound":0,"width":0,"count":15},)"
                       R"({"lower_bound":1,"width":0.1,"count":1}],"intervals":[],"percentiles":[{"cumulative":0,)"));
}

TEST_F(StatsTest, PercentHistogramsAreShownAsFractionsOfOne) {
  shards_.mine(0).share.record(500000);
  registry_.flush();
  EXPECT_NE(text(only(StatKind::kHistogram)).find("cluster.web.share: P0(0.5,0.5) P25(0.5025,0.5025)"), std::string::npos);
}

TEST_F(StatsTest, UsedOnlyKeepsAGaugeThatIsBackAtZero) {
  shards_.mine(0).open.add();
  shards_.mine(0).open.subtract();
  ExportOptions options;
  options.selection.used_only = true;
  EXPECT_EQ(text(options), "cluster.web.open: 0\n");
}

TEST_F(StatsTest, AFilterMatchesAnywhereInTheFullName) {
  ExportOptions options;
  options.selection.filter = std::make_shared<const RE2>("eb.*flood");
  EXPECT_EQ(text(options), "cluster.web.http1.flood: 0\n");
}

TEST_F(StatsTest, ResettingClearsCountersOnly) {
  shards_.mine(0).opened.add(3);
  shards_.mine(0).open.add(2);
  shards_.mine(0).codes.count(200);
  registry_.reset_counters();
  EXPECT_EQ(text(only(StatKind::kCounter | StatKind::kGauge)),
            "cluster.web.closed: 0\ncluster.web.http1.flood: 0\ncluster.web.open: 2\ncluster.web.opened: "
            "0\ncluster.web.upstream_rq_200: 0\n"
            "cluster.web.upstream_rq_2xx: 0\ncluster.web.upstream_rq_completed: 0\n");
}

TEST_F(StatsTest, NamesOfDifferentSourcesAreSortedTogether) {
  const auto show = [](std::string_view name) { return [name](StatVisitor& visitor) { visitor.counter(name, 1); }; };
  const auto a = registry_.add("cluster.web.b.", show("x"));
  const auto b = registry_.add("cluster.web-2.", show("x"));
  const auto c = registry_.add("cluster.web.", show("zzz"));
  const auto d = registry_.add("aaa:b.", show("x"));
  const auto e = registry_.add("aaa:b.", show("x"));
  EXPECT_EQ(text(only(StatKind::kCounter)),
            "aaa:b.x: 2\ncluster.web-2.x: 1\ncluster.web.b.x: 1\ncluster.web.closed: 0\n"
            "cluster.web.http1.flood: 0\ncluster.web.opened: 0\ncluster.web.zzz: 1\n");
}

TEST_F(StatsTest, SourcesMayComeAndGoWhileAListIsBeingWritten) {
  const auto many = [](StatVisitor& visitor) {
    for (int i = 1000; i < 9000; ++i) visitor.counter(std::to_string(i), 1);
  };
  auto first = std::make_optional(registry_.add("a.", many));
  auto second = std::make_optional(registry_.add("b.", many));
  Producer producer = text_export(registry_, only(StatKind::kCounter));
  std::string out;
  EXPECT_TRUE(producer(out));
  first.reset();
  second.reset();
  const auto third = registry_.add("c.", [](StatVisitor& visitor) { visitor.counter("x", 1); });
  while (producer(out)) {
  }
  EXPECT_EQ(out.find("\nb."), std::string::npos);
  EXPECT_TRUE(out.ends_with("a.8999: 1\nc.x: 1\ncluster.web.closed: 0\ncluster.web.http1.flood: 0\ncluster.web.opened: 0\n"));
}

TEST_F(StatsTest, JsonHoldsNumbersTextsAndQuantiles) {
  registration_ = registry_.add("a.", [](StatVisitor& visitor) {
    visitor.text("version", "say \"v1\"");
    visitor.gauge("g", -1);
  });
  EXPECT_EQ(all_of(json_export(registry_, {})),
            R"({"stats":[{"name":"a.version","value":"say \"v1\""},{"name":"a.g","value":18446744073709551615}]})");
  EXPECT_EQ(all_of(text_export(registry_, {})), "a.version: \"say \"v1\"\"\na.g: 18446744073709551615\n");
}

TEST_F(StatsTest, PrometheusShowsClustersTheSameWhetherTheirNamesAreTakenApartOneByOneOrAllAlike) {
  std::vector<Registry::Registration> clusters;
  for (const char* name : {"a", "b\"c", "d_rq_200", "e.f", "g"}) {
    clusters.push_back(registry_.add("cluster." + std::string(name) + ".", [](StatVisitor& visitor) {
      for (const char* stat : {"a", "_rq_200", "grpc.S.M.success", "ssl.ciphers.X", "ssl.certificate.x.expiration",
                               "upstream_rq_200", "upstream_rq_503", "zone.a.b.upstream_rq_2xx"}) {
        visitor.counter(stat, 1);
      }
    }));
  }
  const auto no_name = std::make_shared<const RE2>("(never(x))");
  const TagExtractor one_by_one({.default_tags = {}, .custom = {{"never", no_name, ""}}});
  ASSERT_TRUE(tags_.clusters_are_alike());
  ASSERT_FALSE(one_by_one.clusters_are_alike());
  EXPECT_EQ(all_of(prometheus_export(registry_, tags_, {})), all_of(prometheus_export(registry_, one_by_one, {})));
}

TEST_F(StatsTest, PrometheusFamiliesAreSortedAndSeriesFollowTheOrderOfTheirTokens) {
  shards_.mine(0).codes.count(200);
  const auto other = registry_.add("cluster.web-b.", [](StatVisitor& visitor) {
    visitor.counter("opened", 5);
    visitor.counter("upstream_rq_200", 6);
  });
  const auto plain = registry_.add("server.", [](StatVisitor& visitor) { visitor.gauge("live", 1); });
  EXPECT_EQ(prometheus(only(StatKind::kCounter | StatKind::kGauge)),
            "# TYPE envoy_cluster_closed counter\n"
            "envoy_cluster_closed{envoy_cluster_name=\"web\"} 0\n"
            "# TYPE envoy_cluster_http1_flood counter\n"
            "envoy_cluster_http1_flood{envoy_cluster_name=\"web\"} 0\n"
            "# TYPE envoy_cluster_opened counter\n"
            "envoy_cluster_opened{envoy_cluster_name=\"web\"} 0\n"
            "envoy_cluster_opened{envoy_cluster_name=\"web-b\"} 5\n"
            "# TYPE envoy_cluster_upstream_rq counter\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"web\"} 1\n"
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"web-b\"} 6\n"
            "# TYPE envoy_cluster_upstream_rq_completed counter\n"
            "envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"web\"} 1\n"
            "# TYPE envoy_cluster_upstream_rq_xx counter\n"
            "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"web\"} 1\n"
            "# TYPE envoy_cluster_open gauge\n"
            "envoy_cluster_open{envoy_cluster_name=\"web\"} 0\n"
            "# TYPE envoy_server_live gauge\n"
            "envoy_server_live{} 1\n");
}

TEST_F(StatsTest, PrometheusHistogramsHaveBucketsSumAndCount) {
  shards_.mine(0).length_ms.record(1);
  shards_.mine(0).length_ms.record(7'000'000);
  registry_.flush();
  const std::string text = prometheus(only(StatKind::kHistogram));
  EXPECT_TRUE(
      text.starts_with("# TYPE envoy_cluster_length_ms histogram\n"
                       "envoy_cluster_length_ms_bucket{envoy_cluster_name=\"web\",le=\"0.5\"} 0\n"
                       "envoy_cluster_length_ms_bucket{envoy_cluster_name=\"web\",le=\"1\"} 0\n"
                       "envoy_cluster_length_ms_bucket{envoy_cluster_name=\"web\",le=\"5\"} 1\n"));
  EXPECT_TRUE(
      text.ends_with("envoy_cluster_length_ms_bucket{envoy_cluster_name=\"web\",le=\"3600000\"} 1\n"
                     "envoy_cluster_length_ms_bucket{envoy_cluster_name=\"web\",le=\"+Inf\"} 2\n"
                     "envoy_cluster_length_ms_sum{envoy_cluster_name=\"web\"} 7050001.0499999998137354850769043\n"
                     "envoy_cluster_length_ms_count{envoy_cluster_name=\"web\"} 2\n"));
}

TEST_F(StatsTest, PrometheusShowsTextReadoutsOnlyWhenAsked) {
  registration_ = registry_.add("a.", [](StatVisitor& visitor) { visitor.text("version", "a\"b\\c\nd"); });
  EXPECT_EQ(prometheus(), "");
  ExportOptions options;
  options.text_readouts = true;
  EXPECT_EQ(prometheus(options), "# TYPE envoy_a_version gauge\nenvoy_a_version{text_value=\"a\\\"b\\\\c\\nd\"} 0\n");
}

struct TagCase {
  const char* name;
  const char* left;
  const char* tags;
};

class TagsTest : public testing::TestWithParam<TagCase> {};

TEST_P(TagsTest, NamesAreTakenApartAsEnvoyDoes) {
  TagExtractor::Extracted extracted;
  TagExtractor().extract(GetParam().name, extracted);
  std::string tags;
  for (const auto& tag : extracted.tags) {
    if (!tags.empty()) tags += ',';
    tags += std::string(tag.name.substr(6)) + "=" + std::string(tag.value);
  }
  EXPECT_EQ(extracted.name, GetParam().left);
  EXPECT_EQ(tags, GetParam().tags);
}

INSTANTIATE_TEST_SUITE_P(
    Observed, TagsTest,
    testing::Values(
        TagCase{"server.live", "server.live", ""},
        TagCase{"cluster_manager.active_clusters", "cluster_manager.active_clusters", ""},
        TagCase{"cluster.svc.a.canary.upstream_rq_200", "cluster.a.canary.upstream_rq", "response_code=200,cluster_name=svc"},
        TagCase{"cluster.C.upstream_rq_2xx", "cluster.upstream_rq_xx", "response_code_class=2,cluster_name=C"},
        TagCase{"cluster.C.upstream_rq_0rtt", "cluster.upstream_rq_0rtt", "cluster_name=C"},
        TagCase{"cluster.C.zone.za.zb.x", "cluster.zone.za.zb.x", "cluster_name=C"},
        TagCase{"cluster.C.grpc.S.M.x", "cluster.grpc.x", "grpc_bridge_method=M,grpc_bridge_service=S,cluster_name=C"},
        TagCase{"cluster.C.grpc.S.x", "cluster.grpc.x", "grpc_bridge_service=S,cluster_name=C"},
        TagCase{"listener.1.2.3.4_80.http.P.downstream_rq_2xx", "listener.http.downstream_rq_xx",
                "response_code_class=2,http_conn_manager_prefix=P,listener_address=1.2.3.4_80"},
        TagCase{"listener.1.2.3.4_80.worker_3.downstream_cx_total", "listener.worker.downstream_cx_total",
                "worker_id=3,listener_address=1.2.3.4_80"},
        TagCase{"listener.[__1]_80.x", "listener.x", "listener_address=[__1]_80"},
        TagCase{"listener.10.x.y", "listener.x.y", "listener_address=10"},
        TagCase{"listener.http.foo.y", "listener.foo.y", "listener_address=http"},
        TagCase{"listener.admin.http.admin.downstream_rq_2xx", "listener.admin.http.downstream_rq_xx",
                "response_code_class=2,http_conn_manager_prefix=admin"},
        TagCase{"listener.admin.main_thread.x", "listener.admin.main_thread.x", ""},
        TagCase{"http.P.rds.rc/a_b.c.version", "http.rds.version", "rds_route_config=rc/a_b.c,http_conn_manager_prefix=P"},
        TagCase{"http.P.user_agent.UA.x", "http.user_agent.x", "http_user_agent=UA,http_conn_manager_prefix=P"},
        TagCase{"http.P.rbac.rp.allowed", "http.rbac.allowed", "rbac_http_prefix=rp,http_conn_manager_prefix=P"},
        TagCase{"http.P.rbac.allowed", "http.rbac.allowed", "http_conn_manager_prefix=P"},
        TagCase{"vhost.V.vcluster.VC.x", "vhost.vcluster.x", "virtual_cluster=VC,virtual_host=V"},
        TagCase{"vhost.V.route.R.x", "vhost.route.x", "virtual_host=V,route=R"},
        TagCase{"server.worker_5.watchdog_miss", "server.worker.watchdog_miss", "worker_id=5"},
        TagCase{"workers.watchdog_miss", "workers.watchdog_miss", ""}, TagCase{"tcp.P.x", "tcp.x", "tcp_prefix=P"},
        TagCase{"P.http_local_rate_limit.enabled", "http_local_rate_limit.enabled", "local_http_ratelimit_prefix=P"},
        TagCase{"http.P.rbac.r.d.allowed", "http.rbac.d.allowed", "rbac_http_prefix=r,http_conn_manager_prefix=P"},
        TagCase{"http.P.rbac.policy.a.denied", "http.rbac.policy.denied", "rbac_policy_name=a,http_conn_manager_prefix=P"},
        TagCase{"http.P.rbac.rp.policy.a.shadow_allowed", "http.rbac.policy.shadow_allowed",
                "rbac_policy_name=a,rbac_http_prefix=rp,http_conn_manager_prefix=P"},
        TagCase{"http.P.rbac.policy.dot.ted.denied", "http.rbac.policy.dot.ted.denied", "http_conn_manager_prefix=P"},
        TagCase{"nr.rbac.pre.shadow_denied", "rbac.pre.shadow_denied", "rbac_prefix=nr"},
        TagCase{"nr.rbac.allowed", "rbac.allowed", "rbac_prefix=nr"},
        TagCase{"proxy_proto.p1.versions.v2.found", "proxy_proto.found", "proxy_protocol_prefix=p1,proxy_protocol_version=2"},
        TagCase{"proxy_proto.versions.v1.found", "proxy_proto.found", "proxy_protocol_version=1"}));

std::string taken_apart(const TagExtractor& tags, std::string_view name) {
  TagExtractor::Extracted extracted;
  tags.extract(name, extracted);
  std::string text = extracted.name;
  for (const auto& tag : extracted.tags) text += " " + std::string(tag.name) + "=" + std::string(tag.value);
  return text;
}

TEST(TagsTest, CustomTagsStandWhereEnvoyPutsThem) {
  TagRules rules;
  const auto regex = [](const char* text) { return std::make_shared<const RE2>(text); };
  rules.custom = {{"cli", nullptr, "x"},
                  {"my.tag", regex(R"(^cluster\.((svc)\.))"), ""},
                  {"fixed", nullptr, "v1"},
                  {"envoy.cluster_name", regex(R"(^cluster\.((.+?)\.)upstream_cx_total)"), ""},
                  {"only_one", regex("upstream_rq(_total)"), ""},
                  {"istio_x", regex("_rq(_(pending))_total"), ""}};
  const TagExtractor tags(std::move(rules));
  EXPECT_EQ(taken_apart(tags, "cluster.svc.a.upstream_cx_total"),
            "cluster.a.upstream_cx_total cli=x fixed=v1 envoy.cluster_name=svc my.tag=svc");
  EXPECT_EQ(taken_apart(tags, "cluster.dnsc.upstream_rq_total"),
            "cluster.upstream_rq cli=x fixed=v1 only_one=_total envoy.cluster_name=dnsc");
  EXPECT_EQ(taken_apart(tags, "cluster.svc.a.upstream_rq_pending_total"),
            "cluster.a.upstream_rq_total cli=x fixed=v1 istio_x=pending envoy.cluster_name=svc my.tag=svc");
}

TEST(TagsTest, DefaultTagsCanBeChosenByName) {
  TagRules rules;
  rules.all_default_tags = false;
  rules.default_tags = {"envoy.response_code"};
  EXPECT_EQ(taken_apart(TagExtractor(std::move(rules)), "cluster.c.upstream_rq_200"),
            "cluster.c.upstream_rq envoy.response_code=200");
}

TEST_F(StatsTest, RejectedNamesAreNeverShown) {
  NameFilter filter{NameFilter::Mode::kExceptMatching,
                    {{NameMatcher::Kind::kPrefix, "cluster.web.op", nullptr, false},
                     {NameMatcher::Kind::kSuffix, "_MS", nullptr, false},
                     {NameMatcher::Kind::kContains, "http1", nullptr, true}}};
  registry_.configure(filter, {});
  EXPECT_EQ(text(), "cluster.web.closed: 0\ncluster.web.length_ms: No recorded values\n");
  filter.mode = NameFilter::Mode::kOnlyMatching;
  registry_.configure(filter, {});
  EXPECT_EQ(text(), "cluster.web.http1.flood: 0\ncluster.web.open: 0\ncluster.web.opened: 0\n");
  registry_.configure({NameFilter::Mode::kNone, {}}, {});
  EXPECT_EQ(text(), "");
}

TEST_F(StatsTest, HistogramsCanHaveBucketsOfTheirOwn) {
  registry_.configure({}, {{{NameMatcher::Kind::kSuffix, "length_ms", nullptr, false}, {0.3, 1, 10}}});
  shards_.mine(0).length_ms.record(1);
  registry_.flush();
  const std::string text = prometheus(only(StatKind::kHistogram));
  EXPECT_NE(text.find("le=\"0.29999999999999998889776975374843\"} 0\n"), std::string::npos);
  EXPECT_NE(text.find("le=\"10\"} 1\n"), std::string::npos);
  EXPECT_EQ(text.find("le=\"25\""), std::string::npos);
}

}  // namespace
}  // namespace weir::stats
