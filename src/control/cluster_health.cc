#include "control/cluster_health.h"

#include <algorithm>
#include <utility>

#include "observe/output_file.h"

namespace weir::control {

void EventFiles::append(const std::string& path, std::string_view line) {
  const auto [place, is_new] = files_.try_emplace(path);
  if (is_new) place->second.open(path, std::ios::app);
  place->second << line << std::flush;
}

bool EventFiles::check(const std::string& path, const config::FieldPath& at, config::Diagnostics& diagnostics) {
  if (path.empty()) return true;
  const auto writable = observe::OutputFile::check(path);
  if (!writable) diagnostics.error({{}, at.text(), writable.error().message, ""});
  return writable.has_value();
}

ClusterHealth::ClusterHealth(loop::EventLoop& loop, upstream::ClusterStatePtr cluster, stats::Registry& registry,
                             ClusterManagerStats& counted, EventFiles& files, const std::string& outlier_log_path,
                             std::function<void()> on_endpoints, std::function<void()> on_ready)
    : loop_(loop),
      cluster_(std::move(cluster)),
      counted_(counted),
      on_endpoints_(std::move(on_endpoints)),
      on_ready_(std::move(on_ready)),
      window_timer_(loop::Timer::calling<&ClusterHealth::on_window_end>(loop.timers(), *this)),
      self_(std::make_shared<ClusterHealth*>(this)) {
  const upstream::ClusterSpec& spec = *cluster_->spec;
  registration_ = registry.add("cluster." + stats::sanitize(spec.stat_name) + ".", [this](stats::StatVisitor& visitor) {
    if (!cluster_->spec->health_checks.empty()) upstream::visit(visitor, check_stats_);
    if (cluster_->spec->outlier) upstream::visit(visitor, outlier_stats_);
  });
  if (spec.outlier) {
    std::function<void(std::string_view)> log;
    if (!outlier_log_path.empty()) {
      log = [&files, outlier_log_path](std::string_view line) { files.append(outlier_log_path, line); };
    }
    detector_ = std::make_unique<upstream::OutlierDetector>(
        loop_, *cluster_, *spec.outlier, outlier_stats_,
        upstream::OutlierDetector::Callbacks{.on_change = [this] { on_change(); }, .log = std::move(log)});
    cluster_->tell_outlier = [&loop, self = self_](const upstream::EndpointPtr& endpoint, upstream::OutlierKind kind) {
      loop.post([self, endpoint, kind] {
        if (*self != nullptr) (*self)->detector_->on_consecutive(endpoint, kind);
      });
    };
  }
  if (!spec.health_checks.empty()) {
    const upstream::HealthCheckSpec& check = spec.health_checks.front();
    std::function<void(std::string_view)> log;
    if (!check.event_log_path.empty()) {
      log = [&files, path = check.event_log_path](std::string_view line) { files.append(path, line); };
    }
    checker_ = std::make_unique<upstream::HealthChecker>(
        loop_, *cluster_, check, check_stats_,
        upstream::HealthChecker::Callbacks{.on_change = [this] { on_change(); },
                                           .on_well =
                                               [this](const upstream::EndpointPtr& endpoint) {
                                                 if (detector_ != nullptr) detector_->on_well(endpoint);
                                               },
                                           .log = std::move(log),
                                           .on_first_round = [this] { on_ready_(); }});
    cluster_->tell_failed_check = [&loop, self = self_](const upstream::EndpointPtr& endpoint) {
      endpoint->set(upstream::HealthFlag::kExcludedByCheck);
      loop.post([self, endpoint] {
        if (*self != nullptr) (*self)->checker_->fail(*endpoint);
      });
    };
  }
}

ClusterHealth::~ClusterHealth() { *self_ = nullptr; }

void ClusterHealth::start() {
  started_ = true;
  update();
}

void ClusterHealth::update() {
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  if (!started_ || set == nullptr) return;
  if (detector_ != nullptr) detector_->update(set);
  if (checker_ != nullptr) checker_->update(set);
}

/// The first change applies at once; those that follow closely are gathered, so that balancers are not rebuilt again and again.
/// What the first round of checks finds is not a change yet: nobody uses the cluster before.
void ClusterHealth::on_change() {
  upstream::count_health(*cluster_);
  if (cluster_->spec->keeps_removed_while_well && cluster_->spec->discovery == upstream::DiscoveryType::kEds) {
    loop_.post([self = self_] {  // not now: it is the check of the endpoint that calls
      if (*self != nullptr) (*self)->drop_leftovers();
    });
  }
  const int64_t window_ms = cluster_->spec->update_merge_window_ms;
  const bool first_round = !ready();
  const bool alone = first_round || window_ms == 0 || published_ == 0 || loop_.now() - published_ > window_ms * kNsPerMs;
  if (alone) {
    if (!first_round) {
      const uint64_t changes = priorities();
      counted_.cluster_updated.add(changes);
      if (window_ms != 0) counted_.update_out_of_merge_window.add(changes);
      if (window_timer_.armed()) counted_.update_merge_cancelled.add(changes);
    }
    window_timer_.cancel();  // what waited is told, too
    publish();
    if (first_round) published_ = 0;
    return;
  }
  if (!window_timer_.armed()) window_timer_.arm(window_ms);
  on_endpoints_();  // balancers wait, but connections to what has failed end now
}

void ClusterHealth::drop_leftovers() {
  if (!upstream::drop_failed_leftovers(*cluster_)) return;
  update();
  on_endpoints_();
}

void ClusterHealth::on_window_end() {
  counted_.cluster_updated_via_merge.add(priorities());
  publish();
}

/// A change of health is told, and counted, of each of them.
uint64_t ClusterHealth::priorities() const {
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  uint32_t last = 0;
  for (const upstream::EndpointPtr& endpoint : set->endpoints) last = std::max(last, endpoint->priority);
  return last + 1;
}

void ClusterHealth::publish() {
  published_ = loop_.now();
  upstream::take_endpoints(*cluster_, cluster_->endpoints.load());
  on_endpoints_();
}

}  // namespace weir::control
