// Durations of the configuration as whole milliseconds.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <cstdint>

namespace weir::config {

/// Rounded down, as Envoy does; a positive duration is never rounded to 0, which often means "off".
inline int64_t milliseconds(const google::protobuf::Duration& duration) {
  const int64_t ms = duration.seconds() * 1000 + duration.nanos() / 1'000'000;
  return ms == 0 && duration.nanos() > 0 ? 1 : ms;
}

}  // namespace weir::config
