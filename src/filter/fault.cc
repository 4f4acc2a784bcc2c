#include "filter/fault.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "filter/pacer.h"
#include "loop/timer.h"
#include "stats/table.h"

namespace weir::filter {

namespace {

using format::ResponseFlag;
using http::HeaderId;

constexpr std::string_view kBody = "fault filter abort", kDetails = "fault_filter_abort";
constexpr size_t kMostClusters = 256;  // of downstream clusters counted apart, a worker
constexpr int64_t kPaceMs = 50;

constexpr auto kStats = stats::table<FaultStats>({
    {"active_faults", &FaultStats::active_faults},
    {"aborts_injected", &FaultStats::aborts_injected},
    {"delays_injected", &FaultStats::delays_injected},
    {"faults_overflow", &FaultStats::faults_overflow},
    {"response_rl_injected", &FaultStats::response_rl_injected},
});

/// The first line's value as a number; nothing if there is none or it is none.
std::optional<uint64_t> number_in(const http::HeaderMap& request, std::string_view name) {
  const http::Header* line = request.find(name);
  return line == nullptr ? std::nullopt : parse_number<uint64_t>(trim(line->value));
}

class Fault final : public Filter {
 public:
  Fault(std::shared_ptr<const FaultSpec> own, const FaultSpec& spec, FaultStats& stats, std::atomic<int64_t>& active)
      : own_(std::move(own)), spec_(spec), stats_(stats), active_(active) {}
  ~Fault() override {
    if (!counted_) return;
    active_.fetch_sub(1, std::memory_order_relaxed);
    stats_.active_faults.subtract();
  }

  Verdict on_request(Exchange& exchange) override {
    exchange_ = &exchange;
    if (!concerns(exchange)) return Verdict::proceed();
    from_cluster_ = exchange.request.get(HeaderId::kEnvoyDownstreamServiceCluster);
    if (spec_.count_downstream_clusters && !from_cluster_.empty()) cluster_ = stats_.of(from_cluster_);
    slow_down_response(exchange);
    if (const int64_t delay_ms = this->delay_ms(exchange); delay_ms > 0 && begins()) {
      timer_ = loop::Timer::make<&Fault::on_delayed>(exchange.loop.timers(), *this);
      timer_->arm(delay_ms);
      if (cluster_ != nullptr) cluster_->delays_injected.add();
      stats_.delays_injected.add();
      exchange.info.flags.set(ResponseFlag::kDelayInjected);
      return Verdict::pause();
    }
    if (const auto reply = abort(exchange)) return Verdict::reply(*reply);
    return Verdict::proceed();
  }

  void on_response_body(Exchange&, std::string_view bytes, bool end_stream) override { pacer_->body(bytes, end_stream); }
  void on_response_trailers(Exchange&) override { pacer_->trailers(); }

 private:
  bool concerns(const Exchange& exchange) const {
    if (!spec_.upstream_cluster.empty() && exchange.cluster_name != spec_.upstream_cluster) return false;
    if (!spec_.downstream_nodes.empty()) {
      const std::string_view node = exchange.request.get(HeaderId::kEnvoyDownstreamServiceNode);
      if (std::ranges::find(spec_.downstream_nodes, node) == spec_.downstream_nodes.end()) return false;
    }
    return std::ranges::all_of(spec_.headers, [&](const auto& matcher) { return matcher.matches(exchange.request); });
  }

  void slow_down_response(Exchange& exchange) {
    if (!spec_.rate_limit) return;
    const auto kbps = spec_.rate_limit->fixed_kbps ? spec_.rate_limit->fixed_kbps
                                                   : number_in(exchange.request, "x-envoy-fault-throughput-response");
    if (!kbps || *kbps == 0 || !spec_.rate_limit->share.holds(exchange) || !begins()) return;
    stats_.response_rl_injected.add();
    const uint64_t bytes = std::min<uint64_t>(*kbps, uint64_t{1} << 40) * 1024;
    bucket_.emplace(bytes, static_cast<double>(bytes), exchange.loop.now());
    bucket_->restart(exchange.loop.now(), kPaceMs * kNsPerMs);
    pacer_.emplace(exchange, *this, Pacer::Way::kResponse, *bucket_, kPaceMs);
    want_response_body();
  }

  /// What the operator says of requests from the cluster that this one comes from.
  RuntimeValue of_cluster(const Exchange& exchange, std::string_view what) const {
    if (from_cluster_.data() == nullptr || spec_.of_clusters.empty()) return {};
    return spec_.of_clusters.value(exchange.arena.join(from_cluster_, what));
  }

  /// Requests that say their cluster have a second chance, as in Envoy.
  bool holds(const FaultShare& share, const Exchange& exchange, std::string_view key) const {
    const bool holds = share.holds(exchange);
    if (from_cluster_.data() == nullptr) return holds;
    const RuntimeValue instead = of_cluster(exchange, key);
    return share.holds(exchange, &instead) || holds;
  }

  int64_t delay_ms(const Exchange& exchange) const {
    if (!spec_.delay || !holds(spec_.delay->share, exchange, ".delay.fixed_delay_percent")) return 0;
    std::optional<int64_t> delay = spec_.delay->fixed_ms;
    if (!delay) {
      const auto asked = number_in(exchange.request, "x-envoy-fault-delay-request");
      if (!asked) return 0;
      delay = static_cast<int64_t>(std::min<uint64_t>(*asked, INT64_MAX / kNsPerMs / 2));
    }
    uint64_t duration = spec_.delay->duration_runtime.integer(static_cast<uint64_t>(*delay));
    duration = of_cluster(exchange, ".delay.fixed_duration_ms").as_integer().value_or(duration);
    return static_cast<int64_t>(std::min<uint64_t>(duration, INT64_MAX / kNsPerMs / 2));
  }

  std::optional<Reply> abort(Exchange& exchange) {
    if (!spec_.abort || !holds(spec_.abort->share, exchange, ".abort.abort_percent")) return std::nullopt;
    std::optional<int> grpc = spec_.abort->grpc_status, http = spec_.abort->http_status;
    if (!grpc && !http) {  // headers say it
      if (const auto asked = number_in(exchange.request, "x-envoy-fault-abort-grpc-request")) {
        grpc = static_cast<int>(static_cast<uint32_t>(*asked));
      }
      const auto asked = number_in(exchange.request, "x-envoy-fault-abort-request");
      if (asked && *asked >= 200 && *asked < 600) http = static_cast<int>(*asked);
    }
    if (grpc) {
      const uint64_t status = spec_.abort->grpc_runtime.integer(static_cast<uint64_t>(*grpc));
      grpc = static_cast<int>(of_cluster(exchange, ".abort.grpc_status").as_integer().value_or(status));
      http = 200;
    } else if (http) {
      const uint64_t status = spec_.abort->http_runtime.integer(static_cast<uint64_t>(*http));
      http = static_cast<int>(of_cluster(exchange, ".abort.http_status").as_integer().value_or(status));
    } else {
      return std::nullopt;
    }
    if (!begins()) return std::nullopt;
    exchange.info.flags.set(ResponseFlag::kFaultInjected);
    if (cluster_ != nullptr) cluster_->aborts_injected.add();
    stats_.aborts_injected.add();
    return Reply{.status = *http, .body = kBody, .details = kDetails, .grpc_status = grpc};
  }

  void on_delayed() {
    if (const auto reply = abort(*exchange_)) {
      exchange_->reply_later(*reply);
    } else {
      exchange_->proceed_later();
    }
  }

  /// Whether there may be one more; all faults of a request count as one, but each that may not be counts.
  bool begins() {
    if (counted_) return true;
    const uint64_t most = spec_.max_active_runtime.integer(spec_.max_active_faults);
    if (static_cast<uint64_t>(std::max<int64_t>(active_.load(std::memory_order_relaxed), 0)) >= most) {
      stats_.faults_overflow.add();
      return false;
    }
    counted_ = true;
    active_.fetch_add(1, std::memory_order_relaxed);
    stats_.active_faults.add();
    return true;
  }

  const std::shared_ptr<const FaultSpec> own_;  // keeps `spec_`, unless that is the route's
  const FaultSpec& spec_;
  FaultStats& stats_;
  std::atomic<int64_t>& active_;
  Exchange* exchange_ = nullptr;
  std::string_view from_cluster_;  // x-envoy-downstream-service-cluster; no data() if there is none
  FaultsOfCluster* cluster_ = nullptr;
  std::unique_ptr<loop::Timer> timer_;
  std::optional<TokenBucket> bucket_;
  std::optional<Pacer> pacer_;
  bool counted_ = false;
};

class FaultFactory final : public FilterFactory {
 public:
  FaultFactory(std::shared_ptr<const FaultSpec> spec, std::shared_ptr<stats::Sharded<FaultStats>> stats)
      : spec_(std::move(spec)), stats_(std::move(stats)) {}
  Filter* make(Exchange& exchange, const RouteSettings& settings) const override {
    const auto* said = static_cast<const FaultSpec*>(settings.most_specific());
    const FaultSpec& spec = said != nullptr ? *said : *spec_;
    if (!spec.delay && !spec.abort && !spec.rate_limit) return nullptr;
    return make_in<Fault>(exchange.arena, spec_, spec, stats_->mine(exchange.worker), active_);
  }

 private:
  const std::shared_ptr<const FaultSpec> spec_;
  const std::shared_ptr<stats::Sharded<FaultStats>> stats_;
  mutable std::atomic<int64_t> active_ = 0;
};

}  // namespace

bool FaultShare::holds(const Exchange& exchange, const RuntimeValue* instead) const {
  RuntimeShare asked = share;
  if (!header.empty()) {
    if (const auto number = number_in(exchange.request, header); number && *number <= UINT32_MAX) {
      asked.numerator = std::min(asked.numerator, static_cast<uint32_t>(*number));
    }
  }
  if (instead == nullptr) return runtime.holds(exchange.random.next(), asked);
  const RuntimeShare said = instead->as_share().value_or(asked);
  return exchange.random.next() % said.denominator < said.numerator;
}

FaultStats::~FaultStats() {
  for (FaultsOfCluster* each = clusters.load(); each != nullptr;) delete std::exchange(each, each->next.load());
}

FaultsOfCluster* FaultStats::of(std::string_view cluster) {
  std::atomic<FaultsOfCluster*>* place = &clusters;
  for (FaultsOfCluster* each; (each = place->load(std::memory_order_relaxed)) != nullptr; place = &each->next) {
    if (each->name == cluster) return each;
  }
  if (cluster_count >= kMostClusters) return nullptr;
  ++cluster_count;
  auto* made = new FaultsOfCluster;
  made->name = cluster;
  place->store(made, std::memory_order_release);
  return made;
}

std::shared_ptr<stats::Sharded<FaultStats>> fault_stats(const FilterContext& context) {
  return context.stats.find<FaultStats>(context.stat_prefix + "fault.",
                                        [](stats::StatVisitor& visitor, stats::Sharded<FaultStats>& cells) {
                                          stats::visit(visitor, kStats, cells);
                                          if (!visitor.wants(stats::StatKind::kCounter) || visitor.resets_counters()) return;
                                          cells.for_each([&](const FaultStats& shard) {
                                            for (const FaultsOfCluster* each = shard.clusters.load(std::memory_order_acquire);
                                                 each != nullptr; each = each->next.load(std::memory_order_acquire)) {
                                              const auto scope = visitor.scope(stats::sanitize(each->name) + ".");
                                              if (each->aborts_injected.value() != 0)
                                                visitor.counter("aborts_injected", each->aborts_injected.value());
                                              if (each->delays_injected.value() != 0)
                                                visitor.counter("delays_injected", each->delays_injected.value());
                                            }
                                          });
                                        });
}

FilterFactoryPtr make_fault(std::shared_ptr<const FaultSpec> spec, std::shared_ptr<stats::Sharded<FaultStats>> stats) {
  return std::make_shared<const FaultFactory>(std::move(spec), std::move(stats));
}

}  // namespace weir::filter
