#include "filter/adaptive_concurrency.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace weir::filter {

namespace {

class AdaptiveConcurrency final : public Filter {
 public:
  explicit AdaptiveConcurrency(const AdaptiveConcurrencySpec& spec) : spec_(spec) {}

  Verdict on_request(Exchange& exchange) override {
    if (!spec_.enabled_key.flag(spec_.enabled) || exchange.info.health_check) return Verdict::proceed();
    const MonotonicNs now = exchange.loop.now();
    if (!spec_.controller->enter(now, exchange.random)) {
      return Verdict::reply(spec_.status, "reached concurrency limit", "reached_concurrency_limit");
    }
    sent_ = now;
    return Verdict::proceed();
  }

  void on_end(Exchange& exchange) override {
    if (sent_ == 0) return;
    if (exchange.info.response_complete != 0) {
      spec_.controller->end(sent_, exchange.loop.now(), exchange.random);
    } else {
      spec_.controller->cancel();
    }
  }

 private:
  const AdaptiveConcurrencySpec& spec_;
  MonotonicNs sent_ = 0;  // 0: it was not let through
};

class AdaptiveConcurrencyFactory final : public FilterFactory {
 public:
  explicit AdaptiveConcurrencyFactory(AdaptiveConcurrencySpec spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings&) const override {
    return make_in<AdaptiveConcurrency>(exchange.arena, spec_);
  }

 private:
  const AdaptiveConcurrencySpec spec_;
};

}  // namespace

// --- the sample ---

/// Buckets are parts of powers of two: a time is known within a thirty-second part of itself.
void LatencySample::add(int64_t us) {
  const auto time = static_cast<uint64_t>(std::max<int64_t>(us, 1));
  const auto power = static_cast<size_t>(std::bit_width(time) - 1);
  const size_t part = power < 5 ? (time << (5 - power)) - kParts : (time >> (power - 5)) - kParts;
  buckets_[std::min(power * kParts + part, kBuckets - 1)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
}

int64_t LatencySample::take(double share) {
  const double wanted = share * count();
  double reached = 0;
  int64_t result = 0;
  for (size_t i = 0; i < kBuckets && result == 0; ++i) {
    reached += buckets_[i].load(std::memory_order_relaxed);
    if (reached == 0 || reached < wanted) continue;
    const size_t power = i / kParts, part = i % kParts;
    result = std::max<int64_t>(1, static_cast<int64_t>(((uint64_t{kParts} + part) << power) / kParts));
  }
  clear();
  return result;
}

void LatencySample::clear() {
  for (auto& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
}

// --- the controller ---

GradientController::GradientController(const GradientSpec& spec, MonotonicNs now)
    : spec_(spec), limit_(spec.least), next_update_(now + spec.update_ms * kNsPerMs) {
  if (spec_.fixed_us > 0) {
    least_us_ = spec_.fixed_us;
  } else {
    begin_measuring(now);
  }
}

bool GradientController::enter(MonotonicNs now, Random& random) {
  look_at_clock(now, random);
  if (under_way_.load(std::memory_order_relaxed) < limit()) {
    under_way_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  blocked.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void GradientController::end(MonotonicNs sent, MonotonicNs now, Random& random) {
  cancel();
  if (sent >= measuring_since_.load(std::memory_order_relaxed)) sample_.add((now - sent) / 1000);
  if (measuring() && sample_.count() >= spec_.measure_count) {
    if (busy_.exchange(true)) return;
    if (measuring()) end_measuring(now, random);
    busy_ = false;
    return;
  }
  look_at_clock(now, random);
}

void GradientController::look_at_clock(MonotonicNs now, Random& random) {
  if (now < next_update_.load(std::memory_order_relaxed) && now < next_measuring_.load(std::memory_order_relaxed)) return;
  if (busy_.exchange(true)) return;
  if (!measuring()) {
    if (now >= next_measuring_.load(std::memory_order_relaxed)) {
      begin_measuring(now);
    } else {
      update(now);
    }
  }
  next_update_ = now + spec_.update_ms * kNsPerMs;
  busy_ = false;
}

/// With as few requests as may be, answers are as quick as they get.
void GradientController::begin_measuring(MonotonicNs now) {
  measuring_ = true;
  next_measuring_ = INT64_MAX;
  limit_before_ = limit();
  set_limit(spec_.least, now);
  sample_.clear();
  measuring_since_ = now;
}

void GradientController::end_measuring(MonotonicNs now, Random& random) {
  least_us_ = sample_.take(spec_.percentile);
  set_limit(limit_before_, now);
  measuring_ = false;
  const auto jitter = static_cast<uint64_t>(std::ceil(static_cast<double>(spec_.measure_ms) * spec_.jitter));
  next_measuring_ = now + (spec_.measure_ms + static_cast<int64_t>(random.below(jitter))) * kNsPerMs;
  next_update_ = now + spec_.update_ms * kNsPerMs;
}

void GradientController::update(MonotonicNs now) {
  if (sample_.count() == 0) return;
  const int64_t sample = sample_.take(spec_.percentile);
  sample_us_ = sample;
  const double good = static_cast<double>(least_us()) * (1 + spec_.buffer);
  const double gradient = std::clamp(good / static_cast<double>(sample), 0.5, 2.0);
  gradient_ = gradient;
  const double scaled = limit() * gradient;
  const double headroom = std::sqrt(scaled);
  headroom_ = static_cast<uint32_t>(headroom);
  set_limit(std::max(spec_.least, std::min(spec_.most, static_cast<uint32_t>(scaled + headroom))), now);
}

/// A limit that stays at the least may come from a time that was measured wrong.
void GradientController::set_limit(uint32_t limit, MonotonicNs now) {
  constexpr uint32_t kMostTimes = 5;
  const uint32_t before = limit_.exchange(limit);
  times_at_least_ = !measuring() && before == spec_.least && limit == spec_.least ? times_at_least_ + 1 : 0;
  if (times_at_least_ >= kMostTimes && spec_.fixed_us == 0) next_measuring_ = now;
}

stats::Registry::Registration show_gradient(const FilterContext& context, const std::shared_ptr<GradientController>& controller) {
  return context.stats.registry().add(context.stat_prefix + "adaptive_concurrency.gradient_controller.",
                                      [controller](stats::StatVisitor& visitor) {
                                        if (visitor.wants(stats::StatKind::kCounter) && !visitor.resets_counters()) {
                                          visitor.counter("rq_blocked", controller->blocked.load(std::memory_order_relaxed));
                                        }
                                        if (!visitor.wants(stats::StatKind::kGauge)) return;
                                        visitor.gauge("burst_queue_size", controller->headroom());
                                        visitor.gauge("concurrency_limit", controller->limit());
                                        visitor.gauge("gradient", static_cast<int64_t>(controller->gradient()));
                                        visitor.gauge("min_rtt_calculation_active", controller->measuring() ? 1 : 0);
                                        visitor.gauge("min_rtt_msecs", controller->least_us() / 1000);
                                        visitor.gauge("sample_rtt_msecs", controller->sample_us() / 1000);
                                      });
}

FilterFactoryPtr make_adaptive_concurrency(AdaptiveConcurrencySpec spec) {
  return std::make_shared<const AdaptiveConcurrencyFactory>(std::move(spec));
}

}  // namespace weir::filter
