// The head of an HTTP/1 message: finding its end and reading its lines. Pure functions over memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/codec.h"
#include "http/header_map.h"
#include "http/stream.h"

namespace weir::http::h1 {

/// What the lines of a head say about the message as a whole.
struct HeadFacts {
  Protocol version = Protocol::kHttp11;
  bool chunked = false;
  bool has_content_length = false;
  uint64_t content_length = 0;
  bool connection_close = false;
  bool connection_keep_alive = false;
  bool connection_upgrade = false;
  bool expect_continue = false;
  uint32_t header_bytes = 0;  // names and values, and three bytes a line (as Envoy counts)
};

/// The size of the head that `bytes` begin with, empty line included; 0 if its end is not there yet.
size_t find_head_end(std::string_view bytes);

/// Looks for the end of a head that comes piece by piece, and looks at no byte twice.
class HeadFinder {
 public:
  enum class Verdict : uint8_t { kIncomplete, kComplete, kTooLarge, kBareLineFeed };
  /// `bytes`: all that have come since the head began. `size` is set if it is complete. A head may have `most` bytes.
  Verdict look(std::string_view bytes, size_t most, size_t& size);
  void restart() { scanned_ = 0; }

 private:
  size_t scanned_ = 0;
};

/// A copy that may be parsed, in memory that lives as long as `headers`.
char* copy_head(HeaderMap& headers, std::string_view head);

/// What lines are counted as, in bytes: each its name, its value and three more.
size_t counted_size(const HeaderMap& lines);

/// Notes in `headers` how the names of a head are written (Http1Options::preserve_case), before it is parsed. Lines that are no
/// header lines are passed over.
void keep_spelling(HeaderMap& headers, std::string_view head, const Http1Options& options);

/// Whether `bytes` hold, at `from` or later, a line end that is not CRLF (RFC 9112 §2.2 allows to refuse it; we do).
bool has_bare_line_feed(std::string_view bytes, size_t from = 0);

/// Whether `bytes`, an incomplete head, could still become a request: they begin with what a method is made of.
bool may_begin_request(std::string_view bytes);

/// Parsing rewrites names to lower case in place and makes `headers` point into `head`, which must be followed by kHeadPadding
/// readable bytes. A failure leaves `headers` in an unspecified state.
constexpr size_t kHeadPadding = 16;

/// RFC 9112 §3. The request target is put into :path (origin form) as it came; absolute and authority forms are resolved.
std::optional<ProtocolError> parse_request_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                                const Http1Options& options, const CodecLimits& limits, Http1Stats& stats);
/// RFC 9112 §4.
std::optional<ProtocolError> parse_response_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                                 const CodecLimits& limits, Http1Stats& stats);
/// RFC 9112 §7.1.2: lines up to and with the empty one.
std::optional<ProtocolError> parse_trailers(char* lines, size_t size, HeaderMap& trailers, const CodecLimits& limits,
                                            Http1Stats& stats);

}  // namespace weir::http::h1
