// Connection: what the two sides of an HTTP/2 connection share: the nghttp2 session, its streams, what goes out and who is told.
#pragma once

#include <nghttp2/nghttp2.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/list.h"
#include "http/codec.h"
#include "http/h2/closed_streams.h"
#include "http/h2/frame_guard.h"
#include "http/h2/frame_scanner.h"
#include "http/h2/h2_stream.h"
#include "http/h2/headers.h"
#include "http/h2/keepalive.h"

namespace weir::http::h2 {

/// Everything that goes out is gathered in nghttp2 and turned into frames once, before the turn's flush. (Only big pieces of a
/// body become frames at once, which saves copying them twice.)
///
/// Must not be destroyed from inside one of its own calls.
class Connection : private KeepaliveUser {
 public:
  enum class Side : uint8_t { kServer, kClient };

  Connection(Side side, net::ByteStream& bytes, const Http2Options& options, const CodecLimits& limits, Http2Stats& stats,
             loop::EventLoop& loop);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- from the owner of the connection ---
  void receive_bytes(std::string_view bytes);
  void turn_ends();
  void drained();
  /// Resets all streams; the connection is of no use any more.
  void lost(Reset reason, std::string_view details);
  size_t active() const { return active_; }

  /// Client: a stream for a new request.
  H2Stream& open_stream(StreamEvents& events);
  /// Server: the final GOAWAY, which names the last stream.
  void say_goaway();

  // --- from streams ---
  void submit_head(H2Stream& stream, const HeaderMap& headers, bool end_stream);
  void submit_informational(H2Stream& stream, const HeaderMap& headers);
  void submit_trailers(H2Stream& stream, const nghttp2_nv* fields, size_t count);
  void submit_metadata(H2Stream& stream, std::string_view block);
  /// The user gave the stream up.
  void give_up(H2Stream& stream, Reset reason);
  void wake(H2Stream& stream);
  /// Turns what waits into frames now, if nghttp2 can (it cannot while it works on received bytes).
  void send_now();
  void signal(H2Stream& stream);
  void consumed(int32_t id, size_t bytes);
  /// The same for the last bytes of a stream that are being received: only the connection's window needs them back.
  void consumed_at_end(size_t bytes) { unreturned_ += bytes; }
  /// Asks for turn_ends() to be called. It need not be called again for what comes up while it runs.
  void want_flush() {
    if (!turn_ending_) bytes_.want_flush();
  }

  net::ByteStream& bytes() { return bytes_; }
  loop::EventLoop& loop() { return loop_; }
  Http2Stats& stats() { return stats_; }
  bool receiving() const { return receiving_; }
  bool dead() const { return dead_; }

 protected:
  friend class Callbacks;

  static constexpr std::string_view kMessagingRule = "http2.violation.of.messaging.rule";
  static constexpr std::string_view kRemoteReset = "http2.remote_reset";
  static constexpr std::string_view kEmptyFramesFlood = "http2.inbound_empty_frames_flood";

  struct Failure {
    std::string message;
    uint32_t code;
    bool flood = false;
  };

  /// Server: a request begins.
  virtual StreamEvents& begin_request(H2Stream& stream);
  virtual void goaway_received() = 0;
  virtual void settings_received() {}
  /// A stream has gone: the user knows.
  virtual void stream_gone() {}
  virtual void protocol_error(const ProtocolError& error) = 0;
  /// The peer did not answer in time.
  virtual void silence(bool active) = 0;

  /// Whether nothing is under way any more but ends of streams that the user has yet to hear of.
  bool only_ends_left();
  H2Stream& take_stream();
  nghttp2_session* session() { return session_; }
  bool server() const { return side_ == Side::kServer; }
  bool goaway_sent() const { return goaway_sent_; }
  bool finished() const;

  const Http2Options options_;

 private:
  void start();
  void send_ping() override;
  void on_silence() override;
  ssize_t feed(std::string_view bytes);
  ssize_t feed_checked(std::string_view bytes);
  void pump();
  bool deliver_signals();
  void deliver_signal(H2Stream& stream);
  void closed_by_session(H2Stream& stream, uint32_t error_code);
  void reset_later(H2Stream& stream, Reset reason, std::string_view details);
  /// The user will hear nothing more about the stream.
  void detach(H2Stream& stream);
  void retire(H2Stream& stream);
  void reuse_retired();
  void flood(Flood flood, H2Stream* stream = nullptr);
  void queue_metadata(int32_t id, std::string_view block);
  void fail();
  void reset_all(Reset reason, std::string_view details);
  uint32_t reset_code(Reset reason) const;
  void deliver_held(bool end_stream);
  void update_gauges(bool stuck);

  const Side side_;
  net::ByteStream& bytes_;
  Http2Stats& stats_;
  loop::EventLoop& loop_;
  BlockReader reader_;
  FrameGuard guard_;
  ClosedStreams closed_;
  FrameScanner scanner_;
  nghttp2_session* session_ = nullptr;
  std::unique_ptr<Keepalive> keepalive_;

  List<H2Stream, ByState> streams_;  // open, detached or closed
  List<H2Stream, ByState> retired_;  // may still be on the call stack
  List<H2Stream, ByState> free_;
  size_t free_count_ = 0;
  List<H2Stream, BySignal> signals_;
  size_t active_ = 0;
  size_t gone_ = 0;  // streams whose end is still to be told with stream_gone()

  H2Stream* recent_ = nullptr;        // the last one that nghttp2 was asked for; known to it
  H2Stream* block_stream_ = nullptr;  // whose header block is being received
  size_t block_bytes_ = 0;            // of its frames
  H2Stream* held_stream_ = nullptr;   // whose bytes are held back until it is known whether they are the last
  std::string_view held_;

  std::unique_ptr<std::list<std::string>> metadata_out_;  // payloads of frames that nghttp2 has in its queue, in order

  std::optional<Failure> failure_;
  std::string failure_details_;
  bool receiving_ = false;
  size_t unreturned_ = 0;  // bytes that receive_bytes() gives back to the connection's window
  bool sending_ = false;
  bool delivering_ = false;
  bool turn_ending_ = false;
  bool drained_meanwhile_ = false;
  bool dead_ = false;
  bool goaway_sent_ = false;
  bool goaway_refused_ = false;  // in the bytes being received streams of ours end because of a GOAWAY, or after one
  bool reset_came_ = false;      // the last frame was the RST_STREAM of a stream whose user does not know it yet
  bool requests_begun_ = false;  // client
  uint32_t counted_frames_ = 0, counted_control_frames_ = 0;
};

}  // namespace weir::http::h2
