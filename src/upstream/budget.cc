#include "upstream/budget.h"

namespace weir::upstream {

uint64_t CircuitBreakers::retry_limit() const {
  if (!has_retry_budget) return retries.limit();
  retry_budget_asked.store(true, std::memory_order_relaxed);
  const auto under_way = static_cast<double>(requests.used() + pending_requests.used());
  const auto share = static_cast<uint64_t>(std::max(retry_percent_.load(std::memory_order_relaxed), 0.0) / 100 * under_way);
  return std::max<uint64_t>(share, min_retries_.load(std::memory_order_relaxed));
}

void CircuitBreakers::follow(const RuntimeValues& runtime, const std::string& prefix, const Thresholds& thresholds) {
  const auto limit = [&](const char* name, uint64_t otherwise) {
    return runtime.value(prefix + name).as_integer().value_or(otherwise);
  };
  connections.set_limit(limit("max_connections", thresholds.max_connections));
  pending_requests.set_limit(limit("max_pending_requests", thresholds.max_pending_requests));
  requests.set_limit(limit("max_requests", thresholds.max_requests));
  retries.set_limit(limit("max_retries", thresholds.max_retries));
  pools.set_limit(limit("max_connection_pools", thresholds.max_connection_pools));
  if (!has_retry_budget) return;
  Thresholds::RetryBudget budget = *thresholds.retry_budget;
  budget.percent = runtime.value(prefix + "retry_budget.budget_percent").as_number().value_or(budget.percent);
  budget.min_concurrency =
      static_cast<uint32_t>(std::min<uint64_t>(limit("retry_budget.min_retry_concurrency", budget.min_concurrency), UINT32_MAX));
  set_retry_budget(budget);
}

}  // namespace weir::upstream
