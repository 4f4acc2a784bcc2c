// For tests: HTTP/2 frames written and read by hand, so that a peer can be as wrong as it likes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http::h2 {

inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum FrameType : uint8_t { kData, kHeaders, kPriority, kRst, kSettings, kPush, kPing, kGoaway, kWindowUpdate, kContinuation };
constexpr uint8_t kEndStream = 0x1, kAck = 0x1, kEndHeaders = 0x4, kPadded = 0x8;

inline std::string number(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

inline std::string frame(FrameType type, uint8_t flags, uint32_t id, std::string_view payload = "") {
  std::string bytes = number(static_cast<uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  return bytes.append(number(id)).append(payload);
}

/// A header field, literal and not indexed (RFC 7541 §6.2.2); both texts shorter than 127 bytes.
inline std::string field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size());
  bytes += name;
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

inline std::string request_fields(std::string_view method = "GET", std::string_view path = "/") {
  return field(":method", method) + field(":scheme", "http") + field(":authority", "a.example") + field(":path", path);
}

struct Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t id;
  std::string payload;
};

/// The frames in `bytes`, which must be whole.
inline std::vector<Frame> frames(std::string_view bytes) {
  std::vector<Frame> all;
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  while (bytes.size() >= 9) {
    const size_t size = at(0) << 16 | at(1) << 8 | at(2);
    const uint32_t id = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
    all.push_back({static_cast<uint8_t>(at(3)), static_cast<uint8_t>(at(4)), id, std::string(bytes.substr(9, size))});
    bytes.remove_prefix(std::min(bytes.size(), 9 + size));
  }
  return all;
}

inline int count(const std::vector<Frame>& all, FrameType type) {
  int found = 0;
  for (const Frame& one : all) found += one.type == type;
  return found;
}

}  // namespace weir::http::h2
