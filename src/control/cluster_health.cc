#include "control/cluster_health.h"

#include <algorithm>
#include <utility>

namespace weir::control {

void EventFiles::append(const std::string& path, std::string_view line) {
  const auto [place, is_new] = files_.try_emplace(path);
  if (is_new) place->second.open(path, std::ios::app);
  place->second << line << std::flush;
}

ClusterHealth::ClusterHealth(loop::EventLoop& loop, upstream::ClusterStatePtr cluster, stats::Registry& registry,
                             EventFiles& files, const std::string& outlier_log_path, std::function<void()> on_endpoints,
                             std::function<void()> on_ready)
    : loop_(loop),
      cluster_(std::move(cluster)),
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
  look_anew();
  if (detector_ != nullptr) detector_->update(set);
  if (checker_ != nullptr) checker_->update(set);
}

/// The first change of a priority applies at once; those that follow closely are gathered, so that balancers are not rebuilt
/// again and again. What the first round of checks finds is not a change yet: nobody uses the cluster before.
void ClusterHealth::on_change() {
  upstream::count_health(*cluster_);
  if (cluster_->spec->keeps_removed_while_well && cluster_->spec->discovery == upstream::DiscoveryType::kEds) {
    loop_.post([self = self_] {  // not now: it is the check of the endpoint that calls
      if (*self != nullptr) (*self)->drop_leftovers();
    });
  }
  const int64_t window_ms = cluster_->spec->update_merge_window_ms;
  const MonotonicNs now = loop_.now();
  const bool first_round = !ready();
  bool any = false;
  for (const uint32_t priority : changed_priorities()) {
    Level& level = levels_[priority];
    const bool at_once = first_round || window_ms == 0 || level.published == 0 || now - level.published > window_ms * kNsPerMs;
    if (at_once) {
      publish(priority);
      if (first_round) level.published = 0;
      any = true;
    } else if (level.due == 0) {
      level.due = now + window_ms * kNsPerMs;
      if (!window_timer_.armed()) window_timer_.arm(window_ms);
    }
  }
  if (any) return tell();
  on_endpoints_();  // balancers wait, but connections to what has failed end now
}

void ClusterHealth::drop_leftovers() {
  if (!upstream::drop_failed_leftovers(*cluster_)) return;
  update();
  on_endpoints_();
}

void ClusterHealth::on_window_end() {
  MonotonicNs next = 0;
  bool any = false;
  for (uint32_t priority = 0; priority < levels_.size(); ++priority) {
    const MonotonicNs due = levels_[priority].due;
    if (due == 0) continue;
    if (due - loop_.now() < kNsPerMs) {
      publish(priority);
      any = true;
    } else if (next == 0 || due < next) {
      next = due;
    }
  }
  if (next != 0) window_timer_.arm((next - loop_.now()) / kNsPerMs);
  if (any) tell();
}

/// There are other endpoints: balancers know all of them as they are.
void ClusterHealth::look_anew() {
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  flags_.clear();
  told_ = upstream::look_at(*set);
  for (const upstream::EndpointPtr& endpoint : set->endpoints) {
    flags_.push_back(endpoint->flags());
    if (endpoint->priority >= levels_.size()) levels_.resize(endpoint->priority + 1);
  }
  for (Level& level : levels_) level.due = 0;
  if (const upstream::EndpointSetPtr before = std::exchange(seen_, set); before != nullptr && ready()) {
    const upstream::EndpointChanges news = upstream::changes(before->endpoints, set->endpoints);
    for (const auto* list : {&news.gone, &news.fresh}) {
      for (const upstream::EndpointPtr& endpoint : *list) levels_[endpoint->priority].published = loop_.now();
    }
  }
}

/// Since this was last asked.
std::vector<uint32_t> ClusterHealth::changed_priorities() {
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  if (set == nullptr) return {};
  if (flags_.size() != set->endpoints.size()) look_anew();
  std::vector<uint32_t> result;
  for (size_t i = 0; i < flags_.size(); ++i) {
    const upstream::Endpoint& endpoint = *set->endpoints[i];
    if (std::exchange(flags_[i], endpoint.flags()) == endpoint.flags()) continue;
    if (std::ranges::find(result, endpoint.priority) == result.end()) result.push_back(endpoint.priority);
  }
  return result;
}

void ClusterHealth::publish(uint32_t priority) {
  levels_[priority] = {.published = loop_.now(), .due = 0};
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  for (size_t i = 0; i < told_.size(); ++i) {
    const upstream::Endpoint& endpoint = *set->endpoints[i];
    if (endpoint.priority == priority) told_[i] = {endpoint.availability(), endpoint.excluded()};
  }
}

void ClusterHealth::tell() {
  const upstream::EndpointSetPtr set = cluster_->endpoints.load();
  if (told_ == upstream::look_at(*set)) {
    upstream::take_endpoints(*cluster_, set);
  } else {  // other priorities still wait
    upstream::take_endpoints(*cluster_, set, told_);
  }
  on_endpoints_();
}

}  // namespace weir::control
