#include "upstream/budget.h"

namespace weir::upstream {

uint64_t CircuitBreakers::retry_limit() const {
  if (!retry_budget) return retries.limit();
  const double percent = retry_budget->percent_key.number(retry_budget->percent);
  const auto under_way = static_cast<double>(requests.used() + pending_requests.used());
  const auto share = static_cast<uint64_t>(std::max(percent, 0.0) / 100 * under_way);
  return std::max(share, retry_budget->min_concurrency_key.integer(retry_budget->min_concurrency));
}

}  // namespace weir::upstream
