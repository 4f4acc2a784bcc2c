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
  Endpoint& endpoint(uint32_t weight = 1, uint32_t priority = 0, Health health = Health::kHealthy, std::string zone = {}) {
    const auto port = static_cast<uint16_t>(1 + set_.endpoints.size());
    auto made = std::make_shared<Endpoint>(1, std::make_shared<const net::Address>(*net::Address::from_ip("10.0.0.1", port)));
    made->weight = weight;
    made->priority = priority;
    made->health = health;
    made->locality.zone = std::move(zone);
    set_.endpoints.push_back(made);
    return *made;
  }
  void endpoints(const std::vector<uint32_t>& weights) {
    for (const uint32_t weight : weights) endpoint(weight);
  }
  std::unique_ptr<Balancer> balancer(BalancerKind kind, uint32_t choices = 2) {
    spec_.kind = kind;
    spec_.choice_count = choices;
    return balancer();
  }
  std::unique_ptr<Balancer> balancer() {
    plans_.push_back(make_plan(spec_, set_, make_host_sets(set_, nullptr)));
    auto result = make_balancer({spec_, cluster_, cluster_.stats.mine(0), random_});
    result->adopt(set_, *plans_.back());
    return result;
  }
  size_t pick(Balancer& balancer) { return balancer.pick(any_).value(); }
  std::vector<double> picks(Balancer& balancer, int count) {
    std::vector<double> picked(set_.endpoints.size());
    for (int i = 0; i < count; ++i) picked.at(pick(balancer)) += 1;
    return picked;
  }
  /// Pearson's chi-square against shares that sum to 1.
  static double chi_square(const std::vector<double>& picked, const std::vector<double>& shares) {
    const double total = std::accumulate(picked.begin(), picked.end(), 0.0);
    double sum = 0;
    for (size_t i = 0; i < picked.size(); ++i) sum += std::pow(picked[i] - total * shares[i], 2) / (total * shares[i]);
    return sum;
  }
  void set_active(size_t index, int32_t requests) { set_.endpoints[index]->active_requests.store(requests); }

  Random random_{42};
  BalancingSpec spec_;
  ClusterState cluster_{std::make_shared<ClusterSpec>(), 1};
  EndpointSet set_;
  std::vector<BalancingPlanPtr> plans_;
  AnyEndpoint any_;
};

TEST_F(Balancers, RoundRobinGivesEachItsTurnAndNobodyTwoInARow) {
  endpoints({1, 1, 1});
  auto robin = balancer(BalancerKind::kRoundRobin);
  const size_t first = pick(*robin);
  for (size_t i = 1; i < 30; ++i) EXPECT_EQ(pick(*robin), (first + i) % 3);
}

TEST_F(Balancers, RoundRobinStartsAnywhereSoThatWorkersDoNotAllBeginWithTheSameEndpoint) {
  endpoints(std::vector<uint32_t>(5, 1));
  std::vector<double> first(5);
  for (int i = 0; i < 5000; ++i) first[pick(*balancer(BalancerKind::kRoundRobin))] += 1;
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
    run = pick(*robin) == 0 ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 2) << "half of the requests, but not in bursts";
}

TEST_F(Balancers, AnEndpointOfLittleWeightIsNotForgotten) {
  endpoints({128, 1});
  auto robin = balancer(BalancerKind::kRoundRobin);
  EXPECT_NEAR(picks(*robin, 12'900)[1], 100, 1);
}

TEST_F(Balancers, ClientSideWeightsAreThoseThatEndpointsReportAndOthersGetTheMedian) {
  endpoints({1, 1, 1});
  spec_.client_weighted.edit().blackout_ms = 0;
  const MonotonicNs now = monotonic_now();
  for (const auto& [index, weight] : {std::pair<size_t, uint32_t>{0, 300}, {1, 100}}) {
    EndpointLife& life = *set_.endpoints[index]->life;
    life.reported_weight = weight;
    life.reported_first = life.reported_last = now - 1;
  }
  auto robin = balancer(BalancerKind::kClientWeighted);
  const std::vector<double> picked = picks(*robin, 6000);
  EXPECT_NEAR(picked[0], 3000, 2);
  EXPECT_NEAR(picked[1], 1000, 2);
  EXPECT_NEAR(picked[2], 2000, 2) << "it said nothing";
}

TEST_F(Balancers, ClientSideWeightsDoNotCountAtFirstNorWhenTheyAreOld) {
  endpoints({1, 1});
  const MonotonicNs now = monotonic_now();
  EndpointLife& fresh = *set_.endpoints[0]->life;
  fresh.reported_weight = 300;
  fresh.reported_first = fresh.reported_last = now;
  EndpointLife& old = *set_.endpoints[1]->life;
  old.reported_weight = 100;
  old.reported_first = old.reported_last = now - 200 * kNsPerSecond;
  auto robin = balancer(BalancerKind::kClientWeighted);
  const std::vector<double> picked = picks(*robin, 100);
  EXPECT_EQ(picked[0], 50);
  EXPECT_EQ(old.reported_first, 0) << "it begins anew";
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
  auto two = balancer(BalancerKind::kLeastRequest, 2);
  const double by_two = picks(*two, 10'000)[0];
  auto eight = balancer(BalancerKind::kLeastRequest, 8);
  EXPECT_GT(picks(*eight, 10'000)[0], by_two * 1.5);
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

TEST_F(Balancers, TheBusiestIsNeverPickedByAFullScan) {
  endpoints({1, 1, 1, 1});
  for (size_t i = 0; i < 3; ++i) set_active(i, static_cast<int32_t>(i / 2));
  set_active(3, 5);
  spec_.full_scan = true;
  auto least = balancer(BalancerKind::kLeastRequest);
  const std::vector<double> picked = picks(*least, 10'000);
  EXPECT_LT(chi_square({picked[0], picked[1]}, {0.5, 0.5}), 10.83);
  EXPECT_EQ(picked[2] + picked[3], 0);
}

TEST_F(Balancers, LocalitiesTakeTurnsByTheirWeightsAndGetLessWithFewerHealthyEndpoints) {
  for (const char* zone : {"a", "a", "b", "b"}) endpoint(1, 0, Health::kHealthy, zone);
  set_.locality_weights = {{{"", "a", ""}, 0, 3}, {{"", "b", ""}, 0, 1}};
  spec_.locality_weighted = true;
  auto robin = balancer(BalancerKind::kRoundRobin);
  std::vector<double> picked = picks(*robin, 4000);
  EXPECT_NEAR(picked[0] + picked[1], 3000, 2);
  EXPECT_NEAR(picked[2], 500, 2);
  set_.endpoints[0] = nullptr;
  set_.endpoints.erase(set_.endpoints.begin());
  endpoint(1, 0, Health::kUnhealthy, "a");  // half of a is healthy: 3 × 1.4 × 0.5 = 2.1, beside 1
  robin = balancer(BalancerKind::kRoundRobin);
  EXPECT_NEAR(picks(*robin, 3100)[0], 2100, 3);
}

TEST_F(Balancers, PrioritiesGetTheirSharesAndDegradedEndpointsWhatIsLeft) {
  endpoint(1, 0);
  endpoint(1, 0, Health::kUnhealthy);
  endpoint(1, 1);
  auto random = balancer(BalancerKind::kRandom);
  std::vector<double> picked = picks(*random, 50'000);
  EXPECT_LT(chi_square({picked[0], picked[2]}, {0.7, 0.3}), 10.83);
  EXPECT_EQ(picked[1], 0);
  set_.endpoints.pop_back();
  endpoint(1, 0, Health::kDegraded);
  endpoint(1, 0, Health::kUnhealthy);
  random = balancer(BalancerKind::kRandom);  // healthy 35 %, degraded 35 % of what there is
  picked = picks(*random, 50'000);
  EXPECT_LT(chi_square({picked[0], picked[2]}, {0.5, 0.5}), 10.83);
}

TEST_F(Balancers, EndpointsThatDrainDoNotCountForTheHealthOfTheirPriority) {
  for (const Health health : {Health::kHealthy, Health::kHealthy, Health::kDraining, Health::kDraining}) endpoint(1, 0, health);
  endpoint(1, 1);
  EXPECT_EQ(picks(*balancer(BalancerKind::kRandom), 1000)[4], 0);
}

TEST_F(Balancers, BelowThePanicThresholdAllEndpointsAreUsedAndItIsCounted) {
  endpoints({1, 1, 1, 1});
  for (const size_t i : {1, 2, 3}) set_.endpoints[i] = nullptr;
  set_.endpoints.resize(1);
  for (int i = 0; i < 3; ++i) endpoint(1, 0, Health::kUnhealthy);
  auto random = balancer(BalancerKind::kRandom);
  EXPECT_LT(chi_square(picks(*random, 10'000), std::vector<double>(4, 0.25)), 16.27);
  EXPECT_EQ(cluster_.stats.mine(0).lb_healthy_panic.value(), 10'000u);
  spec_.healthy_panic_percent = 0;
  EXPECT_EQ(picks(*balancer(BalancerKind::kRandom), 1000)[0], 1000);
}

TEST_F(Balancers, WithoutPanicNothingHealthyMeansNothingToPick) {
  endpoint(1, 0, Health::kUnhealthy);
  spec_.healthy_panic_percent = 0;
  for (const BalancerKind kind : {BalancerKind::kRoundRobin, BalancerKind::kLeastRequest, BalancerKind::kRandom,
                                  BalancerKind::kRingHash, BalancerKind::kMaglev}) {
    EXPECT_EQ(balancer(kind)->pick(any_), std::nullopt);
  }
}

TEST_F(Balancers, AnEndpointThatIsNewStartsSlowly) {
  endpoints({1, 1});
  set_.endpoints[0]->healthy_since = monotonic_now() - 50 * kNsPerSecond;
  set_.endpoints[1]->healthy_since = monotonic_now() - 1 * kNsPerSecond;
  spec_.slow_start = {.window_ms = 10'000, .least_share = 0.25};
  EXPECT_NEAR(picks(*balancer(BalancerKind::kRoundRobin), 1000)[1], 200, 3);
  set_.endpoints[1]->healthy_since = monotonic_now() - 5 * kNsPerSecond;
  EXPECT_NEAR(picks(*balancer(BalancerKind::kRoundRobin), 1000)[1], 333, 8);
}

TEST_F(Balancers, AnotherPlanDoesNotStartTheTurnsAnew) {
  endpoints(std::vector<uint32_t>(100, 1));
  auto robin = balancer(BalancerKind::kRoundRobin);
  const size_t first = pick(*robin);
  plans_.push_back(make_plan(spec_, set_, make_host_sets(set_, nullptr)));
  robin->adopt(set_, *plans_.back());
  EXPECT_EQ(pick(*robin), (first + 1) % 100);
}

/// A request that hashes to a number and may reject endpoints.
struct Hashed final : PickContext {
  explicit Hashed(uint64_t number) : number(number) {}
  std::optional<uint64_t> hash() override { return number; }
  uint32_t more_choices() const override { return 5; }
  bool rejects(const Endpoint& endpoint) override { return &endpoint == rejected; }
  uint64_t number;
  const Endpoint* rejected = nullptr;
};

TEST_F(Balancers, LikeHashesGoToLikeEndpointsAndMostStayWhenOneGoes) {
  for (const BalancerKind kind : {BalancerKind::kRingHash, BalancerKind::kMaglev}) {
    set_.endpoints.clear();
    endpoints(std::vector<uint32_t>(10, 1));
    std::vector<EndpointPtr> before;
    Random keys(7);
    auto all = balancer(kind);
    for (int i = 0; i < 2000; ++i) {
      Hashed request(keys.next());
      before.push_back(set_.endpoints[*all->pick(request)]);
    }
    const EndpointPtr gone = set_.endpoints[3];
    set_.endpoints.erase(set_.endpoints.begin() + 3);
    auto rest = balancer(kind);
    Random again(7);
    int moved = 0;
    for (int i = 0; i < 2000; ++i) {
      Hashed request(again.next());
      moved += before[static_cast<size_t>(i)] != gone && set_.endpoints[*rest->pick(request)] != before[static_cast<size_t>(i)];
    }
    // Each of nine endpoints has a ninth more points on a ring than each of ten, and these take from their neighbours.
    if (kind == BalancerKind::kRingHash) {
      EXPECT_NEAR(moved, 160, 60);
    } else {
      EXPECT_LT(moved, 100);
    }
  }
}

TEST_F(Balancers, TablesSpreadByWeight) {
  for (const BalancerKind kind : {BalancerKind::kRingHash, BalancerKind::kMaglev}) {
    set_.endpoints.clear();
    endpoints({5, 3, 2});
    spec_.minimum_ring_size = 100'000;
    auto hashing = balancer(kind);
    std::vector<double> picked(3);
    for (int i = 0; i < 100'000; ++i) {
      Hashed request(random_.next());
      picked[*hashing->pick(request)] += 1;
    }
    EXPECT_NEAR(picked[0], 50'000, 1500);
    EXPECT_NEAR(picked[2], 20'000, 1500);
  }
}

TEST_F(Balancers, ARejectedEndpointIsNotTheOneThatAnotherAttemptFinds) {
  for (const BalancerKind kind : {BalancerKind::kRingHash, BalancerKind::kMaglev}) {
    set_.endpoints.clear();
    endpoints({1, 1, 1, 1});
    auto hashing = balancer(kind);
    int same = 0;
    for (int i = 0; i < 200; ++i) {
      Hashed request(random_.next());
      request.rejected = set_.endpoints[*hashing->pick(request)].get();
      same += set_.endpoints[*hashing->pick(request)].get() == request.rejected;
    }
    EXPECT_LT(same, 5);
  }
}

TEST_F(Balancers, AnEndpointThatIsTooFullIsPassedBy) {
  endpoints({1, 1, 1, 1});
  spec_.balance_factor = 150;
  auto hashing = balancer(BalancerKind::kMaglev);
  Hashed request(99);
  const size_t first = *hashing->pick(request);
  set_active(first, 10);
  const size_t second = *hashing->pick(request);
  EXPECT_NE(second, first);
  EXPECT_EQ(*hashing->pick(request), second) << "the way on depends on the hash alone";
}

TEST(Murmur, IsThatOfTheCppLibrary) {
  for (const std::string text : {"", "a", "10.0.0.1:80_0", "12345678", "a much longer text than eight bytes"}) {
    EXPECT_EQ(murmur_hash(text), std::hash<std::string>()(text));
  }
}

class Priorities : public Balancers {
 protected:
  /// Each priority: of how many endpoints how many are healthy.
  PriorityLoad load(const std::vector<std::pair<int, int>>& levels, uint32_t panic = 0) {
    set_.endpoints.clear();
    for (uint32_t priority = 0; priority < levels.size(); ++priority) {
      for (int i = 0; i < levels[priority].first; ++i) {
        endpoint(1, priority, i < levels[priority].second ? Health::kHealthy : Health::kUnhealthy);
      }
    }
    return priority_load(make_host_sets(set_, nullptr), set_, panic);
  }
  using Loads = std::vector<uint32_t>;
};

TEST_F(Priorities, AHealthyFirstLevelTakesEverything) {
  EXPECT_EQ(load({{4, 4}, {4, 4}}).healthy, (Loads{100, 0}));
  EXPECT_EQ(load({{100, 72}, {4, 4}}).healthy, (Loads{100, 0})) << "72 % healthy times 1.4 is still enough";
}

TEST_F(Priorities, WhatTheFirstLevelCannotTakeGoesToTheNext) {
  EXPECT_EQ(load({{2, 1}, {4, 4}}).healthy, (Loads{70, 30}));
  EXPECT_EQ(load({{4, 1}, {4, 1}, {4, 4}}).healthy, (Loads{35, 35, 30}));
  EXPECT_EQ(load({{4, 0}, {4, 4}}).healthy, (Loads{0, 100}));
}

TEST_F(Priorities, TooLittleEverywhereIsScaledToAHundred) {
  EXPECT_EQ(load({{4, 1}, {4, 1}}).healthy, (Loads{50, 50}));
  for (const auto& levels : std::vector<std::vector<std::pair<int, int>>>{{{10, 1}, {10, 2}, {10, 1}}, {{20, 1}, {10, 3}}}) {
    const Loads shares = load(levels).healthy;
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), 0u), 100u);
  }
}

TEST_F(Priorities, InPanicNumbersCountInsteadOfHealth) {
  const PriorityLoad panic = load({{6, 1}, {3, 0}}, 50);
  EXPECT_EQ(panic.healthy, (Loads{67, 33}));
  EXPECT_TRUE(panic.panic[0] && panic.panic[1]);
  const PriorityLoad partly = load({{10, 1}, {10, 5}}, 50);  // 14 and 70 of a hundred
  EXPECT_EQ(partly.healthy, (Loads{17, 83}));
  EXPECT_TRUE(partly.panic[0]);
  EXPECT_FALSE(partly.panic[1]);
}

TEST_F(Priorities, NothingAtAllIsTheFirstLevelsLoad) {
  EXPECT_EQ(load({{2, 0}, {2, 0}}).healthy, (Loads{100, 0}));
  EXPECT_EQ(load({}).healthy, (Loads{100}));
}

}  // namespace
}  // namespace weir::upstream
