// What a pick costs, and what it costs to work out everything anew when one of many endpoints changes.
#include <benchmark/benchmark.h>

#include "upstream/balancer.h"

namespace weir::upstream {
namespace {

struct Request final : PickContext {
  std::optional<uint64_t> hash() override { return number; }
  const format::LbCriteria* criteria() override { return &stage; }
  uint64_t number = 0;
  format::LbCriteria stage{{{"stage", "0"}}};
};

BalancingSpec spec_of(BalancerKind kind) {
  BalancingSpec spec;
  spec.kind = kind;
  if (kind == BalancerKind::kClientWeighted) spec.client_weighted.edit().blackout_ms = 0;
  return spec;
}

class Bench {
 public:
  Bench(BalancingSpec spec, int64_t endpoints, bool weighted = false) : spec_(std::move(spec)), stages_(endpoints / 10) {
    for (int64_t i = 0; i < endpoints; ++i) add(weighted ? static_cast<uint32_t>(1 + i % 7) : 1);
    plan_ = make_whole_plan(spec_, set_, nullptr);
    balancer_ = make_balancer({spec_, cluster_, cluster_.stats.mine(0), random_});
    balancer_->adopt(set_, *plan_);
  }
  std::optional<uint32_t> pick() {
    request_.number = random_.next();
    return balancer_->pick(request_);
  }
  void change_one() {
    set_.endpoints.erase(set_.endpoints.begin() + static_cast<std::ptrdiff_t>(random_.below(set_.endpoints.size())));
    add(1);
    BalancingPlanPtr next = make_whole_plan(spec_, set_, nullptr);
    balancer_->adopt(set_, *next);
    plan_ = std::move(next);
  }

 private:
  void add(uint32_t weight) {
    const uint32_t number = next_++;
    const std::string ip =
        "10." + std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
    auto endpoint = std::make_shared<Endpoint>(1, std::make_shared<const net::Address>(*net::Address::from_ip(ip, 80)));
    endpoint->weight = weight;
    auto metadata = std::make_shared<LbMetadata>();
    metadata->fields.push_back({.name = "stage", .value = std::to_string(number % stages_)});
    endpoint->lb_metadata = std::move(metadata);
    set_.endpoints.push_back(std::move(endpoint));
  }

  BalancingSpec spec_;
  const int64_t stages_;  // subsets
  ClusterState cluster_{std::make_shared<ClusterSpec>(), 1};
  Random random_{1};
  EndpointSet set_;
  uint32_t next_ = 0;
  BalancingPlanPtr plan_;
  std::unique_ptr<Balancer> balancer_;
  Request request_;
};

template <BalancerKind kind, bool weighted>
void pick(benchmark::State& state) {
  Bench bench(spec_of(kind), state.range(0), weighted);
  for (auto _ : state) benchmark::DoNotOptimize(bench.pick());
}
BENCHMARK(pick<BalancerKind::kRoundRobin, false>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kRoundRobin, true>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kLeastRequest, false>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kLeastRequest, true>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kRandom, false>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kRingHash, false>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kMaglev, false>)->Arg(10)->Arg(1000)->Arg(10'000);
BENCHMARK(pick<BalancerKind::kClientWeighted, false>)->Arg(10)->Arg(1000)->Arg(10'000);

/// Among the endpoints of one subset, of which there are ten.
void pick_of_subset(benchmark::State& state) {
  BalancingSpec spec;
  spec.subsets.emplace();
  spec.subsets->selectors.push_back({.keys = {"stage"}});
  Bench bench(std::move(spec), state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(bench.pick());
}
BENCHMARK(pick_of_subset)->Arg(10)->Arg(1000)->Arg(10'000);

template <BalancerKind kind>
void change_one(benchmark::State& state) {
  Bench bench(spec_of(kind), state.range(0));
  for (auto _ : state) bench.change_one();
}
BENCHMARK(change_one<BalancerKind::kRoundRobin>)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(change_one<BalancerKind::kRingHash>)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(change_one<BalancerKind::kMaglev>)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
