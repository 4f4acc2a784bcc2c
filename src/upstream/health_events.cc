#include "upstream/health_events.h"

#include <cstdio>
#include <ctime>

#include "base/json_text.h"
#include "upstream/health_checker.h"

namespace weir::upstream {

namespace {

std::string_view word(CheckFailure failure) {
  switch (failure) {
    case CheckFailure::kActive:
      return "ACTIVE";
    case CheckFailure::kPassive:
      return "PASSIVE";
    case CheckFailure::kNetwork:
      return "NETWORK";
    case CheckFailure::kNetworkTimeout:
      return "NETWORK_TIMEOUT";
  }
  return "";
}

std::string_view word(bool value) { return value ? "true" : "false"; }

std::string quoted(std::string_view text) {
  std::string result;
  append_json_string(result, text);
  return result;
}

std::string_view word(HealthCheckSpec::Kind kind) {
  return kind == HealthCheckSpec::Kind::kHttp ? "HTTP" : kind == HealthCheckSpec::Kind::kTcp ? "TCP" : "GRPC";
}

std::string address_json(const net::Address& address) {
  if (!address.is_ip()) return R"({"pipe":{"path":)" + quoted(address.ip()) + R"(,"mode":0}})";
  return R"({"socket_address":{"protocol":"TCP","address":)" + quoted(address.ip()) + R"(,"port_value":)" +
         std::to_string(address.port()) + R"(,"resolver_name":"","ipv4_compat":false,"network_namespace_filepath":""}})";
}

}  // namespace

HealthEvent eject_event(CheckFailure failure) {
  return {HealthEvent::Place::kBeforeTime, R"("eject_unhealthy_event":{"failure_type":)" + quoted(word(failure)) + "}"};
}
HealthEvent add_event(bool first_check) {
  return {HealthEvent::Place::kBeforeTime, R"("add_healthy_event":{"first_check":)" + std::string(word(first_check)) + "}"};
}
HealthEvent failure_event(CheckFailure failure, bool first_check) {
  return {HealthEvent::Place::kAfterTime, R"("health_check_failure_event":{"failure_type":)" + quoted(word(failure)) +
                                              R"(,"first_check":)" + std::string(word(first_check)) + "}"};
}
HealthEvent degraded_event() { return {HealthEvent::Place::kAfterTime, R"("degraded_healthy_host":{})"}; }
HealthEvent no_longer_degraded_event() { return {HealthEvent::Place::kAfterTime, R"("no_longer_degraded_host":{})"}; }
HealthEvent success_event() { return {HealthEvent::Place::kLast, R"("successful_health_check_event":{})"}; }

std::string health_event_line(const HealthEvent& event, HealthCheckSpec::Kind kind, const Endpoint& endpoint,
                              std::string_view cluster, WallNs now) {
  using Place = HealthEvent::Place;
  std::string line = R"({"health_checker_type":)" + quoted(word(kind)) + R"(,"host":)" + address_json(*endpoint.address) +
                     R"(,"cluster_name":)" + quoted(cluster);
  if (event.place == Place::kBeforeTime) (line += ',') += event.member;
  line += R"(,"timestamp":)" + quoted(json_timestamp(now));
  if (event.place == Place::kAfterTime) (line += ',') += event.member;
  line += R"(,"locality":{"region":)" + quoted(endpoint.locality.region) + R"(,"zone":)" + quoted(endpoint.locality.zone) +
          R"(,"sub_zone":)" + quoted(endpoint.locality.sub_zone) + "}";
  if (event.place == Place::kLast) (line += ',') += event.member;
  return line += "}\n";
}

std::string json_timestamp(WallNs time) {
  const std::time_t seconds = time / kNsPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[48];
  size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const int64_t nanos = time % kNsPerSecond;
  if (nanos % 1'000'000 == 0) {
    if (nanos != 0)
      size += static_cast<size_t>(std::snprintf(text + size, sizeof text - size, ".%03d", static_cast<int>(nanos / 1'000'000)));
  } else if (nanos % 1000 == 0) {
    size += static_cast<size_t>(std::snprintf(text + size, sizeof text - size, ".%06d", static_cast<int>(nanos / 1000)));
  } else {
    size += static_cast<size_t>(std::snprintf(text + size, sizeof text - size, ".%09d", static_cast<int>(nanos)));
  }
  return std::string(text, size) + "Z";
}

}  // namespace weir::upstream
