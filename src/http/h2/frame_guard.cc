#include "http/h2/frame_guard.h"

#include <algorithm>

namespace weir::http::h2 {

namespace {

struct Kind {
  Flood flood;
  stats::Counter Http2Stats::*counter;
  std::string_view words;
};

constexpr Kind kKinds[] = {
    {Flood::kEmptyFrames, &Http2Stats::inbound_empty_frames_flood, "Too many consecutive frames with an empty payload"},
    {Flood::kPriority, &Http2Stats::inbound_priority_frames_flood, "Too many PRIORITY frames"},
    {Flood::kWindowUpdate, &Http2Stats::inbound_window_update_frames_flood, "Too many WINDOW_UPDATE frames"},
    {Flood::kOutbound, &Http2Stats::outbound_flood, "Too many frames in the outbound queue."},
    {Flood::kOutboundControl, &Http2Stats::outbound_control_flood, "Too many control frames in the outbound queue."},
};

}  // namespace

std::string_view count_flood(Flood flood, Http2Stats& stats) {
  const Kind* kind = std::ranges::find(kKinds, flood, &Kind::flood);
  if (kind == std::end(kKinds)) return {};
  (stats.*kind->counter).add();
  return kind->words;
}

bool is_flood(std::string_view message) { return std::ranges::find(kKinds, message, &Kind::words) != std::end(kKinds); }

}  // namespace weir::http::h2
