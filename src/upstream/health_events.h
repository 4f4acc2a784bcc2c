// Health events: what active checks and outlier detection write into their logs, one JSON object a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "upstream/endpoint.h"
#include "upstream/health_spec.h"

namespace weir::upstream {

enum class CheckFailure : uint8_t;

/// envoy.data.core.v3.HealthCheckEvent: one of its events as JSON, `"add_healthy_event":{"first_check":true}`.
struct HealthEvent {
  enum class Place : uint8_t { kBeforeTime, kAfterTime, kLast };  // fields come in the order of their numbers
  Place place;
  std::string member;
};
HealthEvent eject_event(CheckFailure failure);
HealthEvent failure_event(CheckFailure failure, bool first_check);
HealthEvent add_event(bool first_check);
HealthEvent success_event();
HealthEvent degraded_event();
HealthEvent no_longer_degraded_event();

/// The line, with its end.
std::string health_event_line(const HealthEvent& event, HealthCheckSpec::Kind kind, const Endpoint& endpoint,
                              std::string_view cluster, WallNs now);

/// "2026-01-31T12:00:00.123456789Z": without digits that say nothing, in groups of three (proto3 JSON, Timestamp).
std::string json_timestamp(WallNs time);

}  // namespace weir::upstream
