#include "filter/admission_control.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "stats/table.h"

namespace weir::filter {

namespace {

constexpr uint64_t kAccuracy = 10'000;

constexpr auto kStats = stats::table<AdmissionControlStats>({
    {"rq_failure", &AdmissionControlStats::rq_failure},
    {"rq_rejected", &AdmissionControlStats::rq_rejected},
    {"rq_success", &AdmissionControlStats::rq_success},
});

class AdmissionControl final : public Filter {
 public:
  AdmissionControl(const AdmissionControlSpec& spec, AdmissionHistory& history, AdmissionControlStats& stats)
      : spec_(spec), history_(history), stats_(stats) {}

  Verdict on_request(Exchange& exchange) override {
    judging_ = spec_.enabled_key.flag(spec_.enabled) && !exchange.info.health_check;
    if (!judging_) return Verdict::proceed();
    if (rejects(exchange)) {
      judging_ = false;
      stats_.rq_rejected.add();
      return Verdict::reply(503, "", "denied_by_admission_control");
    }
    return Verdict::proceed();
  }

  Verdict on_response(Exchange& exchange) override {
    if (!judging_) return Verdict::proceed();
    const http::HeaderMap& response = exchange.response;
    const bool is_all = exchange.response_ends_with_head();
    const http::Header* grpc_status = is_all ? response.find(http::HeaderId::kGrpcStatus) : nullptr;
    if (grpc_status != nullptr) {
      record(exchange, good_grpc(grpc_status->value));
    } else if (!is_all && response.status() == 200 && http::is_grpc(response)) {
      told_by_head(exchange);
    } else {
      const int status = response.status();
      record(exchange, std::ranges::any_of(spec_.good_statuses, [status](const auto& range) {
               return range.first <= status && status < range.second;
             }));
    }
    return Verdict::proceed();
  }

  void on_response_trailers(Exchange& exchange) override {
    if (judging_) record(exchange, good_grpc(exchange.trailers_of_response().get(http::HeaderId::kGrpcStatus)));
    exchange.pass_response_trailers(*this);
  }

 private:
  bool rejects(Exchange& exchange) {
    const MonotonicNs now = exchange.loop.now();
    if (history_.rps(now) < spec_.rps_key.integer(spec_.least_rps)) return false;
    const double share = rejected_share(history_.counts(now), percent(spec_.success_key.number(spec_.success_percent)),
                                        std::max(1.0, spec_.aggression_key.number(spec_.aggression)),
                                        percent(spec_.rejected_key.number(spec_.most_rejected_percent)));
    return kAccuracy * share > static_cast<double>(exchange.random.next() % kAccuracy);
  }
  static double percent(double number) { return std::min(number, 100.0) / 100; }

  /// A gRPC answer that goes on: the status is in its head or, as a rule, in its trailers.
  void told_by_head(Exchange& exchange) {
    const http::Header* status = exchange.response.find(http::HeaderId::kGrpcStatus);
    if (status != nullptr) return record(exchange, good_grpc(status->value));
    want_response_body();
  }

  bool good_grpc(std::string_view text) const {
    const auto status = parse_number<uint32_t>(text);
    return status && *status <= 16 && (spec_.good_grpc_statuses >> *status & 1) != 0;
  }

  void record(Exchange& exchange, bool success) {
    judging_ = false;
    (success ? stats_.rq_success : stats_.rq_failure).add();
    history_.record(success, exchange.loop.now());
  }

  const AdmissionControlSpec& spec_;
  AdmissionHistory& history_;
  AdmissionControlStats& stats_;
  bool judging_ = true;  // also of answers that come before it was asked; who gets no whole answer counts for nothing
};

class AdmissionControlFactory final : public FilterFactory {
 public:
  explicit AdmissionControlFactory(AdmissionControlSpec spec) : spec_(std::move(spec)) {
    for (size_t i = 0; i < spec_.stats->workers(); ++i) histories_.push_back(std::make_unique<AdmissionHistory>(spec_.window_ms));
  }
  Filter* make(Exchange& exchange, const RouteSettings&) const override {
    return make_in<AdmissionControl>(exchange.arena, spec_, *histories_[exchange.worker], spec_.stats->mine(exchange.worker));
  }

 private:
  const AdmissionControlSpec spec_;
  std::vector<std::unique_ptr<AdmissionHistory>> histories_;  // by worker, each used by that alone
};

}  // namespace

void AdmissionHistory::forget(MonotonicNs now) {
  while (!seconds_.empty() && now - seconds_.front().start >= window_ns_) {
    total_.requests -= seconds_.front().counts.requests;
    total_.successes -= seconds_.front().counts.successes;
    seconds_.pop_front();
  }
}

void AdmissionHistory::record(bool success, MonotonicNs now) {
  forget(now);
  if (seconds_.empty() || now - seconds_.back().start >= kNsPerSecond) seconds_.push_back({now, {}});
  for (Counts* counts : {&seconds_.back().counts, &total_}) {
    ++counts->requests;
    if (success) ++counts->successes;
  }
}

AdmissionHistory::Counts AdmissionHistory::counts(MonotonicNs now) {
  forget(now);
  return total_;
}

uint64_t AdmissionHistory::rps(MonotonicNs now) {
  forget(now);
  if (seconds_.empty() || total_.requests == 0) return 0;
  return total_.requests / static_cast<uint64_t>(std::max<int64_t>(1, (now - seconds_.front().start) / kNsPerSecond));
}

double rejected_share(const AdmissionHistory::Counts& counts, double success_share, double aggression, double most) {
  const auto requests = static_cast<double>(counts.requests), successes = static_cast<double>(counts.successes);
  double share = (requests - successes / success_share) / (requests + 1);
  if (!(share > 0)) return 0;
  if (aggression != 1) share = std::pow(share, 1 / aggression);
  return std::min(share, most);
}

std::shared_ptr<stats::Sharded<AdmissionControlStats>> admission_control_stats(const FilterContext& context) {
  return context.stats.find<AdmissionControlStats>(context.stat_prefix + "admission_control.", kStats);
}

FilterFactoryPtr make_admission_control(AdmissionControlSpec spec) {
  return std::make_shared<const AdmissionControlFactory>(std::move(spec));
}

}  // namespace weir::filter
