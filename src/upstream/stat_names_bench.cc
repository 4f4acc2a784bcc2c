// How long a scrape of ten thousand clusters takes.
#include <benchmark/benchmark.h>

#include "stats/export.h"
#include "upstream/stat_names.h"

namespace weir::upstream {
namespace {

class TenThousandClusters {
 public:
  explicit TenThousandClusters(bool used) {
    for (int i = 0; i < 10'000; ++i) {
      auto spec = std::make_shared<ClusterSpec>();
      spec->name = spec->stat_name = "cluster_" + std::to_string(i * 7919 % 10'000);
      auto state = std::make_shared<ClusterState>(spec, 2);
      if (used) {
        for (size_t worker = 0; worker < 2; ++worker) {
          ClusterStats& stats = state->stats.mine(worker);
          stats.upstream_rq_total.add(static_cast<uint64_t>(i));
          stats.codes.count(200);
          stats.external.codes.count(200);
          stats.upstream_rq_time.record(static_cast<uint64_t>(i));
          stats.upstream_cx_connect_ms.record(1);
        }
      }
      registrations_.push_back(register_cluster(registry_, std::move(state)));
    }
    registry_.flush();
  }

  size_t size_of(stats::Producer producer) {
    std::string piece;
    size_t size = 0;
    for (bool more = true; more; size += piece.size()) {
      piece.clear();
      more = producer(piece);
    }
    return size;
  }

  stats::Registry registry_;
  stats::TagExtractor tags_;
  std::vector<stats::Registry::Registration> registrations_;
};

void text(benchmark::State& state) {
  TenThousandClusters clusters(state.range(0) != 0);
  size_t size = 0;
  for (auto _ : state) size = clusters.size_of(stats::text_export(clusters.registry_, {}));
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(text)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void prometheus(benchmark::State& state) {
  TenThousandClusters clusters(state.range(0) != 0);
  size_t size = 0;
  for (auto _ : state) size = clusters.size_of(stats::prometheus_export(clusters.registry_, clusters.tags_, {}));
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(prometheus)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void prometheus_used_only(benchmark::State& state) {
  TenThousandClusters clusters(true);
  stats::ExportOptions options;
  options.selection.used_only = true;
  size_t size = 0;
  for (auto _ : state) size = clusters.size_of(stats::prometheus_export(clusters.registry_, clusters.tags_, options));
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(prometheus_used_only)->Unit(benchmark::kMillisecond);

void flush(benchmark::State& state) {
  TenThousandClusters clusters(true);
  for (auto _ : state) clusters.registry_.flush();
}
BENCHMARK(flush)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
