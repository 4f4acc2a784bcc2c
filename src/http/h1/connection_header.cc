#include "http/h1/connection_header.h"

#include <algorithm>

#include "base/text.h"

namespace weir::http::h1 {

namespace {

constexpr ProtocolError kRejected = {400, "http1.connection_header_rejected",
                                     "http/1.1 protocol error: Connection names what it must not"};
constexpr size_t kMaxNames = 9;
constexpr size_t kMaxTeSize = 255;  // when Connection names it

size_t count_names(std::string_view list) {
  size_t count = 0;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (comma != 0) ++count;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return count;
}

/// What an upgrade to HTTP/2 needs goes with it and, as in Envoy, not without one.
bool is_of_upgrade(std::string_view token) { return iequals(token, "upgrade") || iequals(token, "http2-settings"); }

enum class Fate : uint8_t { kRemoved, kKept, kRefused };

Fate remove_named(HeaderMap& headers, std::string_view name) {
  if (name == "host") {
    headers.remove_pseudo(HeaderId::kAuthority);
  } else if (name == "te") {
    const std::string_view te = headers.get(HeaderId::kTe);
    if (te.size() > kMaxTeSize) return Fate::kRefused;
    if (list_has_token(te, "trailers")) {
      if (te != "trailers") headers.set(HeaderId::kTe, "trailers");
      return Fate::kKept;
    }
    headers.remove(HeaderId::kTe);
  } else if (name != "connection") {
    headers.remove(name);
  }
  return Fate::kRemoved;
}

}  // namespace

void ignore_upgrades(HeaderMap& headers, HeadFacts& facts, const std::function<bool(std::string_view)>& ignored) {
  std::string_view left;
  bool any = false;
  for (std::string_view rest = headers.get(HeaderId::kUpgrade); !rest.empty();) {
    const std::string_view token = next_token(rest);
    if (token.empty()) continue;
    if (ignored(token)) {
      any = true;
    } else {
      left = left.empty() ? token : headers.arena().join(left, ",", token);
    }
  }
  if (!any) return;
  if (!left.empty()) return headers.set(HeaderId::kUpgrade, left);
  headers.remove(HeaderId::kUpgrade);
  facts.connection_upgrade = false;
}

std::optional<ProtocolError> settle_connection(HeaderMap& headers, HeadFacts& facts) {
  if (!headers.has(HeaderId::kConnection)) return std::nullopt;
  bool upgrade_taken_back = false;
  if (facts.connection_upgrade && headers.has(HeaderId::kUpgrade)) {
    if (!iequals(headers.get(HeaderId::kUpgrade), "h2c")) return std::nullopt;
    facts.connection_upgrade = false;  // RFC 9113 removed that way
    upgrade_taken_back = true;
    headers.remove(HeaderId::kUpgrade);
    headers.remove(HeaderId::kHttp2Settings);
  }
  const std::string_view list = headers.get_joined("connection");
  if (count_names(list) > kMaxNames) return kRejected;
  std::string_view kept;
  bool any_removed = false;
  const auto keep = [&](std::string_view token) { kept = kept.empty() ? token : headers.arena().join(kept, ",", token); };
  for (std::string_view rest = list; !rest.empty();) {
    const std::string_view token = next_token(rest);
    if (token.empty()) continue;
    if (upgrade_taken_back && is_of_upgrade(token)) {
      any_removed = true;
      continue;
    }
    if (iequals(token, "close") || iequals(token, "keep-alive") || is_of_upgrade(token)) {
      keep(token);
      continue;
    }
    const bool about_the_client =
        iequals(token, "x-forwarded-for") || iequals(token, "x-forwarded-host") || iequals(token, "x-forwarded-proto");
    if (token.front() == ':' || about_the_client) return kRejected;
    char* const name = headers.arena().allocate_chars(token.size());
    std::ranges::transform(token, name, [](char c) { return to_lower(c); });
    switch (remove_named(headers, {name, token.size()})) {
      case Fate::kRefused:
        return kRejected;
      case Fate::kKept:
        keep(token);
        break;
      case Fate::kRemoved:
        any_removed = true;
        break;
    }
  }
  if (!any_removed) return std::nullopt;
  if (kept.empty()) {
    headers.remove(HeaderId::kConnection);
  } else {
    headers.set(HeaderId::kConnection, kept);
  }
  return std::nullopt;
}

}  // namespace weir::http::h1
