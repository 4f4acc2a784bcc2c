// bandwidth_limit: bodies of all requests together take no more than so many bytes a second.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/runtime.h"
#include "base/token_bucket.h"
#include "filter/catalog.h"
#include "filter/filter.h"
#include "stats/cell.h"

namespace weir::filter {

struct BandwidthStats {
  stats::Counter request_enabled, response_enabled, request_enforced, response_enforced, request_incoming_total_size,
      response_incoming_total_size, request_allowed_total_size, response_allowed_total_size;
  stats::Gauge request_pending, response_pending, request_incoming_size, response_incoming_size, request_allowed_size,
      response_allowed_size;
  stats::Histogram request_transfer_duration, response_transfer_duration;
};

/// What trailers of the answer tell, in milliseconds: how long bodies took, and how much of that was the filter's doing.
struct BandwidthTrailers {
  std::string request_delay, response_delay, request_filter_delay, response_filter_delay;  // names, in lower case
};

/// What the filter is told, by the connection manager or by a route.
struct BandwidthLimitSpec : route::FilterSettings {
  std::shared_ptr<stats::Sharded<BandwidthStats>> stats;
  bool requests = false, responses = false;
  int64_t interval_ms = 50;
  std::optional<BandwidthTrailers> trailers;
  RuntimeKey enabled_key;
  bool enabled = true;
  mutable std::unique_ptr<TokenBucket> bucket;  // bytes; begins with what one interval brings
  mutable std::atomic<bool> begun = false;
};

FilterFactoryPtr make_bandwidth_limit(std::shared_ptr<const BandwidthLimitSpec> spec);
std::shared_ptr<stats::Sharded<BandwidthStats>> bandwidth_stats(const FilterContext& context, const std::string& stat_prefix);

/// envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit, see CatalogEntry.
FilterFactoryPtr read_bandwidth_limit(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                      const FilterContext& context, config::Diagnostics& diagnostics);
/// The same message.
route::FilterSettingsPtr read_bandwidth_limit_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                       const FilterContext& context, config::Diagnostics& diagnostics);
void declare_bandwidth_limit(config::SupportTable& table);

}  // namespace weir::filter
