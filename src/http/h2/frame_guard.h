// FrameGuard: counts the frames of one HTTP/2 connection, so that a peer cannot keep us busy or make us remember without end.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/codec.h"

namespace weir::http::h2 {

/// A limit of Http2Options that was passed.
enum class Flood : uint8_t { kNone, kEmptyFrames, kPriority, kWindowUpdate, kOutbound, kOutboundControl };

/// The counts and limits are Envoy's (Http2ProtocolOptions).
class FrameGuard {
 public:
  explicit FrameGuard(const Http2Options& options) : options_(options) {}

  void stream_opened() { ++streams_; }
  /// A frame of DATA, HEADERS or CONTINUATION came; `payload` is its length without padding.
  Flood received_payload(size_t payload, bool end_stream) {
    if (payload != 0 || end_stream) {
      empty_ = 0;
      return Flood::kNone;
    }
    return ++empty_ > options_.max_consecutive_inbound_frames_with_empty_payload ? Flood::kEmptyFrames : Flood::kNone;
  }
  Flood received_priority() {
    const uint64_t limit = uint64_t{options_.max_inbound_priority_frames_per_stream} * (1 + streams_);
    return ++priority_ > limit ? Flood::kPriority : Flood::kNone;
  }
  Flood received_window_update() {
    const uint64_t limit = 5 + 2 * (streams_ + options_.max_inbound_window_update_frames_per_data_frame_sent * data_sent_);
    return ++window_update_ > limit ? Flood::kWindowUpdate : Flood::kNone;
  }

  /// A frame was put into the connection's queue. `control`: SETTINGS, PING or RST_STREAM.
  Flood sent(bool data, bool control) {
    data_sent_ += data;
    ++queued_;
    queued_control_ += control;
    if (queued_control_ > options_.max_outbound_control_frames) return Flood::kOutboundControl;
    return queued_ > options_.max_outbound_frames ? Flood::kOutbound : Flood::kNone;
  }
  /// The connection's queue is empty: the peer does read.
  void written() { queued_ = queued_control_ = 0; }
  uint32_t queued() const { return queued_; }
  uint32_t queued_control() const { return queued_control_; }

 private:
  const Http2Options options_;
  uint64_t streams_ = 0, priority_ = 0, window_update_ = 0, data_sent_ = 0;
  uint32_t empty_ = 0, queued_ = 0, queued_control_ = 0;
};

/// Adds to the counter that belongs to `flood`; returns Envoy's words for it.
std::string_view count_flood(Flood flood, Http2Stats& stats);
/// Whether the message of a ProtocolError are such words. A flood is counted as itself, and not as an error, too.
bool is_flood(std::string_view message);

}  // namespace weir::http::h2
