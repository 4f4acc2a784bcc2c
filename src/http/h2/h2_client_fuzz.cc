// Fuzz target: an HTTP/2 client whose server sends anything at all.
#include <memory>
#include <vector>

#include "http/codec.h"
#include "http/h2/h2_fuzz_user.h"
#include "net/memory_stream.h"

namespace weir::http::h2 {
namespace {

class Client final : public ClientEvents, public net::ByteStream::Handler {
 public:
  Client(loop::EventLoop& loop, const Http2Options& options) : wire(loop) {
    wire.set_handler(*this);
    wire.start();
    codec = make_http2_client(wire, loop, *this, options, {}, stats);
  }
  void on_stream_closed() override { ++closed; }
  void on_goaway() override { CHECK(codec->free_streams() == 0); }
  void on_protocol_error(const ProtocolError&) override { CHECK(codec->active_streams() == 0); }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(Reset::kConnectionTermination, ""); }
  void on_drained() override { codec->on_drained(); }
  void before_flush() override { codec->before_flush(); }

  net::MemoryStream wire;
  Http2Stats stats;
  std::unique_ptr<ClientCodec> codec;
  size_t closed = 0;
};

void run(Script& script) {
  loop::EventLoop loop(1);
  const uint8_t choices = script.next();
  Http2Options options;
  options.override_stream_error_on_invalid_http_message = choices & 1;
  if (choices & 4) options.initial_stream_window_size = options.initial_connection_window_size = 65535;
  Client client(loop, options);
  std::vector<std::unique_ptr<FuzzUser>> users;
  const auto open = [&] {
    if (client.codec->free_streams() == 0 || users.size() == 100) return;
    users.push_back(std::make_unique<FuzzUser>(script, false));
    users.back()->attach(client.codec->open(*users.back()));
    const uint8_t how = script.next();
    if (how & 1) users.back()->send_head(how & 2);
  };
  open();
  open();
  if (choices & 8) client.wire.set_buffer_limit(4096);
  if (choices & 16) client.wire.deliver(std::string_view("\0\0\0\4\0\0\0\0\0", 9));

  while (!script.done()) {
    const uint8_t step = script.next();
    if (step < 192) {
      client.wire.deliver(script.take(step + 1));
    } else if (step < 240 && !users.empty()) {
      users[step % users.size()]->act(script.next());
    } else if (step == 253) {
      client.wire.set_blocked(script.next() & 1);
    } else if (step == 252) {
      open();
    } else {
      loop.turn(0);
      client.wire.take_sent();
    }
  }
  loop.turn(0);
  client.wire.take_sent();
  client.codec->connection_lost(Reset::kConnectionTermination, "");
  for (const auto& user : users) CHECK(!user->open());
  CHECK(client.codec->active_streams() == 0);
  CHECK(client.closed <= users.size());
}

}  // namespace
}  // namespace weir::http::h2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::http::h2::Script script(data, size);
  weir::http::h2::run(script);
  return 0;
}
