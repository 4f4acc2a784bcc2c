#include "route/shadow.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/text.h"
#include "route/path_index.h"

namespace weir::route {

namespace {

using Kind = PathMatch::Kind;

bool has_letters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// A regex that is a prefix in disguise, such as "/.*".
std::optional<std::string_view> prefix_of(const PathMatch& path) {
  if (path.kind == Kind::kPrefix) return path.text;
  if (path.kind != Kind::kRegex) return std::nullopt;
  if (path.regex.pattern() == ".*") return "";
  if (path.regex.pattern() == "/.*") return "/";
  return std::nullopt;
}

/// What every path that `path` matches starts with.
std::string_view beginning(const PathMatch& path) {
  switch (path.kind) {
    case Kind::kPrefix:
    case Kind::kExact:
    case Kind::kSeparatedPrefix:
      return path.text;
    case Kind::kRegex:
      return prefix_of(path).value_or(path.regex.literal_prefix());
    case Kind::kTemplate:
      return path.path_template.literal_prefix();
    case Kind::kConnect:
    case Kind::kNever:
      break;
  }
  return {};
}

/// Whether `whole` starts with `start` in every spelling that each side allows.
bool always_starts_with(std::string_view whole, bool whole_case_sensitive, std::string_view start, bool start_case_sensitive) {
  if (!start_case_sensitive) return starts_ignoring_case(whole, start);
  return whole.starts_with(start) && (whole_case_sensitive || !has_letters(start));
}

bool path_covers(const PathMatch& outer, const PathMatch& inner) {
  if (outer.kind == Kind::kNever || inner.kind == Kind::kNever) return false;
  if (outer.kind == Kind::kConnect || inner.kind == Kind::kConnect) return outer.kind == inner.kind;
  if (outer.kind == Kind::kRegex && inner.kind == Kind::kRegex && outer.regex.pattern() == inner.regex.pattern()) return true;
  const std::string_view start = beginning(inner);
  // Case means nothing to regexes and templates.
  const bool inner_sensitive = inner.case_sensitive || inner.kind == Kind::kRegex || inner.kind == Kind::kTemplate;
  const auto starts_with = [&](std::string_view text) {
    return always_starts_with(start, inner_sensitive, text, outer.case_sensitive || outer.kind == Kind::kRegex);
  };
  if (const auto prefix = prefix_of(outer)) return starts_with(*prefix);
  if (outer.kind == Kind::kExact) {
    return inner.kind == Kind::kExact && start.size() == outer.text.size() && starts_with(outer.text);
  }
  if (outer.kind == Kind::kSeparatedPrefix) {
    if (!starts_with(outer.text)) return false;
    if (start.size() > outer.text.size()) return start[outer.text.size()] == '/';
    return inner.kind == Kind::kExact || inner.kind == Kind::kSeparatedPrefix;
  }
  if (outer.kind == Kind::kTemplate) {
    return inner.kind == Kind::kTemplate && outer.path_template.pattern() == inner.path_template.pattern();
  }
  return false;
}

bool same(const TextMatcher& a, const TextMatcher& b) {
  if (a.kind != b.kind || a.ignore_case != b.ignore_case) return false;
  return a.kind == TextMatcher::Kind::kRegex ? a.regex.pattern() == b.regex.pattern() : a.text == b.text;
}

bool same(const HeaderMatcher& a, const HeaderMatcher& b) {
  if (!(a.name == b.name) || a.kind != b.kind || a.invert != b.invert || a.treat_missing_as_empty != b.treat_missing_as_empty)
    return false;
  switch (a.kind) {
    case HeaderMatcher::Kind::kPresent:
      return a.present == b.present;
    case HeaderMatcher::Kind::kText:
      return same(a.text, b.text);
    case HeaderMatcher::Kind::kRange:
      return a.start == b.start && a.end == b.end;
  }
  return false;
}

/// Whether `known` holding means that `asked` holds too.
bool implies(const HeaderMatcher& known, const HeaderMatcher& asked) {
  if (same(known, asked)) return true;
  // A header whose value was looked at is there.
  const bool asks_for_presence = asked.kind == HeaderMatcher::Kind::kPresent && asked.present != asked.invert;
  return asks_for_presence && known.name == asked.name && known.kind != HeaderMatcher::Kind::kPresent &&
         !known.treat_missing_as_empty;
}

bool same(const QueryMatcher& a, const QueryMatcher& b) {
  if (a.name != b.name || a.text.has_value() != b.text.has_value()) return false;
  return a.text ? same(*a.text, *b.text) : a.present == b.present;
}

bool fraction_covers(const Boxed<Fraction>& outer, const Boxed<Fraction>& inner) {
  if (!outer) return true;
  if (inner && outer->numerator == inner->numerator && outer->denominator == inner->denominator &&
      outer->runtime_key == inner->runtime_key)
    return true;  // one number decides about both
  return outer->runtime_key.empty() && outer->numerator >= outer->denominator;
}

}  // namespace

bool covers(const RouteMatch& outer, const RouteMatch& inner) {
  // The names of all members: whoever adds one must decide here what it means.
  const auto& [path, headers, parameters, grpc, presented, validated, fraction, metadata, state] = outer;
  if (!metadata.empty() || !state.empty()) return false;  // it cannot be told what they find
  if (!path_covers(path, inner.path) || !fraction_covers(fraction, inner.runtime_fraction)) return false;
  if (grpc && !inner.grpc) return false;
  if (presented && presented != inner.tls_presented) return false;
  if (validated && validated != inner.tls_validated) return false;
  const auto known = [](const auto& list, auto&& fits) { return std::ranges::any_of(list, fits); };
  return std::ranges::all_of(headers,
                             [&](const HeaderMatcher& asked) {
                               return known(inner.headers, [&](const HeaderMatcher& each) { return implies(each, asked); });
                             }) &&
         std::ranges::all_of(parameters, [&](const QueryMatcher& asked) {
           return known(inner.query_parameters, [&](const QueryMatcher& each) { return same(each, asked); });
         });
}

namespace {

/// `routes` are those that are asked one after the other; `first` is the position of the first of them.
void find_shadows(std::span<const Route> routes, uint32_t first, std::vector<Shadow>& shadows) {
  constexpr size_t kMostAsked = 2000;  // a route; more earlier routes of the same beginning are not looked at
  // Who may hide others, by what their paths begin with: only those on a path's way can hide it.
  PathTrie exact_case, any_case;
  std::unordered_map<std::string_view, std::vector<uint32_t>> by_regex;
  std::vector<uint32_t> connects;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const PathMatch& path = routes[i].match.path;
    if (path.kind == Kind::kConnect) {
      connects.push_back(i);
    } else if (path.kind == Kind::kRegex && !prefix_of(path)) {
      by_regex[path.regex.pattern()].push_back(i);
    } else {
      (path.case_sensitive || path.kind == Kind::kRegex ? exact_case : any_case).add(beginning(path), i);
    }
  }
  exact_case.finish(false);
  any_case.finish(true);

  for (uint32_t i = 0; i < routes.size(); ++i) {
    const RouteMatch& inner = routes[i].match;
    uint32_t by = i;
    size_t asked = 0;
    const auto ask = [&](std::span<const uint32_t> candidates) {
      for (const uint32_t candidate : candidates) {
        if (candidate >= by || ++asked > kMostAsked) return;
        if (covers(routes[candidate].match, inner)) by = candidate;
      }
    };
    if (inner.path.kind == Kind::kConnect) {
      ask(connects);
    } else {
      exact_case.walk(beginning(inner.path), ask);
      any_case.walk(beginning(inner.path), ask);
      if (inner.path.kind == Kind::kRegex) {
        const auto same_regex = by_regex.find(inner.path.regex.pattern());
        if (same_regex != by_regex.end()) ask(same_regex->second);
      }
    }
    if (by != i) shadows.push_back({first + i, first + by});
  }
}

}  // namespace

std::vector<Shadow> find_shadows(const VirtualHost& virtual_host) {
  std::vector<Shadow> shadows;
  if (virtual_host.matcher.empty()) {
    find_shadows(virtual_host.routes, 0, shadows);
  }
  for (const MatcherRoutes& list : virtual_host.matcher_routes) {
    find_shadows(std::span(virtual_host.routes).subspan(list.first, list.count), list.first, shadows);
  }
  return shadows;
}

}  // namespace weir::route
