#include "upstream/health_checker.h"

#include <algorithm>
#include <utility>

#include "stats/table.h"
#include "upstream/health_events.h"

namespace weir::upstream {

namespace {

constexpr auto kStats = stats::table<HealthCheckStats>({
    {"attempt", &HealthCheckStats::attempt},
    {"success", &HealthCheckStats::success},
    {"failure", &HealthCheckStats::failure},
    {"passive_failure", &HealthCheckStats::passive_failure},
    {"network_failure", &HealthCheckStats::network_failure},
    {"verify_cluster", &HealthCheckStats::verify_cluster},
    {"healthy", &HealthCheckStats::healthy},
    {"degraded", &HealthCheckStats::degraded},
});

constexpr auto kCodecStats = stats::table<HealthCheckStats>({
    {"upstream_cx_protocol_error", &HealthCheckStats::protocol_errors, stats::StatRow<HealthCheckStats>::Shown::kOnceUsed},
});

bool is_network(CheckFailure failure) { return failure == CheckFailure::kNetwork || failure == CheckFailure::kNetworkTimeout; }

}  // namespace

/// One endpoint: ask ─▶ wait for the answer or the timeout ─▶ wait for the interval ─▶ ask …
class HealthChecker::Session final : private HealthProbe::Events {
 public:
  Session(HealthChecker& checker, EndpointPtr endpoint)
      : checker_(checker),
        endpoint_(std::move(endpoint)),
        probe_(make_probe()),
        interval_timer_(loop::Timer::calling<&Session::on_interval>(checker.loop_.timers(), *this)),
        timeout_timer_(loop::Timer::calling<&Session::on_timeout>(checker.loop_.timers(), *this)) {
    if (!has(HealthFlag::kFailedActiveCheck)) checker_.stats_.healthy.add();
    if (has(HealthFlag::kDegradedActiveCheck)) checker_.stats_.degraded.add();
  }
  ~Session() {
    if (!has(HealthFlag::kFailedActiveCheck)) checker_.stats_.healthy.subtract();
    if (has(HealthFlag::kDegradedActiveCheck)) checker_.stats_.degraded.subtract();
  }

  void start() {
    const int64_t jitter = checker_.spec_.initial_jitter_ms;
    if (jitter == 0) return on_interval();
    interval_timer_.arm(checker_.jittered_ms(0, jitter));
  }

  /// The same address, described anew.
  void follow(const EndpointPtr& endpoint) { endpoint_ = endpoint; }
  const EndpointPtr& endpoint() const { return endpoint_; }
  bool asked_once() const { return !first_; }

  void set_unhealthy(CheckFailure failure, bool retriable, Transition& transition) {
    healthy_in_a_row_ = 0;
    transition = Transition::kUnchanged;
    if (!has(HealthFlag::kFailedActiveCheck)) {
      if ((!is_network(failure) && !retriable) || ++unhealthy_in_a_row_ == checker_.spec_.unhealthy_threshold) {
        endpoint_->set(HealthFlag::kFailedActiveCheck);
        checker_.stats_.healthy.subtract();
        transition = Transition::kChanged;
        log(eject_event(failure));
      } else {
        transition = Transition::kPending;
      }
    }
    if (failure == CheckFailure::kNetworkTimeout && has(HealthFlag::kFailedActiveCheck)) {
      endpoint_->set(HealthFlag::kActiveCheckTimeout);
    } else {
      endpoint_->clear(HealthFlag::kActiveCheckTimeout);
    }
    clear_pending(transition);
    if (first_ || checker_.spec_.always_log_failures) log(failure_event(failure, first_));
    checker_.stats_.failure.add();
    if (is_network(failure)) checker_.stats_.network_failure.add();
    if (failure == CheckFailure::kPassive) checker_.stats_.passive_failure.add();
    first_ = false;
    if (transition == Transition::kChanged) checker_.callbacks_.on_change();
  }

 private:
  bool has(uint32_t flag) const { return (endpoint_->flags() & flag) != 0; }

  std::unique_ptr<HealthProbe> make_probe() {
    const ProbeContext context{checker_.loop_, checker_.cluster_, checker_.spec_, checker_.stats_};
    return checker_.spec_.kind == HealthCheckSpec::Kind::kTcp ? make_tcp_probe(context, *endpoint_, *this)
                                                              : make_http_probe(context, *endpoint_, *this);
  }

  void on_interval() {
    checker_.stats_.attempt.add();
    timeout_timer_.arm(checker_.spec_.timeout_ms);
    probe_->ask();
  }

  void on_timeout() {
    probe_->give_up();
    on_failed(CheckFailure::kNetworkTimeout, false);
  }

  void on_passed(bool degraded) override {
    unhealthy_in_a_row_ = 0;
    Transition transition = Transition::kUnchanged;
    if (has(HealthFlag::kFailedActiveCheck)) {
      if (first_ || ++healthy_in_a_row_ == checker_.spec_.healthy_threshold) {
        endpoint_->clear(HealthFlag::kFailedActiveCheck | HealthFlag::kActiveCheckTimeout | HealthFlag::kExcludedByCheck);
        endpoint_->healthy_since = checker_.loop_.now();
        checker_.stats_.healthy.add();
        transition = Transition::kChanged;
        log(add_event(first_));
      } else {
        transition = Transition::kPending;
      }
    }
    if (transition != Transition::kChanged && checker_.spec_.always_log_successes) log(success_event());
    clear_pending(transition);
    if (degraded != has(HealthFlag::kDegradedActiveCheck)) {
      if (degraded) {
        endpoint_->set(HealthFlag::kDegradedActiveCheck);
        checker_.stats_.degraded.add();
        log(degraded_event());
      } else {
        log(no_longer_degraded_event());
        endpoint_->clear(HealthFlag::kDegradedActiveCheck);
        checker_.stats_.degraded.subtract();
      }
      if (transition == Transition::kUnchanged) transition = Transition::kChanged;
    }
    checker_.stats_.success.add();
    first_ = false;
    timeout_timer_.cancel();
    interval_timer_.arm(checker_.next_interval_ms(true, transition));
    if (transition == Transition::kChanged) checker_.callbacks_.on_change();
    if (has(HealthFlag::kFailedOutlierCheck) && !has(HealthFlag::kFailedActiveCheck)) checker_.callbacks_.on_well(endpoint_);
    checker_.check_first_round();
  }

  void on_failed(CheckFailure failure, bool retriable) override {
    timeout_timer_.cancel();
    if (probe_->excluded()) endpoint_->set(HealthFlag::kExcludedByCheck);
    Transition transition;
    set_unhealthy(failure, retriable, transition);
    interval_timer_.arm(checker_.next_interval_ms(false, transition));
    checker_.check_first_round();
  }

  void clear_pending(Transition& transition) {
    if (!has(HealthFlag::kPendingActiveCheck)) return;
    endpoint_->clear(HealthFlag::kPendingActiveCheck);
    transition = Transition::kChanged;
  }

  void log(const HealthEvent& event) {
    if (checker_.callbacks_.log == nullptr) return;
    checker_.callbacks_.log(
        health_event_line(event, checker_.spec_.kind, *endpoint_, checker_.cluster_.spec->name, checker_.loop_.wall()));
  }

  HealthChecker& checker_;
  EndpointPtr endpoint_;
  std::unique_ptr<HealthProbe> probe_;
  loop::Timer interval_timer_, timeout_timer_;
  uint32_t healthy_in_a_row_ = 0, unhealthy_in_a_row_ = 0;
  bool first_ = true;
};

HealthChecker::HealthChecker(loop::EventLoop& loop, const ClusterState& cluster, const HealthCheckSpec& spec,
                             HealthCheckStats& stats, Callbacks callbacks)
    : loop_(loop), cluster_(cluster), spec_(spec), stats_(stats), callbacks_(std::move(callbacks)) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::update(EndpointSetPtr endpoints) {
  const EndpointSetPtr seen = std::exchange(seen_, std::move(endpoints));
  if (seen == nullptr || std::exchange(shared_addresses_, false)) {
    watch(seen_->endpoints, std::exchange(sessions_, {}));
  } else {
    const EndpointChanges news = changes(seen->endpoints, seen_->endpoints);
    Sessions gone;
    for (const EndpointPtr& endpoint : news.gone) {
      if (!endpoint->no_active_check) gone.insert(sessions_.extract(endpoint->address->text()));
    }
    watch(news.fresh, std::move(gone));
  }
  check_first_round();
}

/// `before`: the sessions whose endpoints may be described anew by these, or are gone.
void HealthChecker::watch(const EndpointList& endpoints, Sessions before) {
  std::vector<Session*> made;
  for (const EndpointPtr& endpoint : endpoints) {
    if (endpoint->no_active_check) continue;
    std::unique_ptr<Session>& place = sessions_[endpoint->address->text()];
    if (place != nullptr) {
      shared_addresses_ = true;
      continue;
    }
    const auto found = before.find(endpoint->address->text());
    if (found != before.end()) {
      place = std::move(found->second);
      place->follow(endpoint);
    } else {
      place = std::make_unique<Session>(*this, endpoint);
      made.push_back(place.get());
    }
  }
  std::erase_if(before, [](const auto& item) { return item.second == nullptr; });
  for (Session* session : made) session->start();
}

void HealthChecker::fail(const Endpoint& endpoint) {
  const auto found = sessions_.find(endpoint.address->text());
  if (found == sessions_.end()) return;
  Transition transition;
  found->second->set_unhealthy(CheckFailure::kPassive, false, transition);
}

void HealthChecker::check_first_round() {
  if (first_round_over_) return;
  if (!std::ranges::all_of(sessions_, [](const auto& item) { return item.second->asked_once(); })) return;
  first_round_over_ = true;
  callbacks_.on_first_round();
}

bool HealthChecker::has_traffic() const {
  bool any = false;
  cluster_.stats.for_each([&](const ClusterStats& stats) { any = any || stats.upstream_cx_total.value() != 0; });
  return any;
}

int64_t HealthChecker::next_interval_ms(bool healthy, Transition transition) const {
  const bool edge = transition == Transition::kPending;
  int64_t base_ms;
  if (!has_traffic()) {
    base_ms = healthy && !edge ? spec_.no_traffic_healthy_interval_ms : spec_.no_traffic_interval_ms;
  } else if (healthy) {
    base_ms = edge ? spec_.healthy_edge_interval_ms : spec_.interval_ms;
  } else {
    base_ms = edge ? spec_.unhealthy_edge_interval_ms : spec_.unhealthy_interval_ms;
  }
  return jittered_ms(base_ms, spec_.interval_jitter_ms);
}

int64_t HealthChecker::jittered_ms(int64_t base_ms, int64_t jitter_ms) const {
  auto ms = static_cast<uint64_t>(base_ms);
  ms += loop_.random().below(ms * spec_.interval_jitter_percent / 100);
  ms += loop_.random().below(static_cast<uint64_t>(std::max<int64_t>(jitter_ms, 0)));
  ms = std::min(ms, spec_.max_interval.integer(UINT64_MAX));
  return static_cast<int64_t>(std::max({ms, spec_.min_interval.integer(0), uint64_t{1}}));
}

void visit(stats::StatVisitor& visitor, HealthCheckStats& stats) {
  stats::visit(visitor, kCodecStats, stats);
  const auto scope = visitor.scope("health_check.");
  stats::visit(visitor, kStats, stats);
}

}  // namespace weir::upstream
