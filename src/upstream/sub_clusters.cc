#include "upstream/sub_clusters.h"

#include <utility>

namespace weir::upstream {

/// Shared by the worker that waits and main, which only carries it back.
struct SubClusters::Waiting {
  loop::EventLoop& loop;
  SubClusterWaiter* waiter;  // of the worker; null: it wants no more
};

class SubClusters::Wait {
 public:
  explicit Wait(std::shared_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  ~Wait() { waiting_->waiter = nullptr; }

 private:
  const std::shared_ptr<Waiting> waiting_;
};

void SubClusters::WaitDeleter::operator()(Wait* wait) const { delete wait; }

SubClusters::SubClusters(loop::EventLoop& loop, SubClustersSpec spec, Callbacks callbacks)
    : loop_(loop),
      spec_(spec),
      callbacks_(std::move(callbacks)),
      sweep_timer_(loop::Timer::calling<&SubClusters::on_sweep>(loop.timers(), *this)) {
  sweep_timer_.arm(spec_.ttl_ms);
}

SubClusters::~SubClusters() = default;

// --- workers ---

SubClusters::Found SubClusters::want(const HostPort& target, loop::EventLoop& loop, SubClusterWaiter& waiter) {
  std::string name = sub_cluster_name(target);
  if (const std::shared_ptr<const AllKnown> known = known_.load()) {
    if (const auto found = known->find(name); found != known->end()) {
      found->second.used->store(loop.now(), std::memory_order_relaxed);
      if (found->second.id) return {State::kReady, nullptr};
    } else if (known->size() >= spec_.most) {
      return {State::kTooMany, nullptr};
    }
  }
  auto waiting = std::make_shared<Waiting>(loop, &waiter);
  loop_.post([self = weak_from_this(), name = std::move(name), target, waiting] {
    if (const SubClustersPtr clusters = self.lock()) clusters->make(name, target, waiting);
  });
  return {State::kAwaited, WaitPtr(new Wait(std::move(waiting)))};
}

std::optional<uint32_t> SubClusters::find(const std::string& name) const {
  const std::shared_ptr<const AllKnown> known = known_.load();
  if (known == nullptr) return std::nullopt;
  const auto found = known->find(name);
  return found == known->end() ? std::nullopt : found->second.id;
}

// --- main ---

void SubClusters::make(const std::string& name, const HostPort& target, std::shared_ptr<Waiting> waiting) {
  if (closed_) return;
  auto place = entries_.find(name);
  const bool is_new = place == entries_.end();
  std::vector<std::shared_ptr<Waiting>> now{waiting};
  if (is_new && entries_.size() >= spec_.most) return tell(now, false);
  if (is_new) place = entries_.emplace(name, Entry{.known = {.used = std::make_shared<std::atomic<MonotonicNs>>()}}).first;
  Entry& entry = place->second;
  entry.known.used->store(loop_.now(), std::memory_order_relaxed);
  if (entry.known.id) return tell(now, true);  // it came while the wish was on its way
  entry.waiting.push_back(std::move(waiting));
  if (!is_new) return;
  publish();
  callbacks_.make(name, target);
}

void SubClusters::made(const std::string& name, uint32_t id) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  found->second.known.id = id;
  publish();
  tell(found->second.waiting, true);
}

void SubClusters::forget(const std::string& name) {
  if (entries_.erase(name) != 0) publish();
}

std::vector<std::string> SubClusters::names() const {
  std::vector<std::string> result;
  for (const auto& [name, entry] : entries_) result.push_back(name);
  return result;
}

void SubClusters::tell(std::vector<std::shared_ptr<Waiting>>& waiting, bool there) {
  for (std::shared_ptr<Waiting>& each : std::exchange(waiting, {})) {
    each->loop.post([each, there] {
      if (each->waiter != nullptr) each->waiter->on_sub_cluster(there);
    });
  }
}

/// Workers stop using it before it goes.
void SubClusters::on_sweep() {
  if (closed_) return;
  std::vector<std::string> unused;
  for (const auto& [name, entry] : entries_) {
    if (loop_.now() - entry.known.used->load(std::memory_order_relaxed) > spec_.ttl_ms * kNsPerMs) unused.push_back(name);
  }
  for (const std::string& name : unused) entries_.erase(name);
  if (!unused.empty()) publish();
  for (const std::string& name : unused) callbacks_.drop(name);
  sweep_timer_.arm(spec_.ttl_ms);
}

void SubClusters::publish() {
  auto known = std::make_shared<AllKnown>();
  for (const auto& [name, entry] : entries_) known->emplace(name, entry.known);
  known_.store(std::move(known));
}

}  // namespace weir::upstream
