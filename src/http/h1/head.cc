#include "http/h1/head.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "http/joined_lines.h"

namespace weir::http::h1 {

namespace {

constexpr ProtocolError codec_error(std::string_view message) { return {400, "http1.codec_error", message}; }
constexpr ProtocolError kInvalidMethod = codec_error("http/1.1 protocol error: HPE_INVALID_METHOD");
constexpr ProtocolError kInvalidUrl = codec_error("http/1.1 protocol error: HPE_INVALID_URL");
constexpr ProtocolError kInvalidTarget = {400, "http1.invalid_characters",
                                          "http/1.1 protocol error: invalid characters in the request line"};
constexpr ProtocolError kInvalidVersion = codec_error("http/1.1 protocol error: HPE_INVALID_VERSION");
constexpr ProtocolError kLowVersion = {426, "low_version", "http/1.1 protocol error: neither HTTP/1.1 nor HTTP/1.0"};
constexpr ProtocolError kInvalidName = codec_error("http/1.1 protocol error: INVALID_HEADER_NAME_CHARACTER");
constexpr ProtocolError kInvalidValue = {400, "http1.invalid_characters",
                                         "http/1.1 protocol error: header value contains invalid chars"};
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

/// The first byte that cannot be part of a field value: a control character other than tab. Reads up to 15 bytes past it.
char* scan_value(char* at) {
  const __m128i space = _mm_set1_epi8(0x20), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
  for (;; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(bytes, space), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), _mm_xor_si128(printable, _mm_set1_epi8(-1))),
                                     _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return at + __builtin_ctz(mask);
  }
}

bool known_method(std::string_view method) {
  static constexpr auto kMethods = std::to_array<std::string_view>(
      {"ACL",    "BIND",      "CHECKOUT",   "CONNECT",    "COPY",   "DELETE", "GET",        "HEAD",   "LINK",
       "LOCK",   "MERGE",     "MKACTIVITY", "MKCALENDAR", "MKCOL",  "MOVE",   "MSEARCH",    "NOTIFY", "OPTIONS",
       "PATCH",  "POST",      "PROPFIND",   "PROPPATCH",  "PURGE",  "PUT",    "REBIND",     "REPORT", "SEARCH",
       "SOURCE", "SUBSCRIBE", "TRACE",      "UNBIND",     "UNLINK", "UNLOCK", "UNSUBSCRIBE"});
  if (method == "GET" || method == "POST") return true;
  return std::ranges::binary_search(kMethods, method);
}

bool valid_target_characters(std::string_view target) {
  return std::ranges::all_of(target, [](char c) { return (c > ' ' && c < 0x7f) || c == '\t' || c == '\f'; });
}

bool valid_host_characters(std::string_view host) {
  return std::ranges::all_of(host, [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
           std::string_view("-.:[]_").find(c) != std::string_view::npos;
  });
}

/// RFC 9112 §3.2.2: the target's authority replaces Host.
std::optional<ProtocolError> resolve_absolute_form(std::string_view target, bool connect, HeaderMap& headers) {
  static constexpr ProtocolError kUnusable = {400, "http1.invalid_url", "http/1.1 protocol error: invalid url in request line"};
  if (!connect) {
    if (target == "*") return kUnusable;
    const size_t colon = target.find("://");
    if (colon == 0 || colon == std::string_view::npos) return kInvalidUrl;
    if (!std::ranges::all_of(target.substr(0, colon), [](char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }))
      return kInvalidUrl;
    const std::string_view scheme = target.substr(0, colon);
    if (!iequals(scheme, "http") && !iequals(scheme, "https")) return kUnusable;
    headers.set_pseudo(HeaderId::kScheme, iequals(scheme, "https") ? "https" : "http");
    target.remove_prefix(colon + 3);
  }
  const size_t path_at = std::min(target.find_first_of("/?#"), target.size());
  const std::string_view host = target.substr(0, path_at);
  std::string_view path = target.substr(path_at);
  if (host.empty() || !valid_host_characters(host)) return kUnusable;
  if (!valid_target_characters(path)) return kInvalidUrl;
  if (connect && !path.empty()) return kUnusable;
  if (connect) {
    const size_t colon = host.rfind(':');
    if (colon == std::string_view::npos || !parse_number<uint16_t>(host.substr(colon + 1))) return kUnusable;
  }
  headers.set_pseudo(HeaderId::kAuthority, host);
  if (connect) return std::nullopt;
  if (path.empty()) path = "/";
  headers.set_pseudo(HeaderId::kPath, path);
  return std::nullopt;
}

struct LineReader {
  HeaderMap& headers;
  HeadFacts& facts;
  const CodecLimits& limits;
  Http1Stats& stats;
  bool request = false;
  bool trailers = false;
  bool hosts_seen = false;
  bool encoding_seen = false;
  std::string_view encoding = {};
  std::string_view host = {};

  std::optional<ProtocolError> read_all(char* at, char* end);
  std::optional<ProtocolError> take(std::string_view name, std::string_view value);
};

std::optional<ProtocolError> LineReader::read_all(char* at, char* end) {
  uint32_t count = 0;
  while (true) {
    if (at[0] == '\r' && at[1] == '\n' && at + 2 == end) return std::nullopt;
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
    at = scan_value(at);
    if (at >= end || at[0] != '\r' || at[1] != '\n') return kInvalidValue;
    char* value_end = at;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    at += 2;

    if (++count > limits.max_headers_count) return kTooManyHeaders;
    if (underscore && limits.underscores != CodecLimits::Underscores::kAllow) {
      if (limits.underscores == CodecLimits::Underscores::kDrop) {
        stats.dropped_headers_with_underscores.add();
        continue;
      }
      stats.requests_rejected_with_underscores_in_headers.add();
      return kUnderscore;
    }
    if (auto error = take({name, name_size}, {value, static_cast<size_t>(value_end - value)})) return error;
  }
}

std::optional<ProtocolError> LineReader::take(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  switch (id) {
    case HeaderId::kHost:
      if (!request) break;
      if (std::exchange(hosts_seen, true)) return kTwoHosts;
      host = value;
      return std::nullopt;
    case HeaderId::kContentLength: {
      uint64_t length = 0;
      if (value.empty() || value.size() > 19 || !std::ranges::all_of(value, is_digit)) return kInvalidLength;
      for (char c : value) length = length * 10 + (c - '0');
      if (facts.has_content_length) return kTwoLengths;
      facts.has_content_length = true;
      facts.content_length = length;
      break;
    }
    case HeaderId::kTransferEncoding:
      if (std::exchange(encoding_seen, true)) return kUnknownEncoding;
      encoding = value;
      return std::nullopt;  // hop by hop; the writer makes its own
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
  if (!trailers && join_repeated(headers, name, id, value, request)) return std::nullopt;
  headers.add({id == HeaderId::kOther ? name : header_name(id), value, id});
  return std::nullopt;
}

/// "HTTP/1.1" or "HTTP/1.0" at `at`; other minor versions of HTTP/1 are taken as 1.1, as RFC 9110 §2.5 wants it.
bool parse_version(std::string_view text, Protocol& version) {
  if (text == "HTTP/1.1") {
    version = Protocol::kHttp11;
  } else if (text == "HTTP/1.0") {
    version = Protocol::kHttp10;
  } else {
    return false;
  }
  return true;
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
  char* const end = head + size;
  char* at = head;
  while (kTokenLower[static_cast<unsigned char>(*at)] != 0) ++at;
  const std::string_view method(head, at - head);
  if (*at != ' ' || !known_method(method)) return kInvalidMethod;

  // Blanks between the parts and after them may be more than one (RFC 9112 §3 allows to be lenient here); we send on just one.
  while (*at == ' ') ++at;
  char* const target_begin = at;
  while (static_cast<unsigned char>(*at) > ' ' && *at != 0x7f) ++at;
  const std::string_view target(target_begin, at - target_begin);
  if (*at == 0x7f) return kInvalidTarget;
  if (target.empty() || !valid_target_characters(target)) return kInvalidUrl;
  while (*at == ' ') ++at;
  const bool no_version = *at == '\r' && at[1] == '\n';  // HTTP/0.9
  if (no_version && !target.starts_with('/')) return kInvalidUrl;
  const std::string_view version(at, no_version ? 0 : std::min<size_t>(8, end - at));
  at += version.size();
  while (*at == ' ') ++at;
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return kInvalidVersion;
  at += 2;
  if (!parse_version(version, facts.version)) {
    const bool some_version =
        version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
    if (!some_version && !no_version) return kInvalidVersion;
    if (!options.accept_http_10) return kLowVersion;
    facts.version = Protocol::kHttp10;
  }

  LineReader lines{headers, facts, limits, stats, true};
  if (auto error = lines.read_all(at, end)) return error;

  headers.set_pseudo(HeaderId::kMethod, method);
  if (lines.hosts_seen) headers.set_pseudo(HeaderId::kAuthority, lines.host);
  const bool connect = method == "CONNECT";

  // RFC 9112 §6.1, §6.3: a message whose length could be read in two ways is refused, never guessed.
  if (lines.encoding_seen) {
    if (!iequals(lines.encoding, "chunked") || connect) {
      return kUnknownEncoding;
    }
    facts.chunked = true;
    if (facts.has_content_length) {
      if (!options.allow_chunked_length) return kLengthAndChunked;
      headers.remove(HeaderId::kContentLength);
      facts.has_content_length = false;
    }
    // HTTP/1.0 knows no chunks; what such a message means is anybody's guess (RFC 9112 §6.1). Where HTTP/1.0 is not accepted at
    // all, that is the answer.
    if (facts.version == Protocol::kHttp10 && options.accept_http_10)
      return codec_error("http/1.1 protocol error: Transfer-Encoding in HTTP/1.0");
  }
  if (!connect && (target.front() == '/' || (target == "*" && method == "OPTIONS"))) {
    headers.set_pseudo(HeaderId::kPath, target);
  } else if (!connect && !options.allow_absolute_url) {
    headers.set_pseudo(HeaderId::kPath, target);
  } else if (auto error = resolve_absolute_form(target, connect, headers)) {
    return error;
  }

  if (connect && facts.has_content_length) {
    if (facts.content_length != 0) {
      return ProtocolError{400, "http1.body_disallowed", "http/1.1 protocol error: unsupported content length"};
    }
    headers.remove(HeaderId::kContentLength);
  }
  return std::nullopt;
}

std::optional<ProtocolError> parse_response_head(char* head, size_t size, HeaderMap& headers, HeadFacts& facts,
                                                 const CodecLimits& limits, Http1Stats& stats) {
  char* const end = head + size;
  char* at = head;
  if (size < 15 || !parse_version({at, 8}, facts.version)) return kInvalidVersion;
  at += 8;
  if (at[0] != ' ' || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3])) return kInvalidStatusLine;
  const std::string_view digits(at + 1, 3);
  at += 4;
  if (*at != ' ' && *at != '\r') return kInvalidStatusLine;
  at = scan_value(at);  // the reason phrase is of no interest
  if (at[0] != '\r' || at[1] != '\n') return kInvalidStatusLine;
  at += 2;

  LineReader lines{headers, facts, limits, stats};
  if (auto error = lines.read_all(at, end)) return error;
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
