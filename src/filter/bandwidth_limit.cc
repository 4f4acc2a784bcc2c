#include "filter/bandwidth_limit.h"

#include <optional>
#include <utility>

#include "filter/pacer.h"
#include "stats/table.h"

namespace weir::filter {

namespace {

using stats::Unit;

constexpr auto kStats = stats::table<BandwidthStats>({
    {"request_enabled", &BandwidthStats::request_enabled},
    {"response_enabled", &BandwidthStats::response_enabled},
    {"request_enforced", &BandwidthStats::request_enforced},
    {"response_enforced", &BandwidthStats::response_enforced},
    {"request_incoming_total_size", &BandwidthStats::request_incoming_total_size},
    {"response_incoming_total_size", &BandwidthStats::response_incoming_total_size},
    {"request_allowed_total_size", &BandwidthStats::request_allowed_total_size},
    {"response_allowed_total_size", &BandwidthStats::response_allowed_total_size},
    {"request_pending", &BandwidthStats::request_pending},
    {"response_pending", &BandwidthStats::response_pending},
    {"request_incoming_size", &BandwidthStats::request_incoming_size},
    {"response_incoming_size", &BandwidthStats::response_incoming_size},
    {"request_allowed_size", &BandwidthStats::request_allowed_size},
    {"response_allowed_size", &BandwidthStats::response_allowed_size},
    {"request_transfer_duration", &BandwidthStats::request_transfer_duration, Unit::kMilliseconds},
    {"response_transfer_duration", &BandwidthStats::response_transfer_duration, Unit::kMilliseconds},
});

class BandwidthLimit final : public Filter {
 public:
  BandwidthLimit(std::shared_ptr<const BandwidthLimitSpec> own, const BandwidthLimitSpec& spec, BandwidthStats& stats)
      : own_(std::move(own)), spec_(spec), stats_(stats) {}

  Verdict on_request(Exchange& exchange) override {
    exchange_ = &exchange;
    if (!spec_.requests || !spec_.enabled_key.flag(spec_.enabled)) return Verdict::proceed();
    stats_.request_enabled.add();
    begin(exchange);
    request_.emplace(exchange, *this, Pacer::Way::kRequest, *spec_.bucket, spec_.interval_ms);
    request_->on_done([](void* self) { static_cast<BandwidthLimit*>(self)->request_done(); }, this);
    request_->on_passed(
        [](void* self, size_t size, bool held) { static_cast<BandwidthLimit*>(self)->request_passed(size, held); }, this);
    want_request_body();
    return Verdict::proceed();
  }

  Verdict on_response(Exchange& exchange) override {
    exchange_ = &exchange;
    if (!spec_.responses || response_ || !spec_.enabled_key.flag(spec_.enabled)) return Verdict::proceed();
    stats_.response_enabled.add();
    begin(exchange);
    response_.emplace(exchange, *this, Pacer::Way::kResponse, *spec_.bucket, spec_.interval_ms);
    response_->on_done([](void* self) { static_cast<BandwidthLimit*>(self)->response_done(); }, this);
    response_->on_passed(
        [](void* self, size_t size, bool held) { static_cast<BandwidthLimit*>(self)->response_passed(size, held); }, this);
    want_response_body();
    return Verdict::proceed();
  }

  void on_request_body(Exchange& exchange, std::string_view bytes, bool end_stream) override {
    if (request_began_ == 0) {
      request_began_ = exchange.loop.now();
      request_pending_ = stats::GaugeHold(stats_.request_pending);
    }
    stats_.request_incoming_size.set(static_cast<int64_t>(bytes.size()));
    stats_.request_incoming_total_size.add(bytes.size());
    request_->body(bytes, end_stream);
  }
  void on_request_trailers(Exchange&) override { request_->trailers(); }
  void on_response_body(Exchange& exchange, std::string_view bytes, bool end_stream) override {
    if (response_began_ == 0) {
      response_began_ = exchange.loop.now();
      response_pending_ = stats::GaugeHold(stats_.response_pending);
    }
    stats_.response_incoming_size.set(static_cast<int64_t>(bytes.size()));
    stats_.response_incoming_total_size.add(bytes.size());
    const bool tells = end_stream && spec_.trailers.has_value();
    response_->body(bytes, end_stream && !tells);
    if (tells) on_response_trailers(exchange);
  }
  void on_response_trailers(Exchange&) override {
    response_has_trailers_ = true;
    response_->trailers();
  }

 private:
  void begin(const Exchange& exchange) {
    if (spec_.begun.exchange(true)) return;
    spec_.bucket->restart(exchange.loop.now(), spec_.interval_ms * kNsPerMs);
  }
  uint64_t since_ms(MonotonicNs began) const { return static_cast<uint64_t>((exchange_->loop.now() - began) / kNsPerMs); }
  void request_done() {
    request_pending_ = {};
    if (request_began_ == 0) return;
    request_took_ms_ = since_ms(request_began_);
    stats_.request_transfer_duration.record(request_took_ms_);
  }
  void response_done() {
    response_pending_ = {};
    if (response_began_ == 0) return;
    const uint64_t took_ms = since_ms(response_began_);
    stats_.response_transfer_duration.record(took_ms);
    if (response_has_trailers_ && spec_.trailers) tell(*spec_.trailers, took_ms);
  }
  void tell(const BandwidthTrailers& names, uint64_t response_took_ms) {
    const auto add = [&](std::string_view name, uint64_t ms) {
      if (ms != 0) exchange_->trailers_of_response().set(name, exchange_->arena.copy(std::to_string(ms)));
    };
    add(names.request_delay, request_took_ms_);
    add(names.request_filter_delay, request_held_ms_);
    add(names.response_delay, response_took_ms);
    add(names.response_filter_delay, response_held_ms_);
  }
  void request_passed(size_t size, bool held) {
    stats_.request_allowed_size.set(static_cast<int64_t>(size));
    stats_.request_allowed_total_size.add(size);
    if (!held) return;
    stats_.request_enforced.add();
    request_held_ms_ += static_cast<uint64_t>(spec_.interval_ms);
  }
  void response_passed(size_t size, bool held) {
    stats_.response_allowed_size.set(static_cast<int64_t>(size));
    stats_.response_allowed_total_size.add(size);
    if (!held) return;
    stats_.response_enforced.add();
    response_held_ms_ += static_cast<uint64_t>(spec_.interval_ms);
  }

  const std::shared_ptr<const BandwidthLimitSpec> own_;  // keeps `spec_`, unless that is the route's
  const BandwidthLimitSpec& spec_;
  BandwidthStats& stats_;
  Exchange* exchange_ = nullptr;
  std::optional<Pacer> request_, response_;
  stats::GaugeHold request_pending_, response_pending_;
  MonotonicNs request_began_ = 0, response_began_ = 0;
  uint64_t request_took_ms_ = 0, request_held_ms_ = 0, response_held_ms_ = 0;
  bool response_has_trailers_ = false;
};

class BandwidthLimitFactory final : public FilterFactory {
 public:
  explicit BandwidthLimitFactory(std::shared_ptr<const BandwidthLimitSpec> spec) : spec_(std::move(spec)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const BandwidthLimitSpec*>(settings.most_specific());
    const BandwidthLimitSpec& spec = said != nullptr ? *said : *spec_;
    if (!spec.requests && !spec.responses) return nullptr;
    return make_in<BandwidthLimit>(exchange.arena, spec_, spec, spec.stats->mine(exchange.worker));
  }

 private:
  const std::shared_ptr<const BandwidthLimitSpec> spec_;
};

}  // namespace

std::shared_ptr<stats::Sharded<BandwidthStats>> bandwidth_stats(const FilterContext& context, const std::string& stat_prefix) {
  return context.stats.find<BandwidthStats>(stat_prefix + ".http_bandwidth_limit.", kStats);
}

FilterFactoryPtr make_bandwidth_limit(std::shared_ptr<const BandwidthLimitSpec> spec) {
  return std::make_shared<const BandwidthLimitFactory>(std::move(spec));
}

}  // namespace weir::filter
