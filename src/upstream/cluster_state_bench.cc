// What it costs when one endpoint of many changes: for main, which works out the next set, for what watches the endpoints, and
// for each worker, until its next request has an endpoint.
#include <benchmark/benchmark.h>

#include "upstream/cluster.h"
#include "upstream/cluster_state.h"
#include "upstream/health_checker.h"
#include "upstream/outlier_detector.h"

namespace weir::upstream {
namespace {

enum class Change { kReplaced, kWeight, kHealth };

/// A cluster and what discovery says of it, where always one endpoint in the middle is another.
class Bench {
 public:
  explicit Bench(int64_t endpoints, BalancerKind kind = BalancerKind::kRoundRobin, bool watched = false)
      : spec_(std::make_shared<ClusterSpec>()) {
    spec_->discovery = DiscoveryType::kEds;
    spec_->balancing.kind = kind;
    if (watched) {
      HealthCheckSpec& check = spec_->health_checks.emplace_back();
      check.kind = HealthCheckSpec::Kind::kTcp;
      check.initial_jitter_ms = 1'000'000'000;
      spec_->outlier.emplace();
    }
    state_ = std::make_shared<ClusterState>(spec_, 1);
    auto& list = assignment_.localities.emplace_back().endpoints;
    for (int64_t i = 0; i < endpoints; ++i) list.push_back({.address = next_address()});
    update_endpoints(*state_, assignment_);
  }

  ClusterState& state() { return *state_; }
  const ClusterStatePtr& shared() { return state_; }
  loop::EventLoop& loop() { return loop_; }

  void change(Change what) {
    EndpointSpec& endpoint = assignment_.localities[0].endpoints[assignment_.localities[0].endpoints.size() / 2];
    switch (what) {
      case Change::kReplaced:
        endpoint.address = next_address();
        break;
      case Change::kWeight:
        endpoint.weight = 3 - endpoint.weight;
        break;
      case Change::kHealth:
        endpoint.health = endpoint.health == Health::kHealthy ? Health::kUnhealthy : Health::kHealthy;
    }
  }
  void apply() { benchmark::DoNotOptimize(update_endpoints(*state_, assignment_)); }

 private:
  net::AddressPtr next_address() {
    const uint32_t number = next_++;
    const std::string ip =
        "10." + std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
    return std::make_shared<const net::Address>(*net::Address::from_ip(ip, 80));
  }

  loop::EventLoop loop_{1};
  std::shared_ptr<ClusterSpec> spec_;
  ClusterStatePtr state_;
  Assignment assignment_;
  uint32_t next_ = 0;
};

template <Change what, BalancerKind kind>
void main_updates(benchmark::State& state) {
  Bench bench(state.range(0), kind);
  for (auto _ : state) {
    bench.change(what);
    bench.apply();
  }
}
BENCHMARK(main_updates<Change::kReplaced, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(main_updates<Change::kWeight, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(main_updates<Change::kHealth, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(main_updates<Change::kReplaced, BalancerKind::kMaglev>)->Arg(10'000)->Unit(benchmark::kMicrosecond);

/// Of a cluster with active checks and outlier detection.
template <Change what>
void watched_updates(benchmark::State& state) {
  Bench bench(state.range(0), BalancerKind::kRoundRobin, true);
  HealthCheckStats check_stats;
  HealthChecker checker(bench.loop(), bench.state(), bench.state().spec->health_checks.front(), check_stats,
                        {.on_change = [] {}, .on_well = [](const auto&) {}, .log = {}, .on_first_round = [] {}});
  OutlierStats outlier_stats;
  OutlierDetector detector(bench.loop(), bench.state(), *bench.state().spec->outlier, outlier_stats,
                           {.on_change = [] {}, .log = {}});
  for (auto _ : state) {
    bench.change(what);
    bench.apply();
    const EndpointSetPtr set = bench.state().endpoints.load();
    detector.update(set);
    checker.update(set);
  }
}
BENCHMARK(watched_updates<Change::kReplaced>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(watched_updates<Change::kWeight>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

/// The set is there; a worker takes it and chooses an endpoint.
template <Change what, BalancerKind kind>
void worker_updates(benchmark::State& state) {
  Bench bench(state.range(0), kind);
  uint64_t connections = 0;
  Cluster cluster(bench.loop(), bench.shared(), 0, connections);
  AnyEndpoint anybody;
  for (auto _ : state) {
    state.PauseTiming();
    bench.change(what);
    bench.apply();
    const EndpointSetPtr set = bench.state().endpoints.load();
    state.ResumeTiming();
    cluster.update(set);
    benchmark::DoNotOptimize(cluster.choose(anybody));
  }
}
BENCHMARK(worker_updates<Change::kReplaced, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(worker_updates<Change::kWeight, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(worker_updates<Change::kHealth, BalancerKind::kRoundRobin>)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(worker_updates<Change::kReplaced, BalancerKind::kLeastRequest>)->Arg(10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
