// The token bucket of whoever limits connections.
#pragma once

#include <memory>

#include "base/token_bucket.h"
#include "config/diagnostic.h"
#include "config/path.h"

namespace envoy::type::v3 {
class TokenBucket;
}

namespace weir::proxy {

/// Full at once. Null after reporting an error.
std::unique_ptr<TokenBucket> read_token_bucket(const envoy::type::v3::TokenBucket& from, const config::FieldPath& at,
                                               config::Diagnostics& diagnostics);

}  // namespace weir::proxy
