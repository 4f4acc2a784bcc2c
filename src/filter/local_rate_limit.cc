#include "filter/local_rate_limit.h"

#include <algorithm>

#include "route/mutations.h"
#include "stats/table.h"

namespace weir::filter {

namespace {

constexpr std::string_view kLimited = "local_rate_limited";

constexpr auto kStats = stats::table<LocalRateLimitStats>({
    {"enabled", &LocalRateLimitStats::enabled},
    {"enforced", &LocalRateLimitStats::enforced},
    {"ok", &LocalRateLimitStats::ok},
    {"rate_limited", &LocalRateLimitStats::rate_limited},
});

bool fits(const LocalLimits::DescriptorSpec& spec, const Descriptor& descriptor) {
  return std::ranges::equal(spec.entries, descriptor.entries, [](const auto& wanted, const Descriptor::Entry& entry) {
    return wanted.first == entry.key && (wanted.second.empty() || wanted.second == entry.value);
  });
}

class LocalRateLimit final : public Filter {
 public:
  LocalRateLimit(std::shared_ptr<const LocalRateLimitSpec> own, const LocalRateLimitSpec& spec)
      : own_(std::move(own)), spec_(spec) {}

  Verdict on_request(Exchange& exchange) override {
    if (!spec_.enabled || !spec_.enabled->holds(exchange.random.next())) return Verdict::proceed();
    LocalRateLimitStats& stats = spec_.stats->mine(exchange.worker);
    stats.enabled.add();
    std::vector<Descriptor> descriptors;
    if (!spec_.buckets.descriptors.empty()) {
      const DescriptorRules rules{.stage = spec_.stage, .service_cluster = spec_.service_cluster, .runtime_may_disable = false};
      if (!spec_.rate_limits.empty()) {
        add_descriptors(spec_.rate_limits, rules, exchange, descriptors);
      } else {
        add_route_descriptors(spec_.from_host, rules, exchange, descriptors);
      }
    }
    const LocalLimits::Outcome outcome = limits(exchange).take(descriptors, exchange.loop.now());
    bucket_ = outcome.bucket;
    if (outcome.allowed) {
      stats.ok.add();
      return Verdict::proceed();
    }
    stats.rate_limited.add();
    if (!spec_.enforced || !spec_.enforced->holds(exchange.random.next())) {
      route::apply(spec_.request_headers, exchange.request, exchange.format_context());
      return Verdict::proceed();
    }
    stats.enforced.add();
    return Verdict::reply({.status = spec_.status,
                           .body = kLimited,
                           .details = kLimited,
                           .grpc_status = spec_.resource_exhausted ? std::optional(8) : std::nullopt,
                           .flag = format::ResponseFlag::kRateLimited});
  }

  void on_reply(Exchange& exchange) override {
    route::apply(spec_.response_headers, exchange.response, exchange.format_context());
  }

  Verdict on_response(Exchange& exchange) override {
    if (!spec_.tells_limits || bucket_ == nullptr) return Verdict::proceed();
    const MonotonicNs now = exchange.loop.now();
    // As in Envoy whole seconds, of which a part is over by the time that anybody asks.
    const int64_t reset_s = std::max<int64_t>(bucket_->until_next(now) - 1, 0) / kNsPerSecond;
    Arena& arena = exchange.arena;
    exchange.response.add("x-ratelimit-limit", arena.decimal(static_cast<int64_t>(bucket_->most())));
    exchange.response.add("x-ratelimit-remaining", arena.decimal(static_cast<int64_t>(bucket_->available(now))));
    exchange.response.add("x-ratelimit-reset", arena.decimal(reset_s));
    return Verdict::proceed();
  }

 private:
  LocalLimits& limits(Exchange& exchange) const {
    if (!spec_.per_connection) return *spec_.limits;
    // As in Envoy, the first configuration that limits a connection is the one that goes on limiting it.
    std::shared_ptr<void>& kept = exchange.kept_for_connection("local_rate_limit");
    if (kept == nullptr) {
      struct Kept {
        explicit Kept(const LocalLimits::Spec& from, MonotonicNs now) : spec(from), limits(spec, now) {}
        const LocalLimits::Spec spec;
        LocalLimits limits;
      };
      auto made = std::make_shared<Kept>(spec_.buckets, exchange.loop.now());
      kept = std::shared_ptr<void>(made, &made->limits);
    }
    return *static_cast<LocalLimits*>(kept.get());
  }

  const std::shared_ptr<const LocalRateLimitSpec> own_;  // keeps `spec_`, unless that is the route's
  const LocalRateLimitSpec& spec_;
  std::shared_ptr<const TokenBucket> bucket_;
};

class LocalRateLimitFactory final : public FilterFactory {
 public:
  explicit LocalRateLimitFactory(std::shared_ptr<const LocalRateLimitSpec> spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const LocalRateLimitSpec*>(settings.most_specific());
    return make_in<LocalRateLimit>(exchange.arena, spec_, said != nullptr ? *said : *spec_);
  }

 private:
  const std::shared_ptr<const LocalRateLimitSpec> spec_;
};

}  // namespace

bool LocalLimits::DescriptorSpec::for_any_value() const {
  return std::ranges::any_of(entries, [](const auto& entry) { return entry.second.empty(); });
}

LocalLimits::LocalLimits(const Spec& spec, MonotonicNs now) : spec_(spec) {
  const auto make = [now](const BucketSpec& from) {
    return std::make_shared<TokenBucket>(from.max_tokens, from.per_second, now);
  };
  if (spec.usual) usual_ = make(*spec.usual);
  // What is said of one value goes before what is said of all.
  for (const bool any : {false, true}) {
    for (const DescriptorSpec& each : spec.descriptors) {
      if (each.for_any_value() != any) continue;
      Limit& limit = limits_.emplace_back(&each, any ? nullptr : make(each.bucket), nullptr);
      if (any) limit.by_value = std::make_unique<std::atomic<std::shared_ptr<const std::vector<OfValue>>>>();
    }
  }
}

std::shared_ptr<TokenBucket> LocalLimits::bucket_of(const Limit& limit, const Descriptor& descriptor, MonotonicNs now) const {
  if (limit.bucket != nullptr) return limit.bucket;
  std::string values;
  for (const Descriptor::Entry& entry : descriptor.entries) (values += entry.value) += '\0';
  std::shared_ptr<const std::vector<OfValue>> known = limit.by_value->load();
  for (;;) {
    if (known != nullptr) {
      const auto found = std::ranges::find(*known, values, &OfValue::values);
      if (found != known->end()) {
        found->used->store(now, std::memory_order_relaxed);
        return found->bucket;
      }
    }
    auto next = known == nullptr ? std::make_shared<std::vector<OfValue>>() : std::make_shared<std::vector<OfValue>>(*known);
    if (next->size() >= spec_.most_values) {
      next->erase(std::ranges::min_element(*next, {}, [](const OfValue& each) { return each.used->load(); }));
    }
    const BucketSpec& from = limit.spec->bucket;
    next->push_back({values, std::make_shared<TokenBucket>(from.max_tokens, from.per_second, now),
                     std::make_shared<std::atomic<MonotonicNs>>(now)});
    std::shared_ptr<TokenBucket> made = next->back().bucket;
    if (limit.by_value->compare_exchange_strong(known, std::move(next))) return made;
  }
}

/// Of all descriptors that fit, those that fill slowest are asked first: what is refused should not have cost the others.
LocalLimits::Outcome LocalLimits::take(const std::vector<Descriptor>& descriptors, MonotonicNs now) {
  struct Fit {
    std::shared_ptr<TokenBucket> bucket;
    uint64_t hits;
  };
  std::vector<Fit> fitting;
  for (const Descriptor& descriptor : descriptors) {
    for (const Limit& limit : limits_) {
      if (!fits(*limit.spec, descriptor)) continue;
      fitting.push_back({bucket_of(limit, descriptor, now), descriptor.hits.value_or(1)});
      break;
    }
  }
  std::ranges::stable_sort(fitting, [](const Fit& a, const Fit& b) { return a.bucket->rate() < b.bucket->rate(); });
  for (const Fit& fit : fitting) {
    if (!fit.bucket->take(fit.hits, now)) return {false, fit.bucket};
  }
  if ((fitting.empty() || spec_.always_usual) && usual_ != nullptr) {
    if (!usual_->take(1, now)) return {false, usual_};
    return {true, fitting.empty() ? usual_ : fitting.front().bucket};
  }
  return {true, fitting.empty() ? nullptr : fitting.front().bucket};
}

std::shared_ptr<stats::Sharded<LocalRateLimitStats>> local_rate_limit_stats(const FilterContext& context,
                                                                            const std::string& stat_prefix) {
  return context.stats.find<LocalRateLimitStats>(stat_prefix + ".http_local_rate_limit.", kStats);
}

FilterFactoryPtr make_local_rate_limit(std::shared_ptr<const LocalRateLimitSpec> spec) {
  return std::make_shared<const LocalRateLimitFactory>(std::move(spec));
}

}  // namespace weir::filter
