// Rate limits of the configuration become values: for routes, and for filters that have some of their own.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <vector>

#include "config/path.h"
#include "format/matcher_config.h"
#include "route/rate_limit.h"

namespace envoy::config::route::v3 {
class QueryParameterMatcher;
class RateLimit;
}  // namespace envoy::config::route::v3

namespace weir::route {

/// Reads messages that the loader has validated; errors are reported through `reader`. The limits are a filter's own: those have
/// no stages, and what a request counts as has an effect.
std::vector<RateLimit> read_rate_limits(const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>& config,
                                        const config::FieldPath& at, format::MatcherReader reader);
QueryMatcher read_query_matcher(const envoy::config::route::v3::QueryParameterMatcher& config, const config::FieldPath& at,
                                format::MatcherReader& reader);

}  // namespace weir::route
