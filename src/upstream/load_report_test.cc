#include "upstream/load_report.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

std::optional<LoadReport> report(std::string_view name, std::string_view value) {
  static Arena memory;
  http::HeaderMap headers(memory);
  headers.add(name, value);
  return read_load_report(headers);
}

TEST(LoadReports, AreReadFromText) {
  const auto found = report("endpoint-load-metrics", "TEXT cpu_utilization=0.3,rps_fractional=10,named_metrics.queue=4");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->cpu, 0.3);
  EXPECT_EQ(found->requests_per_second, 10);
  EXPECT_EQ(found->named.at("queue"), 4);
}

TEST(LoadReports, AreReadFromJson) {
  const auto found = report("endpoint-load-metrics",
                            R"(JSON {"cpu_utilization": 0.3, "rpsFractional": 10, "utilization": {"disk": 0.7}, "eps": 1})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->cpu, 0.3);
  EXPECT_EQ(found->requests_per_second, 10);
  EXPECT_EQ(found->utilization.at("disk"), 0.7);
  EXPECT_EQ(found->errors_per_second, 1);
}

TEST(LoadReports, AreReadFromAMessage) {
  // cpu_utilization 0.5, rps_fractional 100
  const auto found = report("endpoint-load-metrics-bin", "CQAAAAAAAOA/MQAAAAAAAFlA");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->cpu, 0.5);
  EXPECT_EQ(found->requests_per_second, 100);
}

TEST(LoadReports, ThatAreBrokenAreNone) {
  EXPECT_FALSE(report("other", "TEXT cpu_utilization=1"));
  EXPECT_FALSE(report("endpoint-load-metrics", "cpu_utilization=1"));
  EXPECT_FALSE(report("endpoint-load-metrics", "TEXT cpu_utilization"));
  EXPECT_FALSE(report("endpoint-load-metrics", "TEXT cpu_utilization=nan"));
  EXPECT_FALSE(report("endpoint-load-metrics", "TEXT speed=1"));
  EXPECT_FALSE(report("endpoint-load-metrics", R"(JSON {"cpu_utilization": )"));
  EXPECT_FALSE(report("endpoint-load-metrics", R"(JSON {"utilization": {"a": {"b": 1}}})"));
  EXPECT_FALSE(report("endpoint-load-metrics-bin", "CQAA"));
  EXPECT_FALSE(report("endpoint-load-metrics-bin", "!"));
}

TEST(LoadReports, WeighByRequestsAndWhatTheyUse) {
  LoadReport report;
  EXPECT_FALSE(weight_of(report, {}));
  report.requests_per_second = 100;
  EXPECT_FALSE(weight_of(report, {}));
  report.cpu = 0.5;
  EXPECT_EQ(weight_of(report, {}), 200);
  report.application = 0.25;
  EXPECT_EQ(weight_of(report, {}), 400);
  report.errors_per_second = 25;
  EXPECT_EQ(weight_of(report, {}), 200);
  EXPECT_EQ(weight_of(report, {.error_penalty = 0}), 400);
  report.application = 0;
  report.named["queue"] = 2;
  EXPECT_EQ(weight_of(report, {.error_penalty = 0, .metrics = {"named_metrics.queue", "cpu_utilization"}}), 50);
}

}  // namespace
}  // namespace weir::upstream
