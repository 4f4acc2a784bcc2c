#include "upstream/balancer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace weir::upstream {

namespace {

/// Earliest deadline first: an endpoint of weight w comes round w times as often as one of weight 1.
class Edf {
 public:
  void add(size_t index, double weight, double start) { push({start + 1 / weight, order_++, index}); }

  /// `weight(index)` is asked when an entry is put back, so that weights may change.
  template <class F>
  size_t next(F&& weight) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Entry entry = heap_.back();
    heap_.pop_back();
    now_ = entry.deadline;
    push({now_ + 1 / weight(entry.index), order_++, entry.index});
    return entry.index;
  }

 private:
  struct Entry {
    double deadline;
    uint64_t order;
    size_t index;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }
  void push(Entry entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  std::vector<Entry> heap_;
  double now_ = 0;
  uint64_t order_ = 0;
};

bool equal_weights(const std::vector<const Endpoint*>& endpoints) {
  return std::ranges::all_of(endpoints, [&](const Endpoint* e) { return e->weight == endpoints.front()->weight; });
}

class RoundRobin final : public Balancer {
 public:
  RoundRobin(std::vector<const Endpoint*> endpoints, Random& random) : endpoints_(std::move(endpoints)) {
    // Workers and proxies start at different places, so that they do not all send their first request to the same endpoint.
    next_ = random.below(endpoints_.size());
    weighted_ = !equal_weights(endpoints_);
    if (!weighted_) return;
    for (size_t i = 0; i < endpoints_.size(); ++i) edf_.add(i, endpoints_[i]->weight, 0);
    for (size_t i = 0; i < next_; ++i) pick();
  }
  size_t pick() override {
    if (weighted_) return edf_.next([this](size_t i) { return static_cast<double>(endpoints_[i]->weight); });
    if (next_ >= endpoints_.size()) next_ = 0;
    return next_++;
  }

 private:
  std::vector<const Endpoint*> endpoints_;
  size_t next_;
  bool weighted_;
  Edf edf_;
};

class LeastRequest final : public Balancer {
 public:
  LeastRequest(std::vector<const Endpoint*> endpoints, uint32_t choices, Random& random)
      : endpoints_(std::move(endpoints)), choices_(std::max<uint32_t>(choices, 2)), random_(random) {
    weighted_ = !equal_weights(endpoints_);
    if (!weighted_) return;
    for (size_t i = 0; i < endpoints_.size(); ++i) edf_.add(i, weight(i), 0);
  }
  size_t pick() override {
    if (weighted_) return edf_.next([this](size_t i) { return weight(i); });
    size_t best = random_.below(endpoints_.size());
    for (uint32_t choice = 1; choice < choices_; ++choice) {
      const size_t other = random_.below(endpoints_.size());
      if (active(other) < active(best)) best = other;
    }
    return best;
  }

 private:
  int32_t active(size_t i) const { return endpoints_[i]->active_requests.load(std::memory_order_relaxed); }
  double weight(size_t i) const { return static_cast<double>(endpoints_[i]->weight) / (active(i) + 1); }

  std::vector<const Endpoint*> endpoints_;
  uint32_t choices_;
  Random& random_;
  bool weighted_;
  Edf edf_;
};

class RandomPick final : public Balancer {
 public:
  RandomPick(size_t size, Random& random) : size_(size), random_(random) {}
  size_t pick() override { return random_.below(size_); }

 private:
  size_t size_;
  Random& random_;
};

}  // namespace

std::unique_ptr<Balancer> make_balancer(const ClusterSpec& spec, std::vector<const Endpoint*> endpoints, Random& random) {
  CHECK(!endpoints.empty());
  switch (spec.balancer) {
    case BalancerKind::kRoundRobin:
      return std::make_unique<RoundRobin>(std::move(endpoints), random);
    case BalancerKind::kLeastRequest:
      return std::make_unique<LeastRequest>(std::move(endpoints), spec.choice_count, random);
    case BalancerKind::kRandom:
      return std::make_unique<RandomPick>(endpoints.size(), random);
  }
  return nullptr;
}

std::vector<uint32_t> priority_load(const std::vector<double>& available_share, uint32_t overprovisioning_factor) {
  std::vector<uint32_t> health;
  uint32_t total = 0;
  for (double share : available_share) {
    health.push_back(std::min<uint32_t>(100, static_cast<uint32_t>(share * overprovisioning_factor)));
    total += health.back();
  }
  total = std::min<uint32_t>(total, 100);
  std::vector<uint32_t> load(health.size(), 0);
  if (total == 0) return load;
  uint32_t left = 100;
  size_t first = load.size();
  for (size_t i = 0; i < health.size(); ++i) {
    if (first == load.size() && health[i] > 0) first = i;
    load[i] = std::min(left, health[i] * 100 / total);
    left -= load[i];
  }
  if (first < load.size()) load[first] += left;  // what rounding left over
  return load;
}

}  // namespace weir::upstream
