// local_ratelimit: requests that come more often than buckets of tokens allow are answered with 429, without asking anybody.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/token_bucket.h"
#include "filter/catalog.h"
#include "filter/descriptors.h"
#include "filter/filter.h"
#include "format/fraction.h"
#include "route/spec.h"

namespace weir::filter {

struct BucketSpec {
  uint64_t max_tokens = 0;
  double per_second = 0;
};

/// The buckets of one configuration, for the whole process or for one connection.
class LocalLimits {
 public:
  struct DescriptorSpec {
    std::vector<std::pair<std::string, std::string>> entries;  // a value of "": each value has a bucket of its own
    BucketSpec bucket;
    bool for_any_value() const;
  };
  struct Spec {
    std::optional<BucketSpec> usual;          // for what no descriptor fits; none: that is not limited
    std::vector<DescriptorSpec> descriptors;  // each once
    bool always_usual = true;                 // also for what a descriptor fits
    size_t most_values = 20;                  // that a descriptor keeps buckets for; the one unused for longest makes room
  };

  LocalLimits(const Spec& spec, MonotonicNs now);

  struct Outcome {
    bool allowed = true;
    std::shared_ptr<const TokenBucket> bucket;  // that decided, or that decides next; null: none
  };
  /// Takes tokens for a request. From any thread.
  Outcome take(const std::vector<Descriptor>& descriptors, MonotonicNs now);

 private:
  /// The buckets of the values that were seen lately; immutable but for when they were used.
  struct OfValue {
    std::string values;
    std::shared_ptr<TokenBucket> bucket;
    std::shared_ptr<std::atomic<MonotonicNs>> used;
  };
  struct Limit {
    const DescriptorSpec* spec;
    std::shared_ptr<TokenBucket> bucket;  // null where each value has its own
    std::unique_ptr<std::atomic<std::shared_ptr<const std::vector<OfValue>>>> by_value;
  };
  std::shared_ptr<TokenBucket> bucket_of(const Limit& limit, const Descriptor& descriptor, MonotonicNs now) const;

  const Spec& spec_;  // outlives this
  std::shared_ptr<TokenBucket> usual_;
  std::vector<Limit> limits_;
};

struct LocalRateLimitStats {
  stats::Counter enabled, enforced, ok, rate_limited;
};

/// What the filter is told, by the connection manager or by a route; each has its own buckets.
struct LocalRateLimitSpec : route::FilterSettings {
  std::shared_ptr<stats::Sharded<LocalRateLimitStats>> stats;
  int status = 429;
  LocalLimits::Spec buckets;
  std::shared_ptr<LocalLimits> limits;  // of the whole process
  std::optional<format::Fraction> enabled, enforced;
  route::HeaderMutations request_headers;     // of a request over the limit that is let through
  route::HeaderMutations response_headers;    // of one that is not
  std::vector<route::RateLimit> rate_limits;  // instead of the route's
  uint32_t stage = 0;
  bool per_connection = false;
  bool tells_limits = false;  // x-ratelimit-limit, -remaining, -reset
  bool resource_exhausted = false;
  VirtualHostLimits from_host = VirtualHostLimits::kIfRouteHasNone;
  std::string service_cluster;
};

std::shared_ptr<stats::Sharded<LocalRateLimitStats>> local_rate_limit_stats(const FilterContext& context,
                                                                            const std::string& stat_prefix);
FilterFactoryPtr make_local_rate_limit(std::shared_ptr<const LocalRateLimitSpec> spec);

/// envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, see CatalogEntry.
FilterFactoryPtr read_local_rate_limit(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                       const FilterContext& context, config::Diagnostics& diagnostics);
/// The same message.
route::FilterSettingsPtr read_local_rate_limit_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                        const FilterContext& context, config::Diagnostics& diagnostics);
void declare_local_rate_limit(config::SupportTable& table);

}  // namespace weir::filter
