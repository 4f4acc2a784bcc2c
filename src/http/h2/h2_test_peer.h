// For tests: users of both ends of an HTTP/2 connection, and the wire between them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "http/codec.h"
#include "net/memory_stream.h"

namespace weir::http::h2 {

/// One message in one direction and what became of its stream.
class TestStream : public StreamEvents {
 public:
  HeaderMap& incoming_headers() override { return headers; }
  HeaderMap& incoming_trailers() override { return trailers; }
  void on_headers(bool end_stream) override {
    ++heads;
    ended |= end_stream;
  }
  void on_informational() override { informational.push_back(headers.status()); }
  void on_body(std::string_view bytes, bool end_stream) override {
    body += bytes;
    ++pieces;
    ended |= end_stream;
    if (pause_after != 0 && body.size() >= pause_after) stream->pause();
    if (reset_after != 0 && body.size() >= reset_after) stream->reset(Reset::kLocal);
  }
  void on_trailers() override {
    got_trailers = true;
    ended = true;
  }
  void on_metadata(std::string_view block) override { metadata.emplace_back(block); }
  void on_reset(Reset reason, std::string_view details) override {
    was_reset = true;
    reset = reason;
    reset_details = details;
    stream = nullptr;
  }
  void on_room() override { ++rooms; }
  void on_complete() override {
    complete = true;
    stream = nullptr;
  }

  Arena arena;
  HeaderMap headers{arena}, trailers{arena}, outgoing{arena}, outgoing_trailers{arena};
  Stream* stream = nullptr;
  std::string body;
  int heads = 0, pieces = 0, rooms = 0;
  std::vector<int> informational;
  std::vector<std::string> metadata;
  bool ended = false, got_trailers = false, complete = false, was_reset = false;
  Reset reset = Reset::kLocal;
  std::string reset_details;
  size_t pause_after = 0, reset_after = 0;
};

/// Keeps every stream of a server.
class TestServer : public ServerEvents, public net::ByteStream::Handler {
 public:
  explicit TestServer(loop::EventLoop& loop, const Http2Options& options = {}, const CodecLimits& limits = {}) : wire(loop) {
    wire.set_handler(*this);
    wire.start();
    codec = make_http2_server(wire, loop, *this, options, limits, stats);
  }
  StreamEvents& on_new_stream(Stream& stream) override {
    streams.push_back(std::make_unique<TestStream>());
    streams.back()->stream = &stream;
    streams.back()->pause_after = pause_after;
    return *streams.back();
  }
  void on_protocol_error(const ProtocolError& error) override { protocol_error = error.message; }
  void on_goaway() override { goaway = true; }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(); }
  void on_drained() override { codec->on_drained(); }
  void before_flush() override {
    ++flushes;
    codec->before_flush();
  }

  void answer(size_t index, std::string_view body, int status = 200) {
    TestStream& to = *streams[index];
    to.outgoing.set_status(status);
    to.stream->send_headers(to.outgoing, body.empty());
    if (!body.empty()) to.stream->send_body(body, true);
  }

  net::MemoryStream wire;
  Http2Stats stats;
  std::unique_ptr<ServerCodec> codec;
  std::vector<std::unique_ptr<TestStream>> streams;
  std::string protocol_error;
  bool goaway = false;
  int flushes = 0;
  size_t pause_after = 0;
};

class TestClient : public ClientEvents, public net::ByteStream::Handler {
 public:
  explicit TestClient(loop::EventLoop& loop, const Http2Options& options = {}, const CodecLimits& limits = {}) : wire(loop) {
    wire.set_handler(*this);
    wire.start();
    codec = make_http2_client(wire, loop, *this, options, limits, stats);
  }
  void on_stream_closed() override { ++closed; }
  void on_goaway() override { goaway = true; }
  void on_protocol_error(const ProtocolError& error) override { protocol_error = error.message; }
  void on_max_streams(uint32_t count) override { max_streams = count; }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(Reset::kConnectionTermination, ""); }
  void on_drained() override { codec->on_drained(); }
  void before_flush() override {
    ++flushes;
    codec->before_flush();
  }

  TestStream& open() {
    streams.push_back(std::make_unique<TestStream>());
    TestStream& opened = *streams.back();
    opened.stream = &codec->open(opened);
    opened.outgoing.set_pseudo(HeaderId::kMethod, "GET");
    opened.outgoing.set_pseudo(HeaderId::kScheme, "http");
    opened.outgoing.set_pseudo(HeaderId::kAuthority, "example.com");
    opened.outgoing.set_pseudo(HeaderId::kPath, "/");
    return opened;
  }
  TestStream& get(std::string_view path = "/") {
    TestStream& opened = open();
    opened.outgoing.set_pseudo(HeaderId::kPath, path);
    opened.stream->send_headers(opened.outgoing, true);
    return opened;
  }
  TestStream& post(std::string_view body, bool end_stream = true) {
    TestStream& opened = open();
    opened.outgoing.set_pseudo(HeaderId::kMethod, "POST");
    opened.stream->send_headers(opened.outgoing, false);
    if (!body.empty()) opened.stream->send_body(body, end_stream);
    return opened;
  }

  net::MemoryStream wire;
  Http2Stats stats;
  std::unique_ptr<ClientCodec> codec;
  std::vector<std::unique_ptr<TestStream>> streams;
  std::string protocol_error;
  int closed = 0;
  uint32_t max_streams = 0;
  bool goaway = false;
  int flushes = 0;
};

/// Carries bytes both ways, and lets the loop turn, until nothing moves any more.
inline void shuttle(loop::EventLoop& loop, TestClient& client, TestServer& server) {
  for (int still = 0; still < 3;) {
    loop.turn(0);
    const std::string up = client.wire.take_sent();
    if (!up.empty()) server.wire.deliver(up);
    const std::string down = server.wire.take_sent();
    if (!down.empty()) client.wire.deliver(down);
    still = up.empty() && down.empty() ? still + 1 : 0;
  }
}

}  // namespace weir::http::h2
