#include "upstream/outlier_detector.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/json_text.h"
#include "upstream/health_events.h"

namespace weir::upstream {

namespace {

constexpr std::string_view kKinds[] = {"consecutive_5xx",
                                       "consecutive_gateway_failure",
                                       "success_rate",
                                       "consecutive_local_origin_failure",
                                       "local_origin_success_rate",
                                       "failure_percentage",
                                       "local_origin_failure_percentage"};
constexpr std::string_view kEventTypes[] = {"CONSECUTIVE_5XX",
                                            "CONSECUTIVE_GATEWAY_FAILURE",
                                            "SUCCESS_RATE",
                                            "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
                                            "SUCCESS_RATE_LOCAL_ORIGIN",
                                            "FAILURE_PERCENTAGE",
                                            "FAILURE_PERCENTAGE_LOCAL_ORIGIN"};

size_t index(OutlierKind kind) { return static_cast<size_t>(kind); }

bool ejected(const Endpoint& endpoint) { return (endpoint.flags() & HealthFlag::kFailedOutlierCheck) != 0; }

std::string rounded(double percent) { return std::to_string(static_cast<int64_t>(percent)); }

}  // namespace

OutlierDetector::OutlierDetector(loop::EventLoop& loop, const ClusterState& cluster, const OutlierSpec& spec, OutlierStats& stats,
                                 Callbacks callbacks)
    : loop_(loop),
      cluster_(cluster),
      spec_(spec),
      stats_(stats),
      callbacks_(std::move(callbacks)),
      timer_(loop::Timer::calling<&OutlierDetector::on_interval>(loop.timers(), *this)) {
  timer_.arm(static_cast<int64_t>(spec_.interval_ms.value()));
}

OutlierDetector::~OutlierDetector() { stats_.ejections_active.subtract(static_cast<int64_t>(active_)); }

void OutlierDetector::update(EndpointSetPtr endpoints) {
  const EndpointSetPtr seen = std::exchange(seen_, std::move(endpoints));
  if (seen == nullptr || std::exchange(shared_addresses_, false)) return watch(seen_->endpoints, std::exchange(watched_, {}));
  const EndpointChanges news = changes(seen->endpoints, seen_->endpoints);
  ByAddress gone;
  for (const EndpointPtr& endpoint : news.gone) gone.insert(watched_.extract(endpoint->address->text()));
  watch(news.fresh, std::move(gone));
}

/// `before`: what is known of endpoints that may be described anew by these, or are gone.
void OutlierDetector::watch(const EndpointList& endpoints, ByAddress before) {
  for (const EndpointPtr& endpoint : endpoints) {
    const std::string& address = endpoint->address->text();
    if (auto known = before.extract(address)) {
      known.mapped().endpoint = endpoint;
      shared_addresses_ = !watched_.insert(std::move(known)).inserted || shared_addresses_;
    } else {
      shared_addresses_ = !watched_.try_emplace(address, Watched{.endpoint = endpoint}).second || shared_addresses_;
    }
  }
  for (const auto& [address, watched] : before) {
    if (!ejected(*watched.endpoint)) continue;
    --active_;
    stats_.ejections_active.subtract();
  }
}

void OutlierDetector::on_consecutive(const EndpointPtr& endpoint, OutlierKind kind) {
  const auto found = watched_.find(endpoint->address->text());
  if (found == watched_.end()) return;  // it was removed meanwhile
  Watched& watched = found->second;
  if (ejected(*watched.endpoint)) return;
  stats_.detected[index(kind)].add();
  eject(watched, kind);
  OutlierRecord& record = *watched.endpoint->outlier;
  switch (kind) {
    case OutlierKind::kConsecutive5xx:
      stats_.ejections_consecutive_5xx.add();
      record.consecutive_5xx = 0;
      break;
    case OutlierKind::kConsecutiveGatewayFailure:
      record.consecutive_gateway_failure = 0;
      break;
    default:
      record.consecutive_local_origin_failure = 0;
  }
}

void OutlierDetector::on_well(const EndpointPtr& endpoint) {
  const auto found = watched_.find(endpoint->address->text());
  if (found != watched_.end() && spec_.active_check_unejects && ejected(*found->second.endpoint)) uneject(found->second);
}

void OutlierDetector::eject(Watched& watched, OutlierKind kind) {
  const uint64_t most = std::min<uint64_t>(100, spec_.max_ejection_percent.value());
  const double percent = 100.0 * static_cast<double>(active_ + 1) / static_cast<double>(watched_.size());
  if (percent > static_cast<double>(most) && !(spec_.always_eject_one && active_ == 0)) {
    stats_.ejections_overflow.add();
    return;
  }
  if (kind == OutlierKind::kConsecutive5xx || kind == OutlierKind::kSuccessRate) stats_.ejections_total.add();
  if (!enforces(kind)) return log(watched, kind, true, false);
  ++active_;
  stats_.ejections_active.add();
  stats_.ejections_enforced_total.add();
  stats_.enforced[index(kind)].add();
  watched.endpoint->set(HealthFlag::kFailedOutlierCheck);
  ++watched.ejections;
  watched.ejected_at = loop_.now();
  watched.jitter_ms = static_cast<int64_t>(loop_.random().below(spec_.max_ejection_time_jitter_ms.value() + 1));
  const uint64_t base = spec_.base_ejection_time_ms.value();
  if (watched.backoff * base < spec_.max_ejection_time_ms.value() + base) ++watched.backoff;
  callbacks_.on_change();
  log(watched, kind, true, true);
}

void OutlierDetector::uneject(Watched& watched) {
  --active_;
  stats_.ejections_active.subtract();
  watched.endpoint->clear(HealthFlag::kFailedOutlierCheck);
  watched.endpoint->outlier->restart_counts();
  watched.unejected_at = loop_.now();
  callbacks_.on_change();
  log(watched, OutlierKind::kConsecutive5xx, false, false);
}

bool OutlierDetector::enforces(OutlierKind kind) {
  const OutlierSpec::Number* numbers[] = {&spec_.enforcing_consecutive_5xx,
                                          &spec_.enforcing_consecutive_gateway_failure,
                                          &spec_.enforcing_success_rate,
                                          &spec_.enforcing_consecutive_local_origin_failure,
                                          &spec_.enforcing_local_origin_success_rate,
                                          &spec_.enforcing_failure_percentage,
                                          &spec_.enforcing_failure_percentage_local_origin};
  return loop_.random().below(100) < numbers[index(kind)]->value();
}

// --- what is looked at every interval ---

void OutlierDetector::on_interval() {
  const MonotonicNs now = loop_.now();
  for (auto& [address, watched] : watched_) {
    OutlierRecord& record = *watched.endpoint->outlier;
    if (ejected(*watched.endpoint)) {
      const uint64_t for_ms =
          std::min(spec_.base_ejection_time_ms.value() * watched.backoff, spec_.max_ejection_time_ms.value()) +
          static_cast<uint64_t>(watched.jitter_ms);
      if (static_cast<int64_t>(for_ms) * kNsPerMs <= now - watched.ejected_at) uneject(watched);
    }
    record.last_external = {record.external.total.exchange(0), record.external.success.exchange(0)};
    record.last_local = {record.local.total.exchange(0), record.local.success.exchange(0)};
    record.success_rate = record.local_origin_success_rate = -1;
  }
  judge_rates(false);
  judge_rates(true);
  const auto interval = static_cast<int64_t>(spec_.interval_ms.value());
  for (auto& [address, watched] : watched_) {
    if (ejected(*watched.endpoint) || watched.unejected_at == 0 || now - watched.unejected_at < interval * kNsPerMs) continue;
    if (watched.backoff > 0) --watched.backoff;
  }
  timer_.arm(std::max<int64_t>(interval, 1));
}

/// Endpoints whose share of good answers lies far below the others', or below a fixed bound.
void OutlierDetector::judge_rates(bool local_origin) {
  OutlierRates& rates = local_origin ? cluster_.local_origin_rates : cluster_.external_rates;
  rates.average = rates.threshold = -1;
  const uint64_t rate_hosts = spec_.success_rate_minimum_hosts.value(), rate_volume = spec_.success_rate_request_volume.value();
  const uint64_t failure_hosts = spec_.failure_percentage_minimum_hosts.value(),
                 failure_volume = spec_.failure_percentage_request_volume.value();
  if (watched_.size() < rate_hosts && watched_.size() < failure_hosts) return;
  std::vector<Candidate> by_rate, by_failures;
  double sum = 0;
  for (auto& [address, watched] : watched_) {
    OutlierRecord& record = *watched.endpoint->outlier;
    const OutlierRecord::Last& last = local_origin ? record.last_local : record.last_external;
    if (ejected(*watched.endpoint) || last.total == 0) continue;
    const double rate = static_cast<double>(last.success) * 100.0 / static_cast<double>(last.total);
    if (last.total >= std::min(rate_volume, failure_volume)) {
      (local_origin ? record.local_origin_success_rate : record.success_rate) = rate;
    }
    if (last.total >= rate_volume) {
      by_rate.push_back({&watched, rate});
      sum += rate;
    }
    if (last.total >= failure_volume) by_failures.push_back({&watched, rate});
  }
  if (!by_rate.empty() && by_rate.size() >= rate_hosts) {
    const double average = sum / static_cast<double>(by_rate.size());
    double variance = 0;
    for (const Candidate& each : by_rate) variance += (each.rate - average) * (each.rate - average);
    variance /= static_cast<double>(by_rate.size());
    const double threshold =
        average - static_cast<double>(spec_.success_rate_stdev_factor.value()) / 1000.0 * std::sqrt(variance);
    rates.average = average;
    rates.threshold = threshold;
    const OutlierKind kind = local_origin ? OutlierKind::kSuccessRateLocalOrigin : OutlierKind::kSuccessRate;
    for (const Candidate& each : by_rate) {
      if (each.rate >= threshold) continue;
      stats_.ejections_success_rate.add();
      stats_.detected[index(kind)].add();
      eject(*each.watched, kind);
    }
  }
  if (by_failures.empty() || by_failures.size() < failure_hosts) return;
  const OutlierKind kind = local_origin ? OutlierKind::kFailurePercentageLocalOrigin : OutlierKind::kFailurePercentage;
  for (const Candidate& each : by_failures) {
    if (100.0 - each.rate < static_cast<double>(spec_.failure_percentage_threshold.value())) continue;
    if (ejected(*each.watched->endpoint)) continue;
    stats_.detected[index(kind)].add();
    eject(*each.watched, kind);
  }
}

/// envoy.data.cluster.v3.OutlierDetectionEvent.
void OutlierDetector::log(const Watched& watched, OutlierKind kind, bool eject, bool enforced) {
  if (callbacks_.log == nullptr) return;
  const auto quoted = [](std::string_view text) {
    std::string result;
    append_json_string(result, text);
    return result;
  };
  std::string line = R"({"type":)" + quoted(kEventTypes[index(kind)]) + R"(,"timestamp":)" + quoted(json_timestamp(loop_.wall()));
  const MonotonicNs since = eject ? watched.unejected_at : watched.ejected_at;
  if (since != 0) {
    line += R"(,"secs_since_last_action":")" + std::to_string((loop_.now() - since) / kNsPerSecond) + '"';
  }
  line += R"(,"cluster_name":)" + quoted(cluster_.spec->name) + R"(,"upstream_url":)" +
          quoted(watched.endpoint->address->text()) + R"(,"action":)" + (eject ? R"("EJECT")" : R"("UNEJECT")") +
          R"(,"num_ejections":)" + std::to_string(watched.ejections) + R"(,"enforced":)" + (enforced ? "true" : "false");
  if (eject) {
    const bool local = kind == OutlierKind::kSuccessRateLocalOrigin || kind == OutlierKind::kFailurePercentageLocalOrigin;
    const OutlierRates& rates = local ? cluster_.local_origin_rates : cluster_.external_rates;
    const OutlierRecord& record = *watched.endpoint->outlier;
    const std::string rate = rounded(local ? record.local_origin_success_rate : record.success_rate);
    if (kind == OutlierKind::kSuccessRate || kind == OutlierKind::kSuccessRateLocalOrigin) {
      line += R"(,"eject_success_rate_event":{"host_success_rate":)" + rate + R"(,"cluster_average_success_rate":)" +
              rounded(rates.average) + R"(,"cluster_success_rate_ejection_threshold":)" + rounded(rates.threshold) + "}";
    } else if (kind == OutlierKind::kFailurePercentage || kind == OutlierKind::kFailurePercentageLocalOrigin) {
      line += R"(,"eject_failure_percentage_event":{"host_success_rate":)" + rate + "}";
    } else {
      line += R"(,"eject_consecutive_event":{})";
    }
  }
  callbacks_.log(line += "}\n");
}

void visit(stats::StatVisitor& visitor, OutlierStats& stats) {
  const auto scope = visitor.scope("outlier_detection.");
  const bool resets = visitor.resets_counters();
  const auto counter = [&](std::string_view name, stats::Counter& value) {
    if (resets) {
      value.reset();
    } else {
      visitor.counter(name, value.value());
    }
  };
  if (visitor.wants(stats::StatKind::kGauge) && !resets) {
    visitor.gauge("ejections_active", stats.ejections_active.value(), stats.ejections_active.used());
  }
  if (!visitor.wants(stats::StatKind::kCounter)) return;
  counter("ejections_consecutive_5xx", stats.ejections_consecutive_5xx);
  for (size_t i = 0; i < std::size(kKinds); ++i) counter("ejections_detected_" + std::string(kKinds[i]), stats.detected[i]);
  for (size_t i = 0; i < std::size(kKinds); ++i) counter("ejections_enforced_" + std::string(kKinds[i]), stats.enforced[i]);
  counter("ejections_enforced_total", stats.ejections_enforced_total);
  counter("ejections_overflow", stats.ejections_overflow);
  counter("ejections_success_rate", stats.ejections_success_rate);
  counter("ejections_total", stats.ejections_total);
}

}  // namespace weir::upstream
