// The body of an HTTP/1 message as it comes: by length, in chunks, or until the connection ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/codec.h"
#include "http/header_map.h"
#include "http/stream.h"

namespace weir::http::h1 {

/// Finds the end of a body. Fed with bytes, it says which of them are body and whether the message is over.
class BodyReader {
 public:
  enum class Kind : uint8_t { kNone, kLength, kChunked, kUntilEnd };

  struct Step {
    std::string_view body;  // part of the input (or empty)
    size_t used = 0;        // bytes of the input consumed, body included
    bool end = false;       // the message is complete
    bool trailers = false;  // with end: `trailers` were filled and are not empty
    std::optional<ProtocolError> error;
  };

  void begin(Kind kind, uint64_t length) {
    kind_ = kind;
    left_ = length;
    state_ = State::kSize;
    digits_ = 0;
    line_bytes_ = 0;
  }
  Kind kind() const { return kind_; }
  /// Looks at the front of `bytes`; call again with the rest until `end` or nothing is left. Trailer lines go into `trailers` if
  /// `keep_trailers`, else they are checked and dropped.
  Step read(std::string_view bytes, HeaderMap& trailers, bool keep_trailers, const CodecLimits& limits, Http1Stats& stats);

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLineFeed, kData, kDataReturn, kDataLineFeed, kTrailers };
  Step read_chunked(std::string_view bytes, HeaderMap& trailers, bool keep_trailers, const CodecLimits& limits,
                    Http1Stats& stats);
  Step read_trailers(std::string_view bytes, size_t used, HeaderMap& trailers, bool keep_trailers, const CodecLimits& limits,
                     Http1Stats& stats);

  Kind kind_ = Kind::kNone;
  State state_ = State::kSize;
  uint8_t digits_ = 0;
  uint64_t left_ = 0;      // bytes of the body or of the chunk still to come
  size_t line_bytes_ = 0;  // of the current chunk header
  std::string trailer_lines_;
};

}  // namespace weir::http::h1
