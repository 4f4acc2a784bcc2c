// What may be in a URL, as far as a proxy has to judge it (RFC 3986).
#pragma once

#include <optional>
#include <string_view>

namespace weir::http {

struct Url {
  std::string_view scheme;
  bool has_user = false;       // "user:password@" in front of the host; as good as not there (RFC 9110 §4.2.4)
  std::string_view authority;  // host, and port if there is one
  std::string_view path;       // with query; may be empty
};

/// Takes "http://host:80/path?query" apart, whatever the scheme. Nothing if host or port are none, or if there are bytes in it
/// that cannot be in a URL.
std::optional<Url> parse_url(std::string_view text);

/// "http" of "http://…"; empty if `text` does not begin like that.
std::string_view url_scheme(std::string_view text);

/// A host name, IPv4 address, or IPv6 address in brackets, and a port. Userinfo is refused (RFC 9110 §4.2.4).
bool is_host_and_port(std::string_view text, bool port_required);

/// Whether all of these bytes may stand in an authority.
bool is_authority(std::string_view text);

/// RFC 9110 §10.1.3: an absolute or relative reference without fragment and userinfo.
bool is_referer(std::string_view text);

}  // namespace weir::http
