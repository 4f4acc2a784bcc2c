// Explain: why a request goes where it goes: which routes were asked before the one that took it, and what each of them missed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "route/table.h"

namespace weir::route {

/// The first condition of a route that a request does not fulfil.
struct Miss {
  std::string condition;             // "path", "header version", "query parameter q", …
  std::string wanted;                // "exactly \"v2\""
  std::optional<std::string> found;  // what the request has; nothing if it has none

  /// `header version is "v1", not exactly "v2"`.
  std::string text() const;
};

/// What `match` misses in a request, in the order in which routes are matched; nothing if it matches. `path` is the part that
/// routes look at.
std::optional<Miss> first_miss(const RouteMatch& match, std::string_view path, const http::HeaderMap& request,
                               const MatchContext& context);

/// Conditions in words: `prefix /api`, `header version exactly "v2"`; all of a route's, separated by commas.
std::string describe(const PathMatch& match);
std::string describe(const HeaderMatcher& matcher);
std::string describe(const RouteMatch& match);

struct Candidate {
  uint32_t number = 0;  // its position in VirtualHost::routes
  const Route* route = nullptr;
  std::optional<Miss> miss;  // nothing: this one took the request
};

struct Explanation {
  Match match;
  uint32_t virtual_host_number = 0;
  std::string domain;                      // the domain of the virtual host that fits
  bool https_redirect = false;             // the virtual host requires TLS
  size_t route_count = 0;                  // of those that are asked one after the other
  std::vector<std::string> matcher_steps;  // what the virtual host's matcher looked at, in words
  std::vector<Candidate> candidates;       // all up to the route that matched, in order
};

/// Agrees with RouteTable::find.
Explanation explain(const RouteTable& table, const http::HeaderMap& request, const MatchContext& context);

}  // namespace weir::route
