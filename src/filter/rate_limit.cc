#include "filter/rate_limit.h"

#include <algorithm>

#include "route/mutations.h"
#include "upstream/cluster.h"

namespace weir::filter {

namespace {

using http::HeaderId;

class RateLimit final : public Filter, private CallEvents {
 public:
  RateLimit(const RateLimitSpec& spec, const RateLimitSettings* settings) : spec_(spec), settings_(settings) {}

  Verdict on_request(Exchange& exchange) override {
    exchange_ = &exchange;
    wanted_ = wanted(exchange);
    if (!wanted_) return Verdict::proceed();
    std::vector<Descriptor> descriptors;
    describe(exchange, false, descriptors);
    if (descriptors.empty()) return Verdict::proceed();
    calling_ = true;
    call_ = exchange.call(spec_.service, encode_rate_limit_request(domain(), descriptors), *this);
    return Verdict::pause();
  }

  /// Some limits count what a request turned out to cost: the service is told, not asked.
  void on_end(Exchange& exchange) override {
    if (!wanted_ || calling_) return;
    std::vector<Descriptor> descriptors;
    describe(exchange, true, descriptors);
    if (!descriptors.empty()) exchange.tell(spec_.service, encode_rate_limit_request(domain(), descriptors));
  }

  void on_reply(Exchange& exchange) override {
    if (!limited_) return;  // the service failed
    route::apply(spec_.response_headers, exchange.response, exchange.format_context());
  }

  Verdict on_response(Exchange& exchange) override {
    Arena& arena = exchange.arena;
    http::HeaderMap& response = exchange.response;
    for (const auto& [name, value] : answer_.response_headers) response.add(arena.copy(name), arena.copy(value));
    if (over_limit_ && spec_.tells_limited) response.set(HeaderId::kEnvoyRateLimited, "true");
    if (spec_.tells_limits) tell_limits(exchange);
    return Verdict::proceed();
  }

 private:
  bool wanted(Exchange& exchange) const {
    if (!spec_.enabled.holds(exchange.random.next(), {100, 100})) return false;
    if (spec_.filter_enabled && !spec_.filter_enabled->holds(exchange.random.next())) return false;
    const bool internal = exchange.info.internal_request;
    return spec_.requests == RateLimitSpec::Requests::kAll || (spec_.requests == RateLimitSpec::Requests::kInternal) == internal;
  }

  const std::string& domain() const {
    return settings_ != nullptr && !settings_->domain.empty() ? settings_->domain : spec_.domain;
  }

  void describe(Exchange& exchange, bool on_done, std::vector<Descriptor>& descriptors) const {
    const DescriptorRules rules{.stage = spec_.stage, .service_cluster = spec_.service_cluster, .on_done = on_done};
    if (exchange.route == nullptr || exchange.route->forward() == nullptr) return;
    if (settings_ != nullptr && !settings_->rate_limits.empty()) {
      return add_descriptors(settings_->rate_limits, rules, exchange, descriptors);
    }
    if (!spec_.rate_limits.empty()) return add_descriptors(spec_.rate_limits, rules, exchange, descriptors);
    add_route_descriptors(settings_ != nullptr ? settings_->from_host : VirtualHostLimits::kIfRouteHasNone, rules, exchange,
                          descriptors);
  }

  upstream::ClusterStats* stats() const {
    upstream::Cluster* cluster = exchange_->cluster(exchange_->cluster_name);
    return cluster == nullptr ? nullptr : &cluster->stats();
  }

  void on_answer(std::string_view message) override {
    auto answer = decode_rate_limit_answer(message);
    calling_ = false;
    if (!answer) return on_call_failed(13, "");
    answer_ = std::move(*answer);
    Arena& arena = exchange_->arena;
    upstream::ClusterStats* stats = this->stats();
    over_limit_ = answer_.over_limit;
    if (stats != nullptr) (over_limit_ ? stats->ratelimit_over_limit : stats->ratelimit_ok).add();
    const bool enforced = spec_.enforcing.holds(exchange_->random.next(), {100, 100}) &&
                          (!spec_.filter_enforced || spec_.filter_enforced->holds(exchange_->random.next()));
    if (over_limit_ && stats != nullptr) {
      stats->codes.count(spec_.status);
      stats->upstream_rq_completed.add();
      (exchange_->info.internal_request ? stats->internal.codes : stats->external.codes).count(spec_.status);
    }
    if (!over_limit_ || !enforced) {
      for (const auto& [name, value] : answer_.request_headers) exchange_->request.add(arena.copy(name), arena.copy(value));
      return exchange_->proceed_later();
    }
    limited_ = true;
    exchange_->info.flags.set(format::ResponseFlag::kRateLimited);
    exchange_->reply_later({.status = spec_.status,
                            .body = arena.copy(answer_.body),
                            .details = "request_rate_limited",
                            .grpc_status = spec_.resource_exhausted ? std::optional(8) : std::nullopt});
  }

  void on_call_failed(int, std::string_view) override {
    calling_ = false;
    upstream::ClusterStats* stats = this->stats();
    if (stats != nullptr) stats->ratelimit_error.add();
    const bool deny =
        spec_.failure_mode_deny_share ? spec_.failure_mode_deny_share->holds(exchange_->random.next()) : spec_.failure_mode_deny;
    if (!deny) {
      if (stats != nullptr) stats->ratelimit_failure_mode_allowed.add();
      return exchange_->proceed_later();
    }
    exchange_->info.flags.set(format::ResponseFlag::kRateLimitServiceError);
    exchange_->reply_later({.status = spec_.status_on_error, .details = "rate_limiter_error"});
  }

  /// RateLimit Fields for HTTP, draft 03: the limit that is nearest first, then all with their windows.
  void tell_limits(Exchange& exchange) const {
    const auto nearest = std::ranges::min_element(answer_.limits, {}, &LimitStatus::remaining);
    if (nearest == answer_.limits.end()) return;
    std::string limit = std::to_string(nearest->requests_per_unit);
    for (const LimitStatus& each : answer_.limits) {
      if (each.window_s == 0) continue;
      limit += ", " + std::to_string(each.requests_per_unit) + ";w=" + std::to_string(each.window_s);
      if (!each.name.empty()) limit += ";name=\"" + each.name + "\"";
    }
    Arena& arena = exchange.arena;
    exchange.response.add("x-ratelimit-limit", arena.copy(limit));
    exchange.response.add("x-ratelimit-remaining", arena.decimal(nearest->remaining));
    exchange.response.add("x-ratelimit-reset", arena.decimal(nearest->reset_s));
  }

  const RateLimitSpec& spec_;
  const RateLimitSettings* const settings_;
  Exchange* exchange_ = nullptr;
  RateLimitAnswer answer_;
  bool wanted_ = false;
  bool calling_ = false;
  bool over_limit_ = false;
  bool limited_ = false;
  std::unique_ptr<Call> call_;
};

class RateLimitFactory final : public FilterFactory {
 public:
  explicit RateLimitFactory(RateLimitSpec spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    return make_in<RateLimit>(exchange.arena, spec_, static_cast<const RateLimitSettings*>(settings.most_specific()));
  }

 private:
  const RateLimitSpec spec_;
};

}  // namespace

FilterFactoryPtr make_rate_limit(RateLimitSpec spec) { return std::make_shared<const RateLimitFactory>(std::move(spec)); }

}  // namespace weir::filter
