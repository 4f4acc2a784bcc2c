// Fuzzes both sides of HTTP/1: any bytes, cut anywhere, must leave the codec able to be destroyed, with every exchange ended
// once.
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/codec.h"
#include "net/memory_stream.h"

namespace {

using namespace weir;

struct Exchange final : http::StreamEvents {
  http::HeaderMap& incoming_headers() override { return headers; }
  http::HeaderMap& incoming_trailers() override { return trailers; }
  void on_headers(bool end) override {
    CHECK(!ended && !over);
    ended = end;
    respond();
  }
  void on_body(std::string_view bytes, bool end) override {
    CHECK(!ended && !over);
    size += bytes.size();
    ended = end;
  }
  void on_trailers() override {
    CHECK(!ended && !over);
    ended = true;
  }
  void on_reset(http::Reset, std::string_view) override {
    CHECK(!over);
    over = true;
  }
  void on_malformed(const http::ProtocolError&) override {
    CHECK(!over);
    if (stream != nullptr) stream->reset(http::Reset::kLocal);
    over = true;
  }
  void on_complete() override {
    CHECK(!over);
    over = true;
  }
  void respond() {
    if (stream == nullptr || responded) return;
    responded = true;
    http::HeaderMap response(arena);
    response.set_status(200);
    stream->send_headers(response, false);
    stream->send_body("x", true);
  }

  Arena arena;
  http::HeaderMap headers{arena}, trailers{arena};
  http::Stream* stream = nullptr;
  size_t size = 0;
  bool ended = false, over = false, responded = false;
};

struct ServerSide final : http::ServerEvents, net::ByteStream::Handler {
  http::StreamEvents& on_new_stream(http::Stream& stream) override {
    exchanges.push_back(std::make_unique<Exchange>());
    exchanges.back()->stream = &stream;
    return *exchanges.back();
  }
  void on_protocol_error(const http::ProtocolError&) override {}
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override {}
  void before_flush() override { codec->before_flush(); }
  std::unique_ptr<http::ServerCodec> codec;
  std::vector<std::unique_ptr<Exchange>> exchanges;
};

struct ClientSide final : http::ClientEvents, net::ByteStream::Handler {
  void on_stream_closed() override {}
  void on_goaway() override {}
  void on_protocol_error(const http::ProtocolError&) override {}
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override {}
  void before_flush() override { codec->before_flush(); }
  std::unique_ptr<http::ClientCodec> codec;
  Exchange exchange;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  loop::EventLoop loop(1);
  net::MemoryStream connection(loop);
  const http::Http1Options options{.accept_http_10 = (data[0] & 1) != 0, .enable_trailers = (data[0] & 2) != 0};
  const http::CodecLimits limits;
  http::Http1Stats stats;
  const size_t piece = data[1] == 0 ? size : data[1];
  const bool client = (data[0] & 4) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  ServerSide server;
  ClientSide peer;
  if (client) {
    connection.set_handler(peer);
    peer.codec = http::make_http1_client(connection, loop, peer, options, limits, stats);
    http::Stream& stream = peer.codec->open(peer.exchange);
    http::HeaderMap request(peer.exchange.arena);
    request.set_pseudo(http::HeaderId::kMethod, (data[0] & 8) ? "HEAD" : "GET");
    request.set_pseudo(http::HeaderId::kPath, "/");
    request.set_pseudo(http::HeaderId::kAuthority, "a");
    stream.send_headers(request, true);
  } else {
    connection.set_handler(server);
    server.codec = http::make_http1_server(connection, loop, server, options, limits, stats);
  }
  connection.start();
  for (size_t at = 0; at < bytes.size(); at += piece) {
    connection.deliver(bytes.substr(at, piece));
    connection.take_sent();
    loop.turn(0);
  }
  connection.deliver_end();
  connection.take_sent();
  for (auto& exchange : server.exchanges) CHECK(exchange->over);
  connection.close();
  return 0;
}
