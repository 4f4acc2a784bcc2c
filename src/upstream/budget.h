// Budget: a limit that holds for the whole process, taken as a lease and given back when the lease ends (circuit breakers).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/runtime.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// How many of something may exist at once. From any thread. Racing takers may overshoot by their number, as in Envoy.
class Budget {
 public:
  explicit Budget(uint64_t limit) : limit_(limit) {}

  bool open() const { return static_cast<uint64_t>(used()) >= limit(); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  bool used_ever() const { return used_ever_.load(std::memory_order_relaxed); }
  /// Never negative.
  int64_t used() const { return std::max<int64_t>(used_.load(std::memory_order_relaxed), 0); }
  int64_t remaining() const {
    const uint64_t limit = this->limit(), used = static_cast<uint64_t>(this->used());
    return limit > used ? static_cast<int64_t>(limit - used) : 0;
  }

  /// Holds one unit for as long as it lives.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      return *this;
    }
    ~Lease() { give_back(); }
    bool held() const { return budget_ != nullptr; }
    void give_back() {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->used_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class Budget;
    explicit Lease(Budget& budget) : budget_(&budget) {}
    Budget* budget_ = nullptr;
  };

  /// Takes a unit whatever the limit says; ask open() first.
  Lease take() {
    used_.fetch_add(1, std::memory_order_relaxed);
    if (!used_ever()) used_ever_.store(true, std::memory_order_relaxed);
    return Lease(*this);
  }

 private:
  std::atomic<uint64_t> limit_;
  std::atomic<int64_t> used_ = 0;
  std::atomic<bool> used_ever_ = false;
};

/// The circuit breakers of one cluster for one routing priority.
struct CircuitBreakers {
  explicit CircuitBreakers(const Thresholds& thresholds)
      : connections(thresholds.max_connections),
        pending_requests(thresholds.max_pending_requests),
        requests(thresholds.max_requests),
        retries(thresholds.max_retries),
        pools(thresholds.max_connection_pools),
        has_retry_budget(thresholds.retry_budget.has_value()) {
    if (has_retry_budget) set_retry_budget(*thresholds.retry_budget);
  }
  /// Limits that the runtime has under `prefix` (circuit_breakers.<cluster>.<priority>.) take the place of `thresholds`.
  void follow(const RuntimeValues& runtime, const std::string& prefix, const Thresholds& thresholds);

  Budget connections, pending_requests, requests, retries, pools;
  const bool has_retry_budget;
  /// Whether anybody asked what the budget allows; until then Envoy shows the limit that it takes the place of as what remains.
  mutable std::atomic<bool> retry_budget_asked = false;

  /// How many retries there may be at once.
  uint64_t retry_limit() const;
  bool retries_open() const { return static_cast<uint64_t>(retries.used()) >= retry_limit(); }

 private:
  void set_retry_budget(const Thresholds::RetryBudget& budget) {
    retry_percent_.store(budget.percent, std::memory_order_relaxed);
    min_retries_.store(budget.min_concurrency, std::memory_order_relaxed);
  }

  std::atomic<double> retry_percent_ = 0;
  std::atomic<uint32_t> min_retries_ = 0;
};

}  // namespace weir::upstream
