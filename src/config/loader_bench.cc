// How long it takes to load a large bootstrap: 10,000 clusters and 10,000 virtual hosts as JSON, about 15 MB.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "config/load.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"

namespace weir::config {
namespace {

std::string cluster(int i) {
  const std::string name = "outbound|80||service-" + std::to_string(i) + ".namespace.svc.cluster.local";
  return R"({
        "name": ")" +
         name + R"(",
        "type": "STATIC",
        "connect_timeout": "0.250s",
        "lb_policy": "ROUND_ROBIN",
        "per_connection_buffer_limit_bytes": 32768,
        "circuit_breakers": {"thresholds": [{"max_connections": 4294967295, "max_pending_requests": 4294967295, "max_requests": 4294967295, "max_retries": 4294967295}]},
        "typed_extension_protocol_options": {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 100}}
          }
        },
        "load_assignment": {
          "cluster_name": ")" +
         name + R"(",
          "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 8080}}}},
            {"endpoint": {"address": {"socket_address": {"address": "10.0.0.2", "port_value": 8080}}}}]}]
        }
      })";
}

std::string virtual_host(int i) {
  const std::string n = std::to_string(i);
  return R"({
                    "name": "service-)" +
         n + R"(.namespace.svc.cluster.local:80",
                    "domains": ["service-)" +
         n + R"(.namespace.svc.cluster.local", "service-)" + n + R"(.namespace"],
                    "routes": [{
                      "match": {"prefix": "/", "headers": [{"name": "x-version", "string_match": {"exact": "v2"}}]},
                      "route": {"cluster": "outbound|80||service-)" +
         n +
         R"(.namespace.svc.cluster.local", "timeout": "15s", "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": 2}}
                    }]
                  })";
}

std::string bootstrap(int count) {
  std::string clusters, hosts;
  for (int i = 0; i < count; ++i) {
    clusters += (i == 0 ? "" : ",\n      ") + cluster(i);
    hosts += (i == 0 ? "" : ",\n                  ") + virtual_host(i);
  }
  return R"({"static_resources": {
    "clusters": [)" +
         clusters + R"(],
    "listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10000}},
      "filter_chains": [{"filters": [{"name": "hcm", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x", "route_config": {"virtual_hosts": [)" +
         hosts + R"(]},
        "http_filters": [{"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]
      }}]}]}]}})";
}

void load_bootstrap_with(benchmark::State& state, const std::string& extension) {
  const std::string text = bootstrap(static_cast<int>(state.range(0)));
  const std::string path = "/tmp/weir_loader_bench_" + std::to_string(::getpid()) + extension;
  std::ofstream(path) << text;
  Schema schema;
  for (auto _ : state) {
    const auto loaded = load_bootstrap(schema, {.path = path});
    if (!loaded.ok()) state.SkipWithError(loaded.diagnostics.text().c_str());
  }
  std::remove(path.c_str());
  state.SetBytesProcessed(static_cast<int64_t>(text.size()) * state.iterations());
  state.counters["MB"] = static_cast<double>(text.size()) / 1e6;
}

void load_json(benchmark::State& state) { load_bootstrap_with(state, ".json"); }
void load_yaml(benchmark::State& state) { load_bootstrap_with(state, ".yaml"); }
BENCHMARK(load_json)->Arg(100)->Arg(10000)->Unit(benchmark::kMillisecond);
BENCHMARK(load_yaml)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::config

BENCHMARK_MAIN();
