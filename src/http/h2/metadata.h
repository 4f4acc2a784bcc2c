// METADATA, the frame that Envoy adds to HTTP/2: names and values that pass along a stream beside its message, in either
// direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http::h2 {

constexpr uint8_t kMetadataFrame = 0x4d;
constexpr uint8_t kEndMetadata = 0x04;              // the flag of a block's last frame
constexpr size_t kMostMetadataInFrame = 16 * 1024;  // what every peer takes (RFC 9113 section 4.2)
constexpr size_t kMostUnfolded = 16 * 1024 * 1024;  // a byte may stand for thousands, which cost time however often they come
constexpr size_t kMostUnsent = 16 * 1024 * 1024;    // METADATA has no windows: a peer that does not read it is given up

/// Reads one complete block and writes it again as one that needs no dynamic table, each name once (its first value counts).
/// "" if it holds nothing; nothing if it cannot be read (also where a name or a value is longer than 64 KiB, or where all of them
/// together unfold to more than kMostUnfolded).
std::optional<std::string> normalise_metadata(std::string_view block);

/// What METADATA one stream has seen; most never see any.
struct StreamMetadata {
  std::string unfinished;            // the block that is coming
  size_t received = 0;               // bytes of payload on this stream
  std::vector<std::string> waiting;  // blocks to be sent behind the head, which has not gone out yet
};

}  // namespace weir::http::h2
