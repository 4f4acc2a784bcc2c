// Internal redirects: whether the redirect that an upstream answered with is followed here instead of by the client.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "http/header_map.h"
#include "route/spec.h"
#include "route/table.h"

namespace weir::proxy {

enum class RedirectVerdict : uint8_t { kFollow, kBadLocation, kUnsafeScheme, kTooMany, kNoRoute, kRefusedByPredicate };

/// The redirects that one request has been through. In the request's arena.
struct RedirectStep {
  std::string_view from_route;
  std::string_view to_route;
  const RedirectStep* before;
  uint32_t count;  // with those before it
};

/// The absolute http or https URL of a Location header, in parts. No scheme if it is none.
struct RedirectTarget {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;  // with its query
};
RedirectTarget parse_redirect(std::string_view location);

/// What is known about a request that was answered with a redirect.
struct RedirectedRequest {
  http::HeaderMap& headers;
  const http::HeaderMap& response;
  const route::RouteTable& table;
  const route::MatchContext& context;
  const route::Route& route;
  bool tls;  // of the client's connection
};

/// Decides; if the redirect is followed the headers are those of the next request, and `steps` has grown. Else they are as
/// before.
RedirectVerdict apply_internal_redirect(const route::InternalRedirectPolicy& policy, const RedirectedRequest& request,
                                        const RedirectStep*& steps);

}  // namespace weir::proxy
