// How requests are spread: evenly, by weight, by load, and over priorities.
#include "upstream/balancer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace weir::upstream {
namespace {

class Balancers : public testing::Test {
 protected:
  void endpoints(const std::vector<uint32_t>& weights) {
    for (const uint32_t weight : weights) {
      const auto port = static_cast<uint16_t>(1 + owned_.size());
      owned_.push_back(
          std::make_unique<Endpoint>(1, std::make_shared<const net::Address>(*net::Address::from_ip("10.0.0.1", port))));
      owned_.back()->weight = weight;
      list_.push_back(owned_.back().get());
    }
  }
  std::unique_ptr<Balancer> balancer(BalancerKind kind, uint32_t choices = 2) {
    ClusterSpec spec;
    spec.balancer = kind;
    spec.choice_count = choices;
    return make_balancer(spec, list_, random_);
  }
  std::vector<double> picks(Balancer& balancer, int count) {
    std::vector<double> picked(list_.size());
    for (int i = 0; i < count; ++i) picked.at(balancer.pick()) += 1;
    return picked;
  }
  /// Pearson's chi-square against shares that sum to 1.
  static double chi_square(const std::vector<double>& picked, const std::vector<double>& shares) {
    const double total = std::accumulate(picked.begin(), picked.end(), 0.0);
    double sum = 0;
    for (size_t i = 0; i < picked.size(); ++i) sum += std::pow(picked[i] - total * shares[i], 2) / (total * shares[i]);
    return sum;
  }
  void set_active(size_t index, int32_t requests) { list_[index]->active_requests.store(requests); }

  Random random_{42};
  std::vector<std::unique_ptr<Endpoint>> owned_;
  std::vector<const Endpoint*> list_;
};

TEST_F(Balancers, RoundRobinGivesEachItsTurnAndNobodyTwoInARow) {
  endpoints({1, 1, 1});
  auto robin = balancer(BalancerKind::kRoundRobin);
  const size_t first = robin->pick();
  for (size_t i = 1; i < 30; ++i) EXPECT_EQ(robin->pick(), (first + i) % 3);
}

TEST_F(Balancers, RoundRobinStartsAnywhereSoThatWorkersDoNotAllBeginWithTheSameEndpoint) {
  endpoints(std::vector<uint32_t>(5, 1));
  std::vector<double> first(5);
  for (int i = 0; i < 5000; ++i) first[balancer(BalancerKind::kRoundRobin)->pick()] += 1;
  EXPECT_LT(chi_square(first, std::vector<double>(5, 0.2)), 18.47);  // 4 degrees of freedom, p = 0.001
}

TEST_F(Balancers, WeightedRoundRobinIsExactOverACycleAndInterleaved) {
  endpoints({5, 3, 2});
  auto robin = balancer(BalancerKind::kRoundRobin);
  const std::vector<double> picked = picks(*robin, 10'000);
  EXPECT_NEAR(picked[0], 5000, 1);
  EXPECT_NEAR(picked[1], 3000, 1);
  EXPECT_NEAR(picked[2], 2000, 1);
  int longest = 0, run = 0;
  for (int i = 0; i < 100; ++i) {
    run = robin->pick() == 0 ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 2) << "half of the requests, but not in bursts";
}

TEST_F(Balancers, AnEndpointOfLittleWeightIsNotForgotten) {
  endpoints({128, 1});
  auto robin = balancer(BalancerKind::kRoundRobin);
  EXPECT_NEAR(picks(*robin, 12'900)[1], 100, 1);
}

TEST_F(Balancers, RandomIsUniform) {
  endpoints(std::vector<uint32_t>(10, 1));
  auto random = balancer(BalancerKind::kRandom);
  const std::vector<double> picked = picks(*random, 100'000);
  EXPECT_LT(chi_square(picked, std::vector<double>(10, 0.1)), 27.88);  // 9 degrees of freedom, p = 0.001
}

TEST_F(Balancers, LeastRequestIsUniformWhileAllAreIdle) {
  endpoints(std::vector<uint32_t>(8, 1));
  auto least = balancer(BalancerKind::kLeastRequest);
  EXPECT_LT(chi_square(picks(*least, 80'000), std::vector<double>(8, 0.125)), 24.32);  // 7 degrees of freedom, p = 0.001
}

TEST_F(Balancers, LeastRequestOfTwoChoicesPicksAsTheirNumbersOfRequestsSay) {
  // With two choices out of four, the busiest is picked only when it is drawn twice, the idlest unless it is not drawn at all.
  endpoints({1, 1, 1, 1});
  for (size_t i = 0; i < 4; ++i) set_active(i, static_cast<int32_t>(i));
  auto least = balancer(BalancerKind::kLeastRequest);
  EXPECT_LT(chi_square(picks(*least, 64'000), {7.0 / 16, 5.0 / 16, 3.0 / 16, 1.0 / 16}), 16.27);  // 3 degrees of freedom
}

TEST_F(Balancers, MoreChoicesFavourTheIdleOnesMore) {
  endpoints({1, 1, 1, 1});
  for (size_t i = 1; i < 4; ++i) set_active(i, 10);
  auto two = balancer(BalancerKind::kLeastRequest, 2), eight = balancer(BalancerKind::kLeastRequest, 8);
  EXPECT_GT(picks(*eight, 10'000)[0], picks(*two, 10'000)[0] * 1.5);
}

TEST_F(Balancers, WeightedLeastRequestFollowsTheWeightsWhileAllAreIdle) {
  endpoints({3, 1});
  auto least = balancer(BalancerKind::kLeastRequest);
  EXPECT_NEAR(picks(*least, 4000)[0], 3000, 2);
}

TEST_F(Balancers, WeightedLeastRequestSendsABusyEndpointLess) {
  endpoints({2, 1});
  set_active(0, 9);  // worth 2 / 10 now, beside 1
  auto least = balancer(BalancerKind::kLeastRequest);
  EXPECT_NEAR(picks(*least, 6000)[0], 1000, 5);
}

TEST(PriorityLoad, AHealthyFirstLevelTakesEverything) {
  EXPECT_EQ(priority_load({1.0, 1.0}, 140), (std::vector<uint32_t>{100, 0}));
  // 72 % healthy times 1.4 is still enough.
  EXPECT_EQ(priority_load({0.72, 1.0}, 140), (std::vector<uint32_t>{100, 0}));
}

TEST(PriorityLoad, WhatTheFirstLevelCannotTakeGoesToTheNext) {
  EXPECT_EQ(priority_load({0.5, 1.0}, 140), (std::vector<uint32_t>{70, 30}));
  EXPECT_EQ(priority_load({0.25, 0.25, 1.0}, 140), (std::vector<uint32_t>{35, 35, 30}));
  EXPECT_EQ(priority_load({0.0, 1.0}, 140), (std::vector<uint32_t>{0, 100}));
}

TEST(PriorityLoad, TooLittleEverywhereIsScaledToAHundred) {
  EXPECT_EQ(priority_load({0.25, 0.25}, 140), (std::vector<uint32_t>{50, 50}));
  for (const auto& shares : std::vector<std::vector<double>>{{0.1, 0.2, 0.1}, {0.05, 0.3}, {0.0, 0.01, 0.02}}) {
    const std::vector<uint32_t> load = priority_load(shares, 140);
    EXPECT_EQ(std::accumulate(load.begin(), load.end(), 0u), 100u);
  }
}

TEST(PriorityLoad, NothingAvailableIsNoLoadAtAll) {
  EXPECT_EQ(priority_load({0.0, 0.0}, 140), (std::vector<uint32_t>{0, 0}));
  EXPECT_TRUE(priority_load({}, 140).empty());
}

}  // namespace
}  // namespace weir::upstream
