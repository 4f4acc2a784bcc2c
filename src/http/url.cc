#include "http/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "http/characters.h"

namespace weir::http {

namespace {

bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    char address[INET6_ADDRSTRLEN + 1] = {};
    in6_addr ignored;
    if (!host.ends_with(']') || host.size() - 2 > INET6_ADDRSTRLEN) return false;
    std::memcpy(address, host.data() + 1, host.size() - 2);
    return inet_pton(AF_INET6, address, &ignored) == 1;
  }
  return !host.empty() && std::ranges::all_of(host, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '.'; });
}

bool is_user(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "-_.!~*'()%;:&=+$,"); });
}

}  // namespace

std::string_view url_scheme(std::string_view text) {
  const std::string_view scheme = text.substr(0, std::min(text.find("://"), text.size()));
  const bool whole = scheme.size() < text.size() && !scheme.empty() && is_alpha(scheme.front());
  return whole && all_of(scheme, Bytes::kScheme) ? scheme : std::string_view();
}

bool is_host_and_port(std::string_view text, bool port_required) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) return !port_required && is_host(text);
  return is_host(text.substr(0, colon)) && parse_number<uint16_t>(text.substr(colon + 1)).has_value();
}

bool is_authority(std::string_view text) { return all_of(text, Bytes::kAuthority); }

std::optional<Url> parse_url(std::string_view text) {
  Url url{.scheme = url_scheme(text), .authority = {}, .path = {}};
  if (url.scheme.empty() || !all_of(text, Bytes::kVisible)) return std::nullopt;
  text.remove_prefix(url.scheme.size() + 3);
  url.authority = text.substr(0, text.find_first_of("/?"));
  url.path = text.substr(url.authority.size());
  if (const size_t at = url.authority.find('@'); at != std::string_view::npos) {
    if (!is_user(url.authority.substr(0, at))) return std::nullopt;
    url.has_user = true;
    url.authority.remove_prefix(at + 1);
  }
  if (!is_host_and_port(url.authority, false)) return std::nullopt;
  return url;
}

bool is_referer(std::string_view text) {
  if (const std::optional<Url> url = parse_url(text)) return !url->has_user && url->path.find('#') == std::string_view::npos;
  const std::string_view first = text.substr(0, text.find('/'));
  return first.find(':') == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=:@%/?"); });
}

}  // namespace weir::http
