// The request line: its parts, and what of its target becomes :path, :authority and :scheme (RFC 9112 §3).
#pragma once

#include <optional>
#include <string_view>

#include "http/codec.h"
#include "http/header_map.h"

namespace weir::http::h1 {

/// "HTTP/1.1" or "HTTP/1.0".
bool parse_version(std::string_view text, Protocol& version);

struct RequestLine {
  std::string_view method;
  std::string_view target;
  Protocol version = Protocol::kHttp11;
  bool versionless = false;
  const char* end = nullptr;  // where the first header line begins
};

inline constexpr ProtocolError kInvalidCharacters = {400, "http1.invalid_characters",
                                                     "http/1.1 protocol error: header value contains invalid chars"};

/// Whether there is a control character other than a tab or a line's end.
bool has_control(const char* at, const char* end);

/// RFC 9112 §3. Blanks between the parts and after them may be tabs, and more than one; we send on just one space. There must be
/// a CRLF before `end`: nothing behind the first is looked at.
/// Without `any_method` the method must be one that is registered somewhere.
std::optional<ProtocolError> parse_request_line(const char* at, const char* end, RequestLine& line, bool any_method = false);

/// Whether the first line of `bytes`, an incomplete head, is complete and no request line. `versionless_size` is set to its size
/// if it is one of HTTP/0.9, which no header lines follow.
std::optional<ProtocolError> check_first_line(std::string_view bytes, size_t& versionless_size, bool any_method = false);

/// Puts the target of a good request line into `headers`: origin form as :path, just as it came; of the absolute form the
/// authority replaces Host (§3.2.2).
std::optional<ProtocolError> resolve_target(std::string_view target, std::string_view method, const Http1Options& options,
                                            HeaderMap& headers);

}  // namespace weir::http::h1
