#include "http/h2/frame_guard.h"

namespace weir::http::h2 {

std::string_view count_flood(Flood flood, Http2Stats& stats) {
  switch (flood) {
    case Flood::kEmptyFrames:
      stats.inbound_empty_frames_flood.add();
      return "Too many consecutive frames with an empty payload";
    case Flood::kPriority:
      stats.inbound_priority_frames_flood.add();
      return "Too many PRIORITY frames";
    case Flood::kWindowUpdate:
      stats.inbound_window_update_frames_flood.add();
      return "Too many WINDOW_UPDATE frames";
    case Flood::kOutbound:
      stats.outbound_flood.add();
      return "Too many frames in the outbound queue.";
    case Flood::kOutboundControl:
      stats.outbound_control_flood.add();
      return "Too many control frames in the outbound queue.";
    case Flood::kNone:
      break;
  }
  return {};
}

}  // namespace weir::http::h2
