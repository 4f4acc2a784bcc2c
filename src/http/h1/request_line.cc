#include "http/h1/request_line.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/characters.h"
#include "http/url.h"

namespace weir::http::h1 {

namespace {

constexpr ProtocolError kUnusableUrl = {400, "http1.invalid_url", "http/1.1 protocol error: invalid url in request line"};
constexpr ProtocolError kInvalidScheme = {400, "http1.invalid_scheme",
                                          "http/1.1 protocol error: the scheme of an absolute target is neither http nor https"};
constexpr ProtocolError kInvalidMethod = {400, "http1.codec_error", "http/1.1 protocol error: HPE_INVALID_METHOD"};
constexpr ProtocolError kInvalidUrl = {400, "http1.codec_error", "http/1.1 protocol error: HPE_INVALID_URL"};
constexpr ProtocolError kInvalidVersion = {400, "http1.codec_error", "http/1.1 protocol error: HPE_INVALID_VERSION"};

bool known_method(std::string_view method) {
  static constexpr auto kMethods = std::to_array<std::string_view>(
      {"ACL",    "BIND",      "CHECKOUT",   "CONNECT",    "COPY",   "DELETE", "GET",        "HEAD",   "LINK",
       "LOCK",   "MERGE",     "MKACTIVITY", "MKCALENDAR", "MKCOL",  "MOVE",   "MSEARCH",    "NOTIFY", "OPTIONS",
       "PATCH",  "POST",      "PROPFIND",   "PROPPATCH",  "PURGE",  "PUT",    "REBIND",     "REPORT", "SEARCH",
       "SOURCE", "SUBSCRIBE", "TRACE",      "UNBIND",     "UNLINK", "UNLOCK", "UNSUBSCRIBE"});
  if (method == "GET" || method == "POST") return true;
  return std::ranges::binary_search(kMethods, method);
}

/// RFC 9110 §5.6.2: what a method may be made of.
bool is_token(std::string_view text) { return !text.empty() && all_of(text, Bytes::kToken); }

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Whether the bytes could be a target at all; whether it can be used is another question.
bool is_target(std::string_view target, bool connect) {
  if (target.empty() || !all_of(target, Bytes::kVisible)) return false;
  if (target.front() == '/' || target.front() == '*') return true;
  if (!connect) {
    const std::string_view scheme = url_scheme(target);
    if (scheme.empty()) return false;
    target.remove_prefix(scheme.size() + 3);
  }
  const std::string_view authority = target.substr(0, target.find_first_of("/?"));
  return authority.find("@@") == std::string_view::npos && is_authority(authority);
}

}  // namespace

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

std::optional<ProtocolError> parse_request_line(const char* at, const char* end, RequestLine& line, bool any_method) {
  const auto take_word = [&at] {
    const char* const word = at;
    while (static_cast<unsigned char>(*at) > ' ' && *at != 0x7f) ++at;
    return std::string_view(word, at - word);
  };
  line.method = take_word();
  if (!is_blank(*at) || !(any_method ? is_token(line.method) : known_method(line.method))) return kInvalidMethod;
  while (is_blank(*at)) ++at;
  line.target = take_word();
  if (!is_target(line.target, line.method == "CONNECT")) return kInvalidUrl;
  while (is_blank(*at)) ++at;
  const std::string_view version = take_word();
  while (is_blank(*at)) ++at;
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return kInvalidVersion;
  line.end = at + 2;
  line.versionless = version.empty();
  if (!parse_version(version, line.version)) {
    const bool some_version =
        version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
    if (!some_version && !line.versionless) return kInvalidVersion;
    line.version = Protocol::kHttp10;
  }
  return std::nullopt;
}

bool has_control(const char* at, const char* end) {
  return std::any_of(
      at, end, [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f; });
}

std::optional<ProtocolError> check_first_line(std::string_view bytes, size_t& versionless_size, bool any_method) {
  const size_t size = bytes.find("\r\n") + 2;
  if (size < 2) return std::nullopt;
  RequestLine line;
  auto error = parse_request_line(bytes.data(), bytes.data() + size, line, any_method);
  if (!error && line.versionless) versionless_size = size;
  if (error && static_cast<unsigned char>(bytes[0]) > ' ' && has_control(bytes.data(), bytes.data() + size))
    return kInvalidCharacters;
  return error;
}

std::optional<ProtocolError> resolve_target(std::string_view target, std::string_view method, const Http1Options& options,
                                            HeaderMap& headers) {
  const bool connect = method == "CONNECT";
  const bool origin = target.front() == '/' || (target.front() == '*' && method == "OPTIONS");
  if (!connect && (origin || !options.allow_absolute_url)) {
    headers.set_pseudo(HeaderId::kPath, target);
    return std::nullopt;
  }
  if (connect) {
    if (!is_host_and_port(target, true)) return kUnusableUrl;
    headers.set_pseudo(HeaderId::kAuthority, target);
    return std::nullopt;
  }
  const std::optional<Url> url = parse_url(target);
  if (!url || url->has_user) return kUnusableUrl;  // RFC 9110 §4.2.4
  const bool https = iequals(url->scheme, "https");
  if (!https && !iequals(url->scheme, "http")) return kInvalidScheme;
  headers.set_pseudo(HeaderId::kScheme, https ? "https" : "http");
  headers.set_pseudo(HeaderId::kAuthority, url->authority);
  headers.set_pseudo(HeaderId::kPath, url->path.empty() ? "/" : url->path);
  return std::nullopt;
}

}  // namespace weir::http::h1
