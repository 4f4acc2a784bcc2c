// Changing headers as routes ask: additions and removals at four levels, host and path rewrites, redirects.
#pragma once

#include <string_view>

#include "format/stream_info.h"
#include "http/header_map.h"
#include "route/table.h"

namespace weir::route {

/// One level: all removals, then all values are computed from the headers as they are now, then written. Values live in the
/// headers' arena or in the configuration.
void apply(const HeaderMutations& mutations, http::HeaderMap& headers, const format::FormatContext& context);

/// All levels for a forwarded request, from the weighted cluster to the route configuration (or the other way round, if the most
/// specific one shall win), then host and path are rewritten. `entry` is the weighted cluster, null if there is none.
/// `auto_host_rewrite` is left to who knows the upstream host (see set_host). With `envoy_headers` the first path is kept in
/// x-envoy-original-path.
void finalize_request(const RouteConfig& config, const Match& match, const WeightedCluster* entry, http::HeaderMap& request,
                      const format::FormatContext& context, bool envoy_headers);

/// All levels for a response of the upstream, a redirect or a direct response. Not for errors that Weir itself makes.
void finalize_response(const RouteConfig& config, const Match& match, const WeightedCluster* entry, http::HeaderMap& response,
                       const format::FormatContext& context);

/// Replaces :authority; the old one is appended to x-forwarded-host if `append_x_forwarded_host`, and kept in
/// x-envoy-original-host if `envoy_headers`.
void set_host(http::HeaderMap& request, std::string_view host, bool append_x_forwarded_host, bool envoy_headers);

/// Where a redirect leads: an absolute URL in the request's arena. The path of the request is rewritten first, if the redirect
/// says so; `envoy_headers` as above.
std::string_view redirect_location(const Redirect& redirect, const RouteMatch& match, http::HeaderMap& request,
                                   bool envoy_headers);

}  // namespace weir::route
