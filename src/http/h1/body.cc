#include "http/h1/body.h"

#include <algorithm>
#include <cstring>

#include "http/h1/head.h"

namespace weir::http::h1 {

namespace {

constexpr ProtocolError kBadChunkSize = {400, "http1.codec_error", "http/1.1 protocol error: HPE_INVALID_CHUNK_SIZE"};
constexpr ProtocolError kBadChunkEnd = {400, "http1.codec_error", "http/1.1 protocol error: CHUNK_LENGTH_MISMATCH"};
constexpr ProtocolError kTrailersTooLarge = {431, "http1.trailers_too_large",
                                             "http/1.1 protocol error: trailers size exceeds limit"};
constexpr ProtocolError kBareLineFeed = {400, "http1.codec_error", "http/1.1 protocol error: INVALID_TRAILER_FORMAT"};
constexpr size_t kMaxChunkHeader = 16 * 1024;  // extensions included; nobody needs more
constexpr int kMaxChunkDigits = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

BodyReader::Step BodyReader::read(std::string_view bytes, HeaderMap& trailers, bool keep_trailers, const CodecLimits& limits,
                                  Http1Stats& stats) {
  switch (kind_) {
    case Kind::kNone:
      return {.end = true};
    case Kind::kUntilEnd:
      return {.body = bytes, .used = bytes.size()};
    case Kind::kLength: {
      const size_t part = std::min<uint64_t>(left_, bytes.size());
      left_ -= part;
      return {.body = bytes.substr(0, part), .used = part, .end = left_ == 0};
    }
    case Kind::kChunked:
      return read_chunked(bytes, trailers, keep_trailers, limits, stats);
  }
  return {};
}

// kSize ── ';' ──▶ kExtension        kData ──▶ kDataReturn ──▶ kDataLineFeed ──▶ kSize
//   └── '\r' ──▶ kSizeLineFeed ──▶ kData (size > 0) or kTrailers (size 0)
BodyReader::Step BodyReader::read_chunked(std::string_view bytes, HeaderMap& trailers, bool keep_trailers,
                                          const CodecLimits& limits, Http1Stats& stats) {
  size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    switch (state_) {
      case State::kSize: {
        const int digit = hex_value(c);
        if (digit >= 0) {
          if (++digits_ > kMaxChunkDigits || (left_ >> 60) != 0) return {.error = kBadChunkSize};
          left_ = left_ << 4 | digit;
        } else if (digits_ == 0) {
          return {.error = kBadChunkSize};
        } else if (c == '\r') {
          state_ = State::kSizeLineFeed;
        } else if (c == ';' || c == ' ' || c == '\t') {
          state_ = State::kExtension;
        } else {
          return {.error = kBadChunkSize};
        }
        ++at;
        break;
      }
      case State::kExtension:
        if (++line_bytes_ > kMaxChunkHeader || c == '\n' || (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r')) {
          return {.error = kBadChunkSize};
        }
        if (c == '\r') state_ = State::kSizeLineFeed;
        ++at;
        break;
      case State::kSizeLineFeed:
        if (c != '\n') return {.error = kBadChunkSize};
        ++at;
        digits_ = 0;
        line_bytes_ = 0;
        state_ = left_ == 0 ? State::kTrailers : State::kData;
        break;
      case State::kData: {
        const size_t part = std::min<uint64_t>(left_, bytes.size() - at);
        left_ -= part;
        if (left_ == 0) state_ = State::kDataReturn;
        return {.body = bytes.substr(at, part), .used = at + part};
      }
      case State::kDataReturn:
        if (c != '\r') return {.error = kBadChunkEnd};
        ++at;
        state_ = State::kDataLineFeed;
        break;
      case State::kDataLineFeed:
        if (c != '\n') return {.error = kBadChunkEnd};
        ++at;
        state_ = State::kSize;
        break;
      case State::kTrailers:
        return read_trailers(bytes, at, trailers, keep_trailers, limits, stats);
    }
  }
  return {.used = at};
}

BodyReader::Step BodyReader::read_trailers(std::string_view bytes, size_t used, HeaderMap& trailers, bool keep_trailers,
                                           const CodecLimits& limits, Http1Stats& stats) {
  std::string_view rest = bytes.substr(used);
  if (trailer_lines_.empty() && rest.starts_with("\r\n")) return {.used = used + 2, .end = true};

  // The lines are gathered until the empty one; usually they are all here at once.
  const size_t before = trailer_lines_.size();
  trailer_lines_.append(rest.substr(0, limits.max_headers_kb * 1024 + 4));
  size_t end = trailer_lines_ == "\r\n" ? 2 : find_head_end(trailer_lines_);
  if (end == 0) {
    if (has_bare_line_feed(trailer_lines_)) return {.error = kBareLineFeed};
    if (trailer_lines_.size() > limits.max_headers_kb * 1024) return {.error = kTrailersTooLarge};
    return {.used = bytes.size()};
  }
  Step step{.used = used + (end - before), .end = true};
  char* lines = trailers.arena().allocate_chars(end + kHeadPadding);
  std::memcpy(lines, trailer_lines_.data(), end);
  std::memset(lines + end, 0, kHeadPadding);
  std::string().swap(trailer_lines_);
  step.error = parse_trailers(lines, end, trailers, limits, stats);
  if (!keep_trailers) trailers.clear();
  step.trailers = !trailers.empty();
  return step;
}

}  // namespace weir::http::h1
