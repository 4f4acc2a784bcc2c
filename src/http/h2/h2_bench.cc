// What a request costs on both sides of an HTTP/2 connection in memory, without system calls.
#include <benchmark/benchmark.h>

#include "http/h2/h2_test_peer.h"

namespace weir::http::h2 {
namespace {

class Quiet : public StreamEvents {
 public:
  HeaderMap& incoming_headers() override { return headers; }
  HeaderMap& incoming_trailers() override { return headers; }
  void on_headers(bool) override {}
  void on_body(std::string_view, bool) override {}
  void on_trailers() override {}
  void on_reset(Reset, std::string_view) override { check_failed("no reset", __FILE__, __LINE__); }
  void on_complete() override {
    headers.clear();
    arena.reset();
  }
  Arena arena;
  HeaderMap headers{arena};
  Stream* stream = nullptr;
};

class Server : public ServerEvents, public net::ByteStream::Handler {
 public:
  explicit Server(loop::EventLoop& loop) : wire(loop) {
    wire.set_handler(*this);
    wire.start();
    codec = make_http2_server(wire, loop, *this, {}, {}, stats);
    for (auto& stream : streams) stream = std::make_unique<Quiet>();
  }
  StreamEvents& on_new_stream(Stream& stream) override {
    Quiet& next = *streams[count++];
    next.stream = &stream;
    return next;
  }
  void on_protocol_error(const ProtocolError&) override { check_failed("no error", __FILE__, __LINE__); }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override {}
  void on_failure(const net::StreamFailure&) override {}
  void on_drained() override { codec->on_drained(); }
  void before_flush() override { codec->before_flush(); }

  net::MemoryStream wire;
  Http2Stats stats;
  std::unique_ptr<ServerCodec> codec;
  std::unique_ptr<Quiet> streams[64];
  size_t count = 0;
};

void add_request(HeaderMap& headers) {
  headers.set_pseudo(HeaderId::kMethod, "GET");
  headers.set_pseudo(HeaderId::kScheme, "http");
  headers.set_pseudo(HeaderId::kAuthority, "127.0.0.1:10000");
  headers.set_pseudo(HeaderId::kPath, "/1k");
  headers.add(HeaderId::kUserAgent, "h2load nghttp2/1.52.0");
  headers.add(HeaderId::kForwardedProto, "http");
  headers.add(HeaderId::kRequestId, "4f8a3a2e-7c1b-9d55-8f10-0a2b3c4d5e6f");
  headers.add(HeaderId::kEnvoyExpectedTimeoutMs, "15000");
}

void add_response(HeaderMap& headers, size_t length) {
  headers.set_status(200);
  headers.add(HeaderId::kServer, "envoy");
  headers.add(HeaderId::kDate, "Wed, 25 Nov 2026 19:00:00 GMT");
  headers.add(HeaderId::kContentType, "text/plain");
  headers.add(HeaderId::kContentLength, headers.arena().copy(std::to_string(length)));
  headers.add(HeaderId::kEnvoyUpstreamServiceTime, "1");
}

void BM_Exchange(benchmark::State& state) {
  const size_t batch = state.range(0);
  const std::string body(state.range(1), 'x');
  loop::EventLoop loop(1);
  Server server(loop);
  TestClient client(loop);
  Arena arena;
  HeaderMap request(arena), response(arena);
  add_request(request);
  add_response(response, body.size());
  std::vector<std::unique_ptr<Quiet>> ours;
  for (size_t i = 0; i < batch; ++i) ours.push_back(std::make_unique<Quiet>());

  for (auto _ : state) {
    server.count = 0;
    for (auto& stream : ours) client.codec->open(*stream).send_headers(request, true);
    server.wire.deliver(client.wire.take_sent());
    for (size_t i = 0; i < server.count; ++i) {
      server.streams[i]->stream->send_headers(response, false);
      server.streams[i]->stream->send_body(body, true);
    }
    client.wire.deliver(server.wire.take_sent());
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_Exchange)->Args({1, 1024})->Args({16, 1024})->Args({1, 65536});

}  // namespace
}  // namespace weir::http::h2

BENCHMARK_MAIN();
