// Writing HTTP/1 heads and body framing into a ByteQueue.
#pragma once

#include <string_view>

#include "base/byte_queue.h"
#include "http/header_map.h"
#include "http/stream.h"
#include "net/byte_stream.h"

namespace weir::http::h1 {

/// How the receiver will find the end of what follows a head.
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilEnd };

/// "OK" for 200; "Unknown" for a status without a registered phrase.
std::string_view reason_phrase(int status);

/// One of "", "content-length: 0\r\n", "transfer-encoding: chunked\r\n", for the writer of a head.
/// How many bytes were written, and how many of them were header lines.
struct Written {
  size_t all = 0;
  size_t lines = 0;
};
/// `absolute`: the target in absolute form (RFC 9112 §3.2.2).
Written write_request_head(ByteQueue& out, const HeaderMap& headers, std::string_view framing_line, bool proper_case,
                           bool absolute = false);
Written write_response_head(ByteQueue& out, const HeaderMap& headers, Protocol version, std::string_view connection_line,
                            std::string_view framing_line, bool proper_case);
Written write_trailers(ByteQueue& out, const HeaderMap& trailers);

/// Body bytes in the framing. How many bytes that makes.
size_t write_body(net::ByteStream& connection, std::string_view bytes, Framing framing);
constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace weir::http::h1
