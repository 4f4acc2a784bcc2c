#include "http/h1/head.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "http/characters.h"
#include "http/h1/connection_header.h"
#include "http/h1/request_line.h"
#include "http/joined_lines.h"
#include "http/url.h"

namespace weir::http::h1 {

namespace {

constexpr ProtocolError codec_error(std::string_view message) { return {400, "http1.codec_error", message}; }
constexpr ProtocolError kInvalidVersion = codec_error("http/1.1 protocol error: HPE_INVALID_VERSION");
constexpr ProtocolError kInvalidName = codec_error("http/1.1 protocol error: INVALID_HEADER_NAME_CHARACTER");
constexpr ProtocolError kMissingColon = codec_error("http/1.1 protocol error: HEADER_MISSING_COLON");
constexpr ProtocolError kFolded = codec_error("http/1.1 protocol error: INVALID_HEADER_FORMAT");
constexpr ProtocolError kInvalidLength = codec_error("http/1.1 protocol error: UNPARSABLE_CONTENT_LENGTH");
constexpr ProtocolError kTwoLengths = codec_error("http/1.1 protocol error: MULTIPLE_CONTENT_LENGTH_KEYS");
constexpr ProtocolError kUnknownEncoding = {501, "http1.invalid_transfer_encoding",
                                            "http/1.1 protocol error: unsupported transfer encoding"};
constexpr ProtocolError kLengthAndChunked = {400, "http1.content_length_and_chunked_not_allowed",
                                             "http/1.1 protocol error: both 'Content-Length' and 'Transfer-Encoding' are set."};
constexpr ProtocolError kInvalidStatusLine = codec_error("http/1.1 protocol error: HPE_INVALID_STATUS");
constexpr ProtocolError kTooManyHeaders = {431, "http1.too_many_headers", "http/1.1 protocol error: headers count exceeds limit"};
constexpr ProtocolError kUnderscore = {400, "http1.unexpected_underscore",
                                       "http/1.1 protocol error: header name contains underscores"};
constexpr ProtocolError kLowVersion = {426, "low_version", "neither HTTP/1.1 nor, as accept_http_10 is not set, HTTP/1.0"};
constexpr ProtocolError kInvalidHost = {400, "http.invalid_authority", "http/1.1 protocol error: invalid characters in Host"};
constexpr ProtocolError kBodyDisallowed = {400, "http1.body_disallowed", "http/1.1 protocol error: unsupported content length"};
constexpr ProtocolError kChunkedHttp10 = codec_error("http/1.1 protocol error: Transfer-Encoding in HTTP/1.0");
constexpr ProtocolError kTwoHosts = codec_error("http/1.1 protocol error: more than one Host");

// A name's character in lower case, or 0 where RFC 9110 §5.6.2 allows none (token).
constexpr std::array<char, 256> kTokenLower = [] {
  std::array<char, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = static_cast<char>(c);
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 32] = static_cast<char>(c);
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<unsigned char>(c)] = c;
  return table;
}();

/// RFC 9110 §8.6. Nobody has a body of 2^63 bytes, and those who count in signed numbers would see a negative one.
std::optional<uint64_t> parse_content_length(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  uint64_t length = 0;
  for (char c : text) {
    if (length >= (uint64_t{1} << 63) / 10) return std::nullopt;
    length = length * 10 + (c - '0');
  }
  return length;
}

/// Reads the lines of a head. What is malformed ends it; what is well formed and yet refused waits, because a malformed line
/// after it comes first.
struct LineReader {
  HeaderMap& headers;
  HeadFacts& facts;
  const CodecLimits& limits;
  Http1Stats& stats;
  bool request = false;
  bool trailers = false;
  bool hosts_seen = false;
  bool encoding_seen = false;
  bool length_unreadable = false;
  uint32_t count = 0;    // of lines, those that join earlier ones not counted
  uint32_t dropped = 0;  // of lines, for the underscores in their names
  std::string_view encoding = {};
  std::string_view host = {};
  const ProtocolError* objection = nullptr;

  std::optional<ProtocolError> read_all(char* at, char* end);
  bool keeps_underscore();
  void count_underscores();
  std::optional<ProtocolError> take(std::string_view name, std::string_view value);
};

std::optional<ProtocolError> LineReader::read_all(char* at, char* end) {
  while (true) {
    if (at[0] == '\r' && at[1] == '\n' && at + 2 == end) {
      if (request) return std::nullopt;
      count_underscores();
      if (objection != nullptr) return *objection;
      return std::nullopt;
    }
    if (*at == ' ' || *at == '\t') return kFolded;

    char* const name = at;
    bool underscore = false;
    while (const char c = kTokenLower[static_cast<unsigned char>(*at)]) {
      underscore |= c == '_';
      *at++ = c;
    }
    if (*at != ':') return *at == '\r' || *at == '\n' ? kMissingColon : kInvalidName;
    const size_t name_size = at - name;
    if (name_size == 0) return kInvalidName;

    ++at;
    while (*at == ' ' || *at == '\t') ++at;
    char* const value = at;
    at = find_end_of_value(at);
    if (at >= end || at[0] != '\r' || at[1] != '\n') return kInvalidCharacters;
    char* value_end = at;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    at += 2;

    if (underscore && limits.underscores != CodecLimits::Underscores::kAllow && !keeps_underscore()) continue;
    if (auto error = take({name, name_size}, {value, static_cast<size_t>(value_end - value)})) return error;
    if (count > limits.max_headers_count && objection == nullptr) objection = &kTooManyHeaders;
  }
}

bool LineReader::keeps_underscore() {
  if (limits.underscores == CodecLimits::Underscores::kDrop) {
    ++dropped;
    return false;
  }
  if (objection == nullptr) objection = &kUnderscore;
  return true;
}

/// Once it is clear that the head is well formed.
void LineReader::count_underscores() {
  if (dropped != 0) stats.dropped_headers_with_underscores.add(dropped);
  if (objection == &kUnderscore) stats.requests_rejected_with_underscores_in_headers.add();
}

std::optional<ProtocolError> LineReader::take(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  ++count;
  facts.header_bytes += static_cast<uint32_t>(name.size() + value.size() + 3);
  switch (id) {
    case HeaderId::kHost:
      if (!request) break;
      if (std::exchange(hosts_seen, true)) return kTwoHosts;
      host = value;
      return std::nullopt;
    case HeaderId::kContentLength: {
      if (facts.has_content_length) return kTwoLengths;
      const std::optional<uint64_t> length = parse_content_length(value);
      length_unreadable = !length;
      facts.has_content_length = true;
      facts.content_length = length.value_or(0);
      break;
    }
    case HeaderId::kTransferEncoding:
      encoding = std::exchange(encoding_seen, true) ? "more than one" : value;
      if (!request || trailers) return std::nullopt;  // hop by hop; the writer makes its own
      break;                                          // a log of a request that is refused shows it
    case HeaderId::kProxyConnection:
      if (list_has_token(value, "close")) facts.connection_close = true;
      break;
    case HeaderId::kConnection:
      facts.connection_keep_alive = iequals(value, "keep-alive");
      for (std::string_view rest = value; !rest.empty();) {
        const std::string_view token = next_token(rest);
        if (iequals(token, "close")) facts.connection_close = true;
        if (iequals(token, "upgrade")) facts.connection_upgrade = true;
      }
      break;
    case HeaderId::kExpect:
      if (iequals(value, "100-continue")) facts.expect_continue = true;
      break;
    default:
      break;
  }
  if (objection != nullptr) return std::nullopt;  // refused in any case
  if (!trailers && join_repeated(headers, name, id, value, request)) {
    --count;
    return std::nullopt;
  }
  headers.add({id == HeaderId::kOther ? name : header_name(id), value, id});
  return std::nullopt;
}

bool has_three_words(const char* line) {
  int words = 0;
  for (bool inside = false; *line != '\r' && *line != '\n'; ++line) {
    const bool was_inside = std::exchange(inside, static_cast<unsigned char>(*line) > ' ');
    words += inside && !was_inside;
  }
  return words >= 3;
}

std::optional<ProtocolError> read_request_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                               const Http1Options& options, const CodecLimits& limits, Http1Stats& stats) {
  char* const end = head + size;
  RequestLine line;
  if (auto error = parse_request_line(head, end, line, options.allow_custom_methods)) return error;
  headers.set_pseudo(HeaderId::kMethod, line.method);
  if (line.versionless) {                                        // HTTP/0.9 has no header lines
    if (line.method != "CONNECT") facts.version = line.version;  // a bad target is noticed later
    if (auto error = resolve_target(line.target, line.method, options, headers)) return error;
    facts.version = line.version;
    if (!options.accept_http_10) return kLowVersion;
    return std::nullopt;
  }

  LineReader lines{headers, facts, limits, stats, true};
  if (auto error = lines.read_all(head + (line.end - head), end)) return error;
  const bool chunked = lines.encoding_seen && iequals(lines.encoding, "chunked");
  if (lines.length_unreadable && !chunked) return kInvalidLength;
  lines.count_underscores();
  if (lines.objection != nullptr) return *lines.objection;
  facts.version = line.version;  // from here on answers are in the client's version

  // RFC 9112 §6.1, §6.3: a message whose length could be read in two ways is refused, never guessed.
  const bool connect = line.method == "CONNECT";
  if (connect && facts.has_content_length) {
    if (headers.get(HeaderId::kContentLength) != "0") return kBodyDisallowed;
    headers.remove(HeaderId::kContentLength);
    facts.has_content_length = false;
  }
  if (lines.encoding_seen && facts.has_content_length) {
    if (!chunked || !options.allow_chunked_length) return kLengthAndChunked;
    headers.remove(HeaderId::kContentLength);
    facts.has_content_length = false;
  }
  if (lines.encoding_seen && (!chunked || connect)) return kUnknownEncoding;
  facts.chunked = chunked;
  // HTTP/1.0 knows no chunks; what such a message means is anybody's guess (RFC 9112 §6.1). Where HTTP/1.0 is not accepted at
  // all, that is the answer.
  if (chunked && facts.version == Protocol::kHttp10 && options.accept_http_10) return kChunkedHttp10;

  if (lines.hosts_seen) headers.set_pseudo(HeaderId::kAuthority, lines.host);
  if (!connect) {
    if (options.ignores_upgrade && facts.connection_upgrade) ignore_upgrades(headers, facts, options.ignores_upgrade);
    if (auto error = settle_connection(headers, facts)) return error;
  }
  if (auto error = resolve_target(line.target, line.method, options, headers)) return error;
  if (facts.version == Protocol::kHttp10 && !options.accept_http_10) return kLowVersion;
  if (!is_authority(headers.authority())) return kInvalidHost;
  return std::nullopt;
}

}  // namespace

size_t find_head_end(std::string_view bytes) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* at = begin;
  const __m128i line_feed = _mm_set1_epi8('\n');
  // An empty line is a line feed three bytes behind "\r\n\r"; look at every line feed.
  while (end - at >= 16) {
    int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), line_feed));
    while (mask != 0) {
      const char* found = at + __builtin_ctz(mask);
      if (found - begin >= 3 && std::memcmp(found - 3, "\r\n\r", 3) == 0) return found + 1 - begin;
      mask &= mask - 1;
    }
    at += 16;
  }
  for (; at < end; ++at) {
    if (*at == '\n' && at - begin >= 3 && std::memcmp(at - 3, "\r\n\r", 3) == 0) return at + 1 - begin;
  }
  return 0;
}

HeadFinder::Verdict HeadFinder::look(std::string_view bytes, size_t most, size_t& size) {
  const size_t from = scanned_ > 3 ? scanned_ - 3 : 0;
  if (const size_t found = find_head_end(bytes.substr(from)); found != 0) {
    size = from + found;
    scanned_ = 0;
    return size > most ? Verdict::kTooLarge : Verdict::kComplete;
  }
  scanned_ = bytes.size();
  if (bytes.size() > most) return Verdict::kTooLarge;
  return has_bare_line_feed(bytes, from) ? Verdict::kBareLineFeed : Verdict::kIncomplete;
}

char* copy_head(HeaderMap& headers, std::string_view head) {
  char* const copy = headers.arena().allocate_chars(head.size() + kHeadPadding);
  std::memcpy(copy, head.data(), head.size());
  std::memset(copy + head.size(), 0, kHeadPadding);
  return copy;
}

size_t counted_size(const HeaderMap& lines) {
  size_t size = 0;
  for (const Header& line : lines) size += line.name.size() + line.value.size() + 3;
  return size;
}

void keep_spelling(HeaderMap& headers, std::string_view head, const Http1Options& options) {
  Arena& arena = headers.arena();
  Spelling* spelling = arena.make<Spelling>();
  spelling->proper_case_for_others = options.proper_case_for_added;
  const size_t most = static_cast<size_t>(std::ranges::count(head, '\n'));
  auto* names = arena.allocate_array<std::string_view>(most);
  const std::string_view first = head.substr(0, head.find('\r'));
  if (options.forward_reason_phrase && first.starts_with("HTTP/")) {
    const size_t status = first.find(' '), reason = first.find(' ', status + 1);
    if (status != first.npos && reason != first.npos) spelling->reason = arena.copy(first.substr(reason + 1));
  }
  for (size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
    const std::string_view line = head.substr(at + 1, head.find('\r', at + 1) - (at + 1));
    const std::string_view name = line.substr(0, line.find(':'));
    const bool plain = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (name.size() == line.size() || (plain && !spelling->proper_case_for_others)) continue;
    if (spelling->of(name).data() == nullptr) names[spelling->count++] = arena.copy(name);
    spelling->names = names;
  }
  headers.keep(spelling);
}

bool may_begin_request(std::string_view bytes) {
  constexpr size_t kLongestMethod = 32;
  for (size_t i = 0; i < bytes.size() && i <= kLongestMethod; ++i) {
    const char c = bytes[i];
    if (c == ' ' && i > 0) return true;
    if (i == 0 && c == '\r') return true;  // an empty line in front
    if (kTokenLower[static_cast<unsigned char>(c)] == 0) return bytes[0] == '\r' && i == 1 && c == '\n';
  }
  return bytes.size() <= kLongestMethod;
}

bool has_bare_line_feed(std::string_view bytes, size_t from) {
  for (size_t at = bytes.find('\n', from); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return true;
  }
  return false;
}

std::optional<ProtocolError> parse_request_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                                const Http1Options& options, const CodecLimits& limits, Http1Stats& stats) {
  auto error = read_request_head(head, size, headers, facts, options, limits, stats);
  // Whatever else is wrong, a control character is named first; those of header lines only if the first line has three words.
  if (error && static_cast<unsigned char>(*head) > ' ') {
    const char* const line_end = std::find(head, head + size, '\r');
    if (has_control(head, has_three_words(head) ? head + size : line_end)) return kInvalidCharacters;
  }
  return error;
}

namespace {

/// An upstream may call itself anything that looks like a version; what is not HTTP/1.1 is treated like HTTP/1.0 (as in Envoy).
bool parse_response_version(std::string_view text, Protocol& version) {
  if (parse_version(text, version)) return true;
  version = Protocol::kHttp10;
  return text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
}

}  // namespace

std::optional<ProtocolError> parse_response_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                                 const CodecLimits& limits, Http1Stats& stats) {
  char* const end = head + size;
  char* at = head;
  if (size < 15 || !parse_response_version({at, 8}, facts.version)) return kInvalidVersion;
  at += 8;
  while (at[0] == ' ' && at[1] == ' ') ++at;
  if (at[0] != ' ' || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3])) return kInvalidStatusLine;
  const std::string_view digits(at + 1, 3);
  at += 4;
  if (*at != ' ' && *at != '\r') return kInvalidStatusLine;
  at = find_end_of_value(at);  // the reason phrase is of no interest
  if (at[0] != '\r' || at[1] != '\n') return kInvalidStatusLine;
  at += 2;

  LineReader lines{headers, facts, limits, stats};
  if (auto error = lines.read_all(at, end)) return error;
  if (lines.length_unreadable) return kInvalidLength;
  headers.set_pseudo(HeaderId::kStatus, digits);
  if (headers.status() < 100) return kInvalidStatusLine;

  if (lines.encoding_seen) {
    if (!iequals(lines.encoding, "chunked")) return kUnknownEncoding;
    facts.chunked = true;
    if (facts.has_content_length) return kLengthAndChunked;
  }
  const int status = headers.status();
  if (status < 200 || status == 204) {
    if (facts.chunked) {
      return ProtocolError{0, "http1.transfer_encoding_not_allowed",
                           "http/1.1 protocol error: transfer encoding not allowed in 1xx or 204"};
    }
    if (facts.has_content_length) {
      if (facts.content_length != 0) {
        return ProtocolError{0, "http1.content_length_not_allowed",
                             "http/1.1 protocol error: content length not allowed in 1xx or 204"};
      }
      headers.remove(HeaderId::kContentLength);
    }
  }
  return std::nullopt;
}

std::optional<ProtocolError> parse_trailers(char* lines, size_t size, HeaderMap& trailers, const CodecLimits& limits,
                                            Http1Stats& stats) {
  HeadFacts facts;
  LineReader reader{trailers, facts, limits, stats, false, true};
  return reader.read_all(lines, lines + size);
}

}  // namespace weir::http::h1
