// What a line costs the request that it is about: the default format, and JSON with as many fields.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/check.h"
#include "format/formatter.h"
#include "format/json_formatter.h"
#include "observe/access_log.h"
#include "observe/log_file.h"

namespace {

std::atomic<uint64_t> allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace weir::observe {
namespace {

using http::HeaderId;

/// An ordinary request that was forwarded.
struct Request {
  Request() : request(arena), response(arena) {
    request.set_pseudo(HeaderId::kMethod, "GET");
    request.set_pseudo(HeaderId::kPath, "/api/v1/items?page=2");
    request.set_pseudo(HeaderId::kAuthority, "shop.example.com");
    for (const char* name : {"accept", "accept-encoding", "cookie"}) request.add(name, "something or other");
    request.add("user-agent", "curl/7.88.1");
    request.add("x-forwarded-proto", "http");
    request.add("x-request-id", "85152f3a-9dd6-4801-8ed4-a86951ea1ad9");
    response.set_status(200);
    response.add("content-length", "1024");
    response.add("x-envoy-upstream-service-time", "3");
    connection.remote_address = std::make_shared<net::Address>(*net::Address::from_ip("10.0.0.1", 4711));
    info.connection = &connection;
    info.upstream_remote_address = std::make_shared<net::Address>(*net::Address::from_ip("10.0.0.2", 8080));
    info.protocol = http::Protocol::kHttp11;
    info.start_wall = wall_now();
    info.start = monotonic_now();
    info.end = info.start + 4 * kNsPerMs;
    info.response_code = 200;
    info.bytes_sent = 1024;
  }
  Arena arena;
  http::HeaderMap request, response;
  format::ConnectionInfo connection;
  format::StreamInfo info;
};

void run(benchmark::State& state, format::FormatString format) {
  LogFiles files({.threads = 1, .max_pending_bytes = size_t{1} << 30});
  const AccessLog log({}, std::move(format), **files.open("/dev/null"));
  Request r;
  const auto one = [&] {
    r.info.start_wall += 10'000;
    log.log({&r.request, &r.response, nullptr, r.info, format::LogType::kDownstreamEnd}, 0);
  };
  for (int i = 0; i < 10'000; ++i) one();  // until buffers go around
  const uint64_t before = allocations.load();
  for (auto _ : state) one();
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(allocations.load() - before), benchmark::Counter::kAvgIterations);
}

void BM_DefaultLine(benchmark::State& state) {
  run(state, format::FormatString(*format::Formatter::compile(format::kDefaultLogFormat)));
}
BENCHMARK(BM_DefaultLine);

void BM_JsonLine(benchmark::State& state) {
  format::JsonFormatter json;
  const char* separator = "{";
  for (const char* operator_text :
       {"START_TIME", "REQ(:METHOD)", "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "PROTOCOL", "RESPONSE_CODE", "RESPONSE_FLAGS",
        "BYTES_RECEIVED", "BYTES_SENT", "DURATION", "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)", "REQ(X-FORWARDED-FOR)",
        "REQ(USER-AGENT)", "REQ(X-REQUEST-ID)", "REQ(:AUTHORITY)", "UPSTREAM_HOST"}) {
    json.add_text(std::exchange(separator, ","));
    json.add_string(operator_text);
    json.add_text(":");
    CHECK(json.add_format(std::string("%") + operator_text + "%"));
  }
  json.add_text("}\n");
  run(state, format::FormatString(std::move(json)));
}
BENCHMARK(BM_JsonLine);

}  // namespace
}  // namespace weir::observe

BENCHMARK_MAIN();
