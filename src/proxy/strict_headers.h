// Strict headers: requests whose x-envoy-* headers make no sense are refused where the router is told so (strict_check_headers).
#pragma once

#include <string_view>
#include <vector>

#include "http/header_map.h"

namespace weir::proxy {

/// The first header of those named whose value is not what it must be: a number, or a list of known retry conditions. Null: all
/// are right, or absent.
const http::Header* first_invalid(const std::vector<http::HeaderId>& checked, const http::HeaderMap& request);

}  // namespace weir::proxy
