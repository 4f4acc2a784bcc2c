// Reading where the service of rate limits is.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "filter/call.h"

namespace envoy::config::ratelimit::v3 {
class RateLimitServiceConfig;
}

namespace weir::filter {

/// Reports errors at `at` or below. The timeout is the usual one.
void read_rate_limit_service(const envoy::config::ratelimit::v3::RateLimitServiceConfig& from, const config::FieldPath& at,
                             config::Diagnostics& diagnostics, CallSpec& into);

}  // namespace weir::filter
