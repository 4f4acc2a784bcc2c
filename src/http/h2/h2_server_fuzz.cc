// Fuzz target: an HTTP/2 server whose peer sends anything at all.
#include <memory>
#include <vector>

#include "http/codec.h"
#include "http/h2/h2_fuzz_user.h"
#include "net/memory_stream.h"

namespace weir::http::h2 {
namespace {

class Server final : public ServerEvents, public net::ByteStream::Handler {
 public:
  Server(loop::EventLoop& loop, Script& script, const Http2Options& options) : wire(loop), script_(script) {
    wire.set_handler(*this);
    wire.start();
    codec = make_http2_server(wire, loop, *this, options, {}, stats);
  }
  StreamEvents& on_new_stream(Stream& stream) override {
    CHECK(!ended);
    users.push_back(std::make_unique<FuzzUser>(script_, true));
    users.back()->attach(stream);
    return *users.back();
  }
  void on_protocol_error(const ProtocolError&) override { ended = true; }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(); }
  void on_drained() override { codec->on_drained(); }
  void before_flush() override { codec->before_flush(); }

  net::MemoryStream wire;
  Http2Stats stats;
  std::unique_ptr<ServerCodec> codec;
  std::vector<std::unique_ptr<FuzzUser>> users;
  bool ended = false;

 private:
  Script& script_;
};

void run(Script& script) {
  loop::EventLoop loop(1);
  const uint8_t choices = script.next();
  Http2Options options;
  options.override_stream_error_on_invalid_http_message = choices & 1;
  options.allow_connect = choices & 2;
  if (choices & 4) options.initial_stream_window_size = options.initial_connection_window_size = 65535;
  Server server(loop, script, options);
  if (choices & 8) server.wire.set_buffer_limit(4096);
  if (choices & 16) server.wire.deliver("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

  while (!script.done()) {
    const uint8_t step = script.next();
    if (step < 192) {
      server.wire.deliver(script.take(step + 1));
    } else if (step < 240 && !server.users.empty()) {
      server.users[step % server.users.size()]->act(script.next());
    } else if (step == 255) {
      server.codec->announce_shutdown();
    } else if (step == 254) {
      server.codec->goaway();
    } else if (step == 253) {
      server.wire.set_blocked(script.next() & 1);
    } else {
      loop.turn(0);
      server.wire.take_sent();
    }
  }
  loop.turn(0);
  server.wire.take_sent();
  server.codec->connection_lost();
  for (const auto& user : server.users) CHECK(!user->open());
  CHECK(server.codec->active_streams() == 0);
}

}  // namespace
}  // namespace weir::http::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::http::h2::Script script(data, size);
  weir::http::h2::run(script);
  return 0;
}
