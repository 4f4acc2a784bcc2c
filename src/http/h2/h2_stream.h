// H2Stream: one stream of an HTTP/2 connection, between its user and nghttp2.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/byte_queue.h"
#include "base/list.h"
#include "http/h2/headers.h"
#include "http/h2/metadata.h"
#include "http/stream.h"
#include "loop/event_loop.h"

namespace weir::http::h2 {

class Connection;
/// Tags of the two lists a stream can be in.
struct ByState;
struct BySignal;

/// States: open (user and nghttp2 know it) → detached (the user has reset it, nghttp2 not yet) or closed (nghttp2 is through, the
/// user is still to be told, or has body to take) → retired (nobody knows it; used again later).
///
/// What the user is told after the fact (reset, complete, room) is a signal: it is noted and delivered by the connection when no
/// call to the stream can be under way.
class H2Stream final : public Stream, public loop::NextTurn, public ListNode<ByState>, public ListNode<BySignal> {
 public:
  explicit H2Stream(Connection& connection);

  // --- Stream ---
  void send_headers(const HeaderMap& headers, bool end_stream) override;
  void send_informational(const HeaderMap& headers) override;
  void send_body(std::string_view bytes, bool end_stream) override;
  void send_trailers(const HeaderMap& trailers) override;
  void send_metadata(std::string_view block) override;
  void reset(Reset reason) override;
  void pause() override { paused_ = true; }
  void resume() override;
  bool over_limit() override;
  Protocol protocol() const override { return Protocol::kHttp2; }

 private:
  friend class Connection;
  friend class Callbacks;

  void begin(int32_t id, StreamEvents* events);
  /// Forgets everything; the stream may be used again.
  void recycle();

  // --- body out: called by nghttp2 when the windows allow a frame ---
  /// How many bytes (at most `most`) the next DATA frame holds; NGHTTP2_ERR_DEFERRED if there is nothing to send yet.
  ssize_t next_data(size_t most, uint32_t* flags);
  /// Moves the next `size` bytes of the body into `out`.
  void take_data(size_t size, ByteQueue& out);
  /// Tells nghttp2 that there is something to send again.
  void wake();
  bool has_data() const { return !outbox_.empty() || !direct_.empty(); }

  // --- what came in ---
  void receive_body(std::string_view bytes, bool end_stream);
  void receive_trailers();
  StreamMetadata& metadata();
  void on_next_turn() override;
  bool anything_to_deliver() const { return !inbox_.empty() || end_waiting_ || trailers_waiting_; }

  Connection& connection_;
  StreamEvents* events_ = nullptr;  // null once the user is not to be told anything any more
  int32_t id_ = 0;                  // 0: nghttp2 does not know the stream yet, or not any more
  ByteQueue outbox_;                // body that waits for the windows
  ByteQueue inbox_;                 // body that came while paused; not consumed, so bounded by the window
  std::string_view direct_;         // the bytes of the send_body() under way
  std::vector<nghttp2_nv> trailers_;
  BodyLength body_length_;  // of the message that comes in
  std::unique_ptr<StreamMetadata> metadata_;

  bool in_session_ = false;  // nghttp2 knows the stream
  bool closed_ = false;      // nghttp2 is through with it, without an error
  bool head_sent_ = false;   // the first HEADERS frame went out
  bool asleep_ = false;      // nghttp2 waits for wake()
  bool body_ended_ = false;  // the user gave the last of the body
  bool trailers_pending_ = false;
  bool local_ended_ = false;    // END_STREAM was sent
  bool remote_ended_ = false;   // END_STREAM was received
  bool answered_ = false;       // client: the final response head was received
  bool reset_by_peer_ = false;  // by RST_STREAM
  bool paused_ = false;
  bool delivering_ = false;  // from the inbox
  bool end_waiting_ = false;
  bool trailers_waiting_ = false;
  bool wants_room_ = false;
  bool extended_connect_ = false;
  std::string_view upgrade_;  // client: what an extended CONNECT asked for

  // --- signals ---
  bool room_signal_ = false;
  bool complete_signal_ = false;
  bool reset_signal_ = false;
  Reset reset_reason_ = Reset::kRemote;
  std::string_view reset_details_;
};

}  // namespace weir::http::h2
