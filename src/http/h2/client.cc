// The client side of an HTTP/2 connection.
#include <algorithm>

#include "http/h2/connection.h"

namespace weir::http {
namespace {

class Http2Client final : public ClientCodec, private h2::Connection {
 public:
  Http2Client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events, const Http2Options& options,
              const CodecLimits& limits, Http2Stats& stats)
      : Connection(Side::kClient, connection, options, limits, stats, loop),
        events_(events),
        max_streams_(options.max_concurrent_streams) {}

  Stream& open(StreamEvents& events) override { return open_stream(events); }
  void receive(std::string_view bytes) override { receive_bytes(bytes); }
  void receive_end() override {
    turn_ends();  // what was wrong with the last bytes comes before their end
    lost(Reset::kConnectionTermination, "");
  }
  void connection_lost(Reset reason, std::string_view details) override { lost(reason, details); }
  size_t active_streams() const override { return active(); }
  size_t free_streams() const override {
    if (dead() || going_away_ || active() >= max_streams_) return 0;
    return max_streams_ - active();
  }
  void before_flush() override { turn_ends(); }
  void on_drained() override { drained(); }
  Protocol protocol() const override { return Protocol::kHttp2; }

 private:
  void goaway_received() override {
    if (std::exchange(going_away_, true)) return;
    goaway_waits_ = only_ends_left();  // what came before it in the same bytes is told before it
    if (!goaway_waits_) events_.on_goaway();
  }
  void settings_received() override {
    const uint32_t theirs = nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const uint32_t streams = std::min(theirs, options_.max_concurrent_streams);
    if (streams != std::exchange(max_streams_, streams)) events_.on_max_streams(streams);
  }
  void stream_gone() override {
    events_.on_stream_closed();
    if (!dead() && active() == 0 && std::exchange(goaway_waits_, false)) events_.on_goaway();
  }
  void protocol_error(const ProtocolError& error) override { events_.on_protocol_error(error); }
  void silence(bool active) override { events_.on_silence(active); }

  ClientEvents& events_;
  uint32_t max_streams_;
  bool going_away_ = false, goaway_waits_ = false;
};

}  // namespace

std::unique_ptr<ClientCodec> make_http2_client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events,
                                               const Http2Options& options, const CodecLimits& limits, Http2Stats& stats) {
  return std::make_unique<Http2Client>(connection, loop, events, options, limits, stats);
}

}  // namespace weir::http
