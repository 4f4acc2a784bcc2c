#include "filter/health_check.h"

#include <algorithm>

#include "stats/table.h"
#include "upstream/cluster.h"

namespace weir::filter {

namespace {

using http::HeaderId;

/// The last answer of the upstream. From any thread.
struct CachedAnswer {
  std::atomic<MonotonicNs> until = 0;  // whom it may be given to
  std::atomic<int> status = 0;
  std::atomic<bool> degraded = false;
};

constexpr auto kStats = stats::table<HealthCheckStats>({
    {"request_total", &HealthCheckStats::request_total},
    {"failed", &HealthCheckStats::failed},
    {"ok", &HealthCheckStats::ok},
    {"cached_response", &HealthCheckStats::cached_response},
    {"failed_cluster_not_found", &HealthCheckStats::failed_cluster_not_found},
    {"failed_cluster_empty", &HealthCheckStats::failed_cluster_empty},
    {"failed_cluster_unhealthy", &HealthCheckStats::failed_cluster_unhealthy},
    {"degraded", &HealthCheckStats::degraded},
});

class HealthCheck final : public Filter {
 public:
  HealthCheck(const HealthCheckSpec& spec, CachedAnswer& cached, HealthCheckStats& stats)
      : spec_(spec), cached_(cached), stats_(stats) {}

  Verdict on_request(Exchange& exchange) override {
    asks_ = std::ranges::all_of(spec_.headers, [&](const auto& matcher) { return matcher.matches(exchange.request); });
    if (!asks_) return Verdict::proceed();
    exchange.info.health_check = true;
    const bool answers = !spec_.pass_through || exchange.fails_health_checks() || cached(exchange);
    if (!answers) return Verdict::proceed();
    if (exchange.request_ends_with_head()) return Verdict::reply(answer(exchange));
    want_request_body();
    return Verdict::pause();
  }

  void on_request_body(Exchange& exchange, std::string_view, bool end_stream) override {
    if (end_stream) exchange.reply_later(answer(exchange));
  }
  void on_request_trailers(Exchange& exchange) override { exchange.reply_later(answer(exchange)); }

  void on_reply(Exchange& exchange) override {
    if (degraded_) exchange.response.set(HeaderId::kEnvoyDegraded, "");
  }

  Verdict on_response(Exchange& exchange) override {
    http::HeaderMap& response = exchange.response;
    if (asks_) {
      if (spec_.cache_ms > 0) {
        cached_.status = response.status();
        cached_.degraded = response.has(HeaderId::kEnvoyDegraded);
        if (!cached(exchange)) cached_.until = exchange.loop.now() + spec_.cache_ms * kNsPerMs;
      }
      response.set(HeaderId::kEnvoyUpstreamHealthCheckedCluster, spec_.service_cluster);
    } else if (exchange.fails_health_checks()) {
      response.set(HeaderId::kEnvoyImmediateHealthCheckFail, "true");
    }
    return Verdict::proceed();
  }

 private:
  bool cached(const Exchange& exchange) const { return spec_.cache_ms > 0 && exchange.loop.now() < cached_.until; }

  Reply answer(Exchange& exchange) {
    Reply reply{.status = 200, .details = "health_check_ok"};
    if (exchange.fails_health_checks()) {
      reply = {.status = 503, .details = "health_check_failed"};
    } else if (spec_.cache_ms > 0) {
      reply = {.status = cached_.status, .details = "health_check_cached"};
      degraded_ = cached_.degraded;
      stats_.cached_response.add();
    } else {
      for (const auto& [name, percent] : spec_.min_healthy_percent) {
        reply.details = "health_check_ok_cluster_healthy";
        upstream::Cluster* cluster = exchange.cluster(name);
        if (cluster == nullptr) {
          reply = {.status = 503, .details = "health_check_failed_no_cluster_found"};
          stats_.failed_cluster_not_found.add();
          break;
        }
        const upstream::MembershipStats& stats = cluster->state()->membership;
        const auto total = static_cast<double>(stats.membership_total.value());
        const auto usable = static_cast<double>(stats.membership_healthy.value() + stats.membership_degraded.value());
        if (total == 0 && percent == 0) continue;
        if (total != 0 && 100 * usable >= total * percent) continue;
        (total == 0 ? stats_.failed_cluster_empty : stats_.failed_cluster_unhealthy).add();
        reply = {.status = 503,
                 .details = total == 0 ? "health_check_failed_cluster_empty" : "health_check_failed_cluster_unhealthy"};
        break;
      }
    }
    stats_.request_total.add();
    (reply.status / 100 == 2 ? stats_.ok : stats_.failed).add();
    if (degraded_) stats_.degraded.add();
    if (reply.status / 100 != 2) exchange.info.flags.set(format::ResponseFlag::kFailedLocalHealthCheck);
    return reply;
  }

  const HealthCheckSpec& spec_;
  CachedAnswer& cached_;
  HealthCheckStats& stats_;
  bool asks_ = false;
  bool degraded_ = false;
};

class HealthCheckFactory final : public FilterFactory {
 public:
  HealthCheckFactory(HealthCheckSpec spec, std::shared_ptr<stats::Sharded<HealthCheckStats>> stats)
      : spec_(std::move(spec)), stats_(std::move(stats)) {}
  Filter* make(Exchange& exchange, const RouteSettings&) const override {
    return make_in<HealthCheck>(exchange.arena, spec_, cached_, stats_->mine(exchange.worker));
  }

 private:
  const HealthCheckSpec spec_;
  const std::shared_ptr<stats::Sharded<HealthCheckStats>> stats_;
  mutable CachedAnswer cached_;
};

}  // namespace

std::shared_ptr<stats::Sharded<HealthCheckStats>> health_check_stats(const FilterContext& context) {
  return context.stats.find<HealthCheckStats>(context.stat_prefix + "health_check.", kStats);
}

FilterFactoryPtr make_health_check(HealthCheckSpec spec, std::shared_ptr<stats::Sharded<HealthCheckStats>> stats) {
  return std::make_shared<const HealthCheckFactory>(std::move(spec), std::move(stats));
}

}  // namespace weir::filter
