// What reading the head of an HTTP/1 request costs.
#include <benchmark/benchmark.h>

#include <string_view>

#include "http/h1/head.h"

namespace weir::http::h1 {
namespace {

constexpr std::string_view kSmall = "GET /hello HTTP/1.1\r\nHost: example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /assets/app.js?v=17 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua: \"Not_A Brand\";v=\"8\", \"Chromium\";v=\"120\"\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nSec-Fetch-Site: "
    "same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\nReferer: https://www.example.com/index.html\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef; "
    "theme=dark\r\n\r\n";

void read(benchmark::State& state, std::string_view head) {
  const Http1Options options;
  const CodecLimits limits;
  Http1Stats stats;
  Arena arena;
  HeaderMap headers(arena);
  for (auto _ : state) {
    HeadFacts facts;
    const auto error = parse_request_head(copy_head(headers, head), head.size(), headers, facts, options, limits, stats);
    benchmark::DoNotOptimize(error);
    headers.clear();
    arena.reset();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(head.size()));
}

void BM_Small(benchmark::State& state) { read(state, kSmall); }
void BM_Browser(benchmark::State& state) { read(state, kBrowser); }
BENCHMARK(BM_Small);
BENCHMARK(BM_Browser);

}  // namespace
}  // namespace weir::http::h1

BENCHMARK_MAIN();
