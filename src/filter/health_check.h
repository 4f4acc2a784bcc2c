// health_check: answers requests that ask whether this proxy is well, and says in other answers when it is not.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "filter/catalog.h"
#include "filter/context.h"
#include "filter/filter.h"
#include "format/header_matcher.h"

namespace weir::filter {

struct HealthCheckSpec {
  bool pass_through = false;                                        // the upstream answers
  int64_t cache_ms = 0;                                             // how long its answer is given without asking again; 0: never
  std::vector<std::pair<std::string, double>> min_healthy_percent;  // of clusters, for an answer of our own
  std::vector<format::HeaderMatcher> headers;                       // what makes a request a health check
  std::string service_cluster;
};

/// What the filter counts: `<connection manager's prefix>health_check.*`.
struct HealthCheckStats {
  stats::Counter request_total, failed, ok, cached_response, failed_cluster_not_found, failed_cluster_empty,
      failed_cluster_unhealthy, degraded;
};
std::shared_ptr<stats::Sharded<HealthCheckStats>> health_check_stats(const FilterContext& context);

FilterFactoryPtr make_health_check(HealthCheckSpec spec, std::shared_ptr<stats::Sharded<HealthCheckStats>> stats);

/// envoy.extensions.filters.http.health_check.v3.HealthCheck, see CatalogEntry.
FilterFactoryPtr read_health_check(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                   const FilterContext& context, config::Diagnostics& diagnostics);
void declare_health_check(config::SupportTable& table);

}  // namespace weir::filter
