// Budget: a limit that holds for the whole process, taken as a lease and given back when the lease ends (circuit breakers).
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "upstream/spec.h"

namespace weir::upstream {

/// How many of something may exist at once. From any thread. Racing takers may overshoot by their number, as in Envoy.
class Budget {
 public:
  explicit Budget(uint32_t limit) : limit_(limit) {}

  bool open() const { return used_.load(std::memory_order_relaxed) >= static_cast<int64_t>(limit_); }
  uint32_t limit() const { return limit_; }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t remaining() const { return static_cast<int64_t>(limit_) > used() ? limit_ - used() : 0; }

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
    return Lease(*this);
  }

 private:
  const uint32_t limit_;
  std::atomic<int64_t> used_ = 0;
};

/// The circuit breakers of one cluster for one routing priority.
struct CircuitBreakers {
  explicit CircuitBreakers(const Thresholds& thresholds)
      : connections(thresholds.max_connections),
        pending_requests(thresholds.max_pending_requests),
        requests(thresholds.max_requests),
        retries(thresholds.max_retries) {}
  Budget connections, pending_requests, requests, retries;
};

}  // namespace weir::upstream
