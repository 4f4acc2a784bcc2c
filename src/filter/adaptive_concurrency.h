// adaptive_concurrency: lets so many requests through at once as answers come without getting slower (a gradient controller, as
// in Netflix's concurrency-limits).
#pragma once

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/runtime.h"
#include "filter/catalog.h"
#include "filter/filter.h"
#include "stats/cell.h"

namespace weir::filter {

struct GradientSpec {
  double percentile = 0.5;  // of the times of a window, that stands for all
  uint32_t most = 1000, least = 3;
  int64_t update_ms = 0;        // how often the limit is worked out anew
  int64_t measure_ms = 0;       // how often the time without load is measured
  int64_t fixed_us = 0;         // or that time; 0: it is measured
  double jitter = 0.15;         // of measure_ms
  uint32_t measure_count = 50;  // by so many requests
  double buffer = 0.25;         // how much slower than without load is still good
};

/// How long requests took, in microseconds: enough to tell a percentile. Any thread.
class LatencySample {
 public:
  void add(int64_t us);
  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  /// The time that `share` of them did not exceed; forgets them.
  int64_t take(double share);
  void clear();

 private:
  static constexpr size_t kParts = 32;  // of a power of two
  static constexpr size_t kBuckets = 40 * kParts;
  std::atomic<uint32_t> buckets_[kBuckets] = {};
  std::atomic<uint32_t> count_ = 0;
};

/// One for all workers, without a thread or timer of its own: whoever comes by when something is due does it.
class GradientController {
 public:
  GradientController(const GradientSpec& spec, MonotonicNs now);

  /// Whether one more request may go; end() or cancel() follows.
  bool enter(MonotonicNs now, Random& random);
  /// It was answered.
  void end(MonotonicNs sent, MonotonicNs now, Random& random);
  void cancel() { under_way_.fetch_sub(1, std::memory_order_relaxed); }

  uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
  bool measuring() const { return measuring_.load(std::memory_order_relaxed); }
  int64_t least_us() const { return least_us_.load(std::memory_order_relaxed); }
  int64_t sample_us() const { return sample_us_.load(std::memory_order_relaxed); }
  double gradient() const { return gradient_.load(std::memory_order_relaxed); }
  uint32_t headroom() const { return headroom_.load(std::memory_order_relaxed); }

  std::atomic<uint64_t> blocked = 0;  // how many were not let through

 private:
  void look_at_clock(MonotonicNs now, Random& random);
  void begin_measuring(MonotonicNs now);
  void end_measuring(MonotonicNs now, Random& random);
  void update(MonotonicNs now);
  void set_limit(uint32_t limit, MonotonicNs now);

  const GradientSpec spec_;
  std::atomic<int64_t> under_way_ = 0;
  std::atomic<uint32_t> limit_, limit_before_ = 0;
  std::atomic<bool> measuring_ = false, busy_ = false;  // busy: somebody works it out just now
  std::atomic<MonotonicNs> measuring_since_ = 0, next_update_ = 0, next_measuring_ = INT64_MAX;
  std::atomic<int64_t> least_us_ = 0, sample_us_ = 0;
  std::atomic<double> gradient_ = 0;
  std::atomic<uint32_t> headroom_ = 0;
  uint32_t times_at_least_ = 0;
  LatencySample sample_;
};

struct AdaptiveConcurrencySpec {
  bool enabled = true;
  RuntimeKey enabled_key;
  int status = 503;
  std::shared_ptr<GradientController> controller;
  stats::Registry::Registration registration;
};

FilterFactoryPtr make_adaptive_concurrency(AdaptiveConcurrencySpec spec);
stats::Registry::Registration show_gradient(const FilterContext& context, const std::shared_ptr<GradientController>& controller);

/// envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency, see CatalogEntry.
FilterFactoryPtr read_adaptive_concurrency(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                           const FilterContext& context, config::Diagnostics& diagnostics);
void declare_adaptive_concurrency(config::SupportTable& table);

}  // namespace weir::filter
