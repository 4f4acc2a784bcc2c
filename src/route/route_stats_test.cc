// RouteStats: groups are shared by name, shown while somebody holds them, and keep the characters of their names.
#include "route/route_stats.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "stats/visitor.h"

namespace weir::route {
namespace {

struct Collected : stats::StatVisitor {
  Collected() : StatVisitor(stats::StatKinds::all()) {}
  void on_counter(std::string_view name, uint64_t value, bool used) override { counters[std::string(name)] = value; }
  std::map<std::string, uint64_t> counters;
};

std::map<std::string, uint64_t> counters(stats::Registry& registry) {
  Collected collected;
  registry.visit(collected);
  return collected.counters;
}

TEST(RouteStats, WhoNamesTheSameGroupCountsTogether) {
  stats::Registry registry;
  RouteStats stats(registry, 2);
  const GroupCells one = stats.virtual_cluster("v", "c"), again = stats.virtual_cluster("v", "c");
  RequestGroups first, second;
  first.add(one, 0);
  second.add(again, 1);
  first.count(&GroupStats::upstream_rq_total);
  second.count(&GroupStats::upstream_rq_total);
  second.count_code(503);
  const auto shown = counters(registry);
  EXPECT_EQ(shown.at("vhost.v.vcluster.c.upstream_rq_total"), 2u);
  EXPECT_EQ(shown.at("vhost.v.vcluster.c.upstream_rq_503"), 1u);
  EXPECT_EQ(shown.at("vhost.v.vcluster.c.upstream_rq_5xx"), 1u);
  EXPECT_EQ(shown.at("vhost.v.vcluster.c.upstream_rq_completed"), 1u);
}

TEST(RouteStats, NamesStayAsTheyWereWritten) {
  stats::Registry registry;
  RouteStats stats(registry, 1);
  const GroupCells route = stats.route("v:1", "a.b:c");
  EXPECT_EQ(counters(registry).count("vhost.v:1.route.a.b:c.upstream_rq_retry"), 1u);
}

TEST(RouteStats, AGroupThatNobodyHoldsIsGone) {
  stats::Registry registry;
  RouteStats stats(registry, 1);
  GroupCells cells = stats.virtual_cluster("v", "c");
  cells = nullptr;
  EXPECT_TRUE(counters(registry).empty());
}

TEST(RouteStats, ARequestInTwoGroupsCountsInBoth) {
  stats::Registry registry;
  RouteStats stats(registry, 1);
  const GroupCells cluster = stats.virtual_cluster("v", "c"), route = stats.route("v", "r");
  RequestGroups groups;
  groups.add(cluster, 0);
  groups.add(nullptr, 0);
  groups.add(route, 0);
  groups.count(&GroupStats::upstream_rq_timeout);
  const auto shown = counters(registry);
  EXPECT_EQ(shown.at("vhost.v.vcluster.c.upstream_rq_timeout"), 1u);
  EXPECT_EQ(shown.at("vhost.v.route.r.upstream_rq_timeout"), 1u);
}

}  // namespace
}  // namespace weir::route
