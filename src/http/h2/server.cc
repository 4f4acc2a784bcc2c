// The server side of an HTTP/2 connection.
#include "http/h2/connection.h"

namespace weir::http {
namespace {

class Http2Server final : public ServerCodec, private h2::Connection {
 public:
  Http2Server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events, const Http2Options& options,
              const CodecLimits& limits, Http2Stats& stats)
      : Connection(Side::kServer, connection, options, limits, stats, loop), events_(events) {}

  void receive(std::string_view bytes) override { receive_bytes(bytes); }
  void receive_end() override {
    turn_ends();  // what was wrong with the last bytes comes before their end
    lost(Reset::kConnectionTermination, "");
  }
  void connection_lost() override { lost(Reset::kConnectionTermination, ""); }
  void announce_shutdown() override {
    if (dead()) return;
    nghttp2_submit_shutdown_notice(session());
    want_flush();
  }
  void goaway() override { say_goaway(); }
  size_t active_streams() const override { return active(); }
  bool wants_close() const override { return finished(); }
  void before_flush() override { turn_ends(); }
  void on_drained() override { drained(); }
  Protocol protocol() const override { return Protocol::kHttp2; }

 private:
  StreamEvents& begin_request(h2::H2Stream& stream) override { return events_.on_new_stream(stream); }
  void goaway_received() override { events_.on_goaway(); }
  void protocol_error(const ProtocolError& error) override { events_.on_protocol_error(error); }
  void silence(bool active) override { events_.on_silence(active); }

  ServerEvents& events_;
};

}  // namespace

std::unique_ptr<ServerCodec> make_http2_server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events,
                                               const Http2Options& options, const CodecLimits& limits, Http2Stats& stats) {
  return std::make_unique<Http2Server>(connection, loop, events, options, limits, stats);
}

}  // namespace weir::http
