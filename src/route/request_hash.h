// RequestHash: the number that hash policies make of a request, so that like requests go to like places.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "format/stream_info.h"
#include "http/header_map.h"
#include "route/spec.h"

namespace weir::route {

/// All policies combined, up to a terminal one that applies; nothing if none of them applies. As Envoy's: the order counts,
/// that of repeated header lines does not. A cookie that is not there and has a ttl is made if there is `set_cookies`: its
/// Set-Cookie value is added there, in the request's arena.
std::optional<uint64_t> request_hash(std::span<const HashPolicy> policies, const http::HeaderMap& request,
                                     const format::StreamInfo& info, std::vector<std::string_view>* set_cookies = nullptr);

/// The value of the first cookie of that name, without quotes around it; its data() is null if there is none.
std::string_view cookie_value(const http::HeaderMap& request, std::string_view name);

}  // namespace weir::route
