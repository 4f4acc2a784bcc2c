// What finding a route costs with 10, 1,000 and 100,000 routes: exact, prefix, regex and case-insensitive ones, mixed.
#include <benchmark/benchmark.h>

#include <chrono>

#include "route/mutations.h"
#include "route/table.h"

namespace weir::route {
namespace {

std::shared_ptr<const RouteTable> mixed_table(int64_t count) {
  VirtualHost host;
  host.name = "all";
  host.domains = {"*"};
  for (int64_t i = 0; i < count; ++i) {
    Route route;
    PathMatch& path = route.match.path;
    const std::string text = "/service/" + std::to_string(i) + "/";
    switch (i % 4) {
      case 0:
        path = {.kind = PathMatch::Kind::kPrefix, .text = text};
        break;
      case 1:
        path = {.kind = PathMatch::Kind::kExact, .text = text + "item"};
        break;
      case 2:
        path = {.kind = PathMatch::Kind::kRegex, .regex = *Regex::compile(text + "[a-z]+", 100)};
        break;
      case 3:
        path = {.kind = PathMatch::Kind::kPrefix, .case_sensitive = false, .text = text};
        break;
    }
    route.action = Forward{.cluster = ClusterRef{static_cast<uint32_t>(i), std::to_string(i)}};
    host.routes.push_back(std::move(route));
  }
  RouteConfig config;
  config.virtual_hosts.push_back(std::move(host));
  return *RouteTable::build(std::move(config));
}

void find_route(benchmark::State& state) {
  const auto table = mixed_table(state.range(0));
  Arena arena;
  http::HeaderMap request(arena);
  request.set_pseudo(http::HeaderId::kAuthority, "example.com");
  std::vector<std::string> paths;
  for (int64_t i = 0; i < 64; ++i) paths.push_back("/service/" + std::to_string(i * 7919 % state.range(0)) + "/item");
  size_t next = 0;
  for (auto _ : state) {
    request.set_pseudo(http::HeaderId::kPath, paths[next++ % paths.size()]);
    benchmark::DoNotOptimize(table->find(request, {}));
  }
}
BENCHMARK(find_route)->Arg(10)->Arg(1000)->Arg(100000);

RouteConfig many_prefixes(int count) {
  VirtualHost host{.name = "all", .domains = {"*"}};
  for (int i = 0; i < count; ++i) {
    Route& route = host.routes.emplace_back();
    route.match.path.text = "/service-" + std::to_string(i) + "/";
    route.action = Forward{.cluster = ClusterRef{0, "b"}};
  }
  RouteConfig config;
  config.virtual_hosts.push_back(std::move(host));
  return config;
}

RouteConfig many_hosts(int count) {
  RouteConfig config;
  for (int i = 0; i < count; ++i) {
    const std::string name = "service-" + std::to_string(i) + ".example.com";
    VirtualHost& host = config.virtual_hosts.emplace_back(VirtualHost{.name = name, .domains = {name}});
    Route& route = host.routes.emplace_back();
    route.match.path.text = "/";
    route.action = Forward{.cluster = ClusterRef{0, "b"}};
  }
  return config;
}

/// One of 10,000 prefixes or hosts and its cluster, when other work has taken the caches meanwhile: what a busy proxy pays.
void find_cold(benchmark::State& state) {
  constexpr int kCount = 10'000;
  const bool hosts = state.range(0) != 0;
  const auto table = *RouteTable::build(hosts ? many_hosts(kCount) : many_prefixes(kCount));
  std::vector<char> other_work(8 << 20);
  Arena arena;
  http::HeaderMap request(arena);
  const format::StreamInfo info;
  int next = 0;
  for (auto _ : state) {
    next = (next + 7919) % kCount;
    const std::string service = "service-" + std::to_string(next);
    const std::string authority = hosts ? service + ".example.com" : "example.com";
    const std::string path = hosts ? "/item" : "/" + service + "/item";
    for (size_t i = 0; i < other_work.size(); i += 64) ++other_work[i];
    request.set_pseudo(http::HeaderId::kAuthority, authority);
    request.set_pseudo(http::HeaderId::kPath, path);
    const auto begin = std::chrono::steady_clock::now();
    const Match match = table->find(request, {});
    benchmark::DoNotOptimize(choose_cluster(*match.route->forward(), request, 0, info));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
}
BENCHMARK(find_cold)->ArgName("hosts")->Arg(0)->Arg(1)->UseManualTime()->Iterations(4000);

/// Regexes that begin with nothing to sort them by; the last one matches.
void find_by_regex(benchmark::State& state) {
  VirtualHost host;
  host.name = "all";
  host.domains = {"*"};
  for (int64_t i = 0; i < state.range(0); ++i) {
    Route route;
    route.match.path = {.kind = PathMatch::Kind::kRegex, .regex = *Regex::compile("/[a-z]+/item" + std::to_string(i), 100)};
    route.action = Forward{.cluster = ClusterRef{static_cast<uint32_t>(i), std::to_string(i)}};
    host.routes.push_back(std::move(route));
  }
  RouteConfig config;
  config.virtual_hosts.push_back(std::move(host));
  const auto table = *RouteTable::build(std::move(config));
  Arena arena;
  http::HeaderMap request(arena);
  request.set_pseudo(http::HeaderId::kAuthority, "example.com");
  const std::string path = "/shop/item" + std::to_string(state.range(0) - 1);
  request.set_pseudo(http::HeaderId::kPath, path);
  for (auto _ : state) benchmark::DoNotOptimize(table->find(request, {}));
}
BENCHMARK(find_by_regex)->Arg(8)->Arg(15)->Arg(16)->Arg(100)->Arg(1000);

void mutate_ten_literals(benchmark::State& state) {
  HeaderMutations mutations;
  for (int i = 0; i < 10; ++i) {
    mutations.add.push_back(
        {.name = http::HeaderName("x-header-" + std::to_string(i)), .value = format::Formatter::literal("value")});
  }
  const format::StreamInfo info;
  Arena arena;
  for (auto _ : state) {
    arena.reset();
    http::HeaderMap request(arena);
    apply(mutations, request, {.info = info});
    benchmark::DoNotOptimize(request.size());
  }
}
BENCHMARK(mutate_ten_literals);

}  // namespace
}  // namespace weir::route

BENCHMARK_MAIN();
