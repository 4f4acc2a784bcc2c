#include "proxy/internal_redirect.h"

#include <algorithm>

#include "base/text.h"
#include "http/url.h"

namespace weir::proxy {

using http::HeaderId;
using http::HeaderMap;

namespace {

constexpr std::string_view kHttp = "http";
constexpr std::string_view kHttps = "https";

bool predicates_accept(const route::InternalRedirectPolicy& policy, const RedirectedRequest& request,
                       const RedirectTarget& target, const route::Route& next, const RedirectStep* steps) {
  if (policy.safe_cross_scheme && !request.tls && target.scheme == kHttps) return false;
  if (policy.allowed_route_names &&
      std::ranges::find(*policy.allowed_route_names, next.name) == policy.allowed_route_names->end())
    return false;
  if (!policy.never_the_same_way_twice) return true;
  for (const RedirectStep* step = steps; step != nullptr; step = step->before) {
    if (step->from_route == request.route.name && step->to_route == next.name) return false;
  }
  return true;
}

/// A 303 asks for what is elsewhere, whatever was sent here (RFC 9110 §15.4.4).
void forget_body(HeaderMap& request) {
  if (request.method() == "GET" || request.method() == "HEAD") return;
  request.set_pseudo(HeaderId::kMethod, "GET");
  request.remove(HeaderId::kContentLength);
}

}  // namespace

RedirectTarget parse_redirect(std::string_view location) {
  const std::optional<http::Url> url = http::parse_url(location);
  if (!url) return {};
  const std::string_view scheme = iequals(url->scheme, kHttp) ? kHttp : iequals(url->scheme, kHttps) ? kHttps : url->scheme;
  return {scheme, url->authority, url->path.empty() ? "/" : url->path.substr(0, url->path.find('#'))};
}

RedirectVerdict apply_internal_redirect(const route::InternalRedirectPolicy& policy, const RedirectedRequest& request,
                                        const RedirectStep*& steps) {
  HeaderMap& headers = request.headers;
  const RedirectTarget target = parse_redirect(request.response.get(HeaderId::kLocation));
  if (target.scheme.empty()) return RedirectVerdict::kBadLocation;
  if (!policy.allow_cross_scheme_redirect && (target.scheme == kHttp) == request.tls) return RedirectVerdict::kUnsafeScheme;
  if (steps != nullptr && steps->count >= policy.max_internal_redirects) return RedirectVerdict::kTooMany;
  if (policy.max_internal_redirects == 0) return RedirectVerdict::kTooMany;

  Arena& arena = headers.arena();
  const std::string_view old_scheme = headers.scheme(), old_host = headers.authority(), old_path = headers.path();
  headers.set_pseudo(HeaderId::kScheme, arena.copy(target.scheme));
  headers.set_pseudo(HeaderId::kAuthority, arena.copy(target.authority));
  headers.set_pseudo(HeaderId::kPath, arena.copy(target.path));
  const route::Route* next = request.table.find(headers, request.context).route;
  const RedirectVerdict verdict = next == nullptr ? RedirectVerdict::kNoRoute
                                  : predicates_accept(policy, request, target, *next, steps)
                                      ? RedirectVerdict::kFollow
                                      : RedirectVerdict::kRefusedByPredicate;
  if (verdict != RedirectVerdict::kFollow) {
    headers.set_pseudo(HeaderId::kScheme, old_scheme);
    headers.set_pseudo(HeaderId::kAuthority, old_host);
    headers.set_pseudo(HeaderId::kPath, old_path);
    return verdict;
  }
  steps = arena.make<RedirectStep>(arena.copy(request.route.name), arena.copy(next->name), steps,
                                   steps == nullptr ? 1 : steps->count + 1);
  if (request.response.status() == 303) forget_body(headers);
  headers.set(HeaderId::kEnvoyOriginalUrl, arena.join(old_scheme.empty() ? kHttp : old_scheme, "://", old_host, old_path));
  for (const http::HeaderName& name : policy.response_headers_to_copy) {
    headers.remove(name.text);
    const std::string_view value = http::joined_value(request.response, name);
    if (value.data() != nullptr) headers.add(arena.copy(name.text), arena.copy(value));
  }
  return verdict;
}

}  // namespace weir::proxy
