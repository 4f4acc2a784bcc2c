#include "upstream/budget.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

TEST(CircuitBreakers, TheRuntimeMayReplaceALimitAndGiveItBack) {
  Thresholds thresholds;
  thresholds.max_requests = 5;
  CircuitBreakers breakers(thresholds);
  RuntimeValues runtime;
  runtime.assign({{"circuit_breakers.c.default.max_requests", RuntimeValue::number(1)},
                  {"circuit_breakers.c.default.max_retries", RuntimeValue::number(9)}});
  breakers.follow(runtime, "circuit_breakers.c.default.", thresholds);
  EXPECT_EQ(breakers.requests.limit(), 1u);
  EXPECT_EQ(breakers.retry_limit(), 9u);
  EXPECT_EQ(breakers.connections.limit(), 1024u);
  const Budget::Lease lease = breakers.requests.take();
  EXPECT_TRUE(breakers.requests.open());
  runtime.assign({});
  breakers.follow(runtime, "circuit_breakers.c.default.", thresholds);
  EXPECT_EQ(breakers.requests.limit(), 5u);
  EXPECT_EQ(breakers.retry_limit(), 3u);
  EXPECT_FALSE(breakers.requests.open());
}

TEST(CircuitBreakers, ABudgetOfRetriesFollowsTheRequestsUnderWay) {
  Thresholds thresholds;
  thresholds.retry_budget = Thresholds::RetryBudget{.percent = 50, .min_concurrency = 1};
  CircuitBreakers breakers(thresholds);
  EXPECT_EQ(breakers.retry_limit(), 1u);
  std::vector<Budget::Lease> leases;
  for (int i = 0; i < 8; ++i) leases.push_back(breakers.requests.take());
  EXPECT_EQ(breakers.retry_limit(), 4u);
  RuntimeValues runtime;
  runtime.assign({{"b.retry_budget.budget_percent", RuntimeValue::number(100)}});
  breakers.follow(runtime, "b.", thresholds);
  EXPECT_EQ(breakers.retry_limit(), 8u);
  runtime.assign({{"b.retry_budget.min_retry_concurrency", RuntimeValue::number(20)}});
  breakers.follow(runtime, "b.", thresholds);
  EXPECT_EQ(breakers.retry_limit(), 20u);
}

}  // namespace
}  // namespace weir::upstream
