// Ring hash and Maglev: the endpoint follows from what the request hashes to.
#include <cmath>
#include <numeric>
#include <random>

#include "upstream/balancer.h"

namespace weir::upstream {

namespace {

class HashBalancer final : public Balancer {
 public:
  explicit HashBalancer(const BalancerWorld& world) : world_(world) {}

  void adopt(const EndpointSet& endpoints, const BalancingPlan& plan) override {
    endpoints_ = &endpoints;
    plan_ = &plan;
  }

  std::optional<uint32_t> pick(PickContext& context) override {
    const std::optional<uint64_t> known = context.hash();
    const uint64_t hash = known ? *known : world_.random.next();
    // As in Envoy, it does not matter which priorities earlier tries went to: a key stays where it belongs.
    const std::optional<PriorityChoice> forced = context.forced();
    const uint32_t priority = (forced ? *forced : plan_->load.choose(hash)).priority;
    if (priority >= plan_->hashed.size()) return std::nullopt;
    if (plan_->load.panic[priority]) world_.stats.lb_healthy_panic.add();
    const BalancingPlan::Hashed& hashed = plan_->hashed[priority];
    if (hashed.table == nullptr) return std::nullopt;
    uint32_t chosen = choose(hashed, hash, 0);
    for (uint32_t i = 0; i < context.more_choices() && context.rejects(endpoint(chosen)); ++i) {
      chosen = choose(hashed, hash, i + 1);
    }
    return chosen;
  }

 private:
  const Endpoint& endpoint(uint32_t host) const { return *endpoints_->endpoints[host]; }

  uint32_t choose(const BalancingPlan::Hashed& hashed, uint64_t hash, uint32_t attempt) const {
    const uint32_t first = hashed.table->at(hash, attempt);
    if (world_.spec.balance_factor == 0) return hashed.hosts[first].host;
    return hashed.hosts[within_bounds(hashed, hash, first)].host;
  }

  /// How full an endpoint is, of what the average and its share allow (Mirrokni et al., arXiv 1608.01350); more than 1 is too
  /// full.
  double fullness(const WeightedHost& host) const {
    const int64_t everywhere = world_.cluster.breakers[0].requests.used() + world_.cluster.breakers[1].requests.used();
    const uint32_t slots = ((static_cast<uint32_t>(everywhere) + 1) * world_.spec.balance_factor + 99) / 100;
    const uint32_t own = std::max(static_cast<uint32_t>(std::ceil(slots * host.share)), 1u);
    return static_cast<double>(endpoint(host.host).active_requests.load(std::memory_order_relaxed)) / own;
  }

  /// The first choice if there is room, else others in an order that the hash decides (arXiv 1908.08762), else the least full.
  size_t within_bounds(const BalancingPlan::Hashed& hashed, uint64_t hash, size_t first) const {
    double least = fullness(hashed.hosts[first]);
    if (least <= 1) return first;
    const auto count = static_cast<uint32_t>(hashed.hosts.size());
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::mt19937 random(static_cast<uint32_t>(hash));
    const auto below = [&](uint64_t bound) {
      uint64_t drawn = bound;
      while (drawn >= bound) drawn = random() / ((uint64_t{1} << 32) / bound);
      return static_cast<uint32_t>(drawn);
    };
    size_t best = first;
    for (uint32_t i = 0; i < count; ++i) {
      std::swap(order[i], order[i + below(count - i)]);
      if (order[i] == first) continue;
      const double other = fullness(hashed.hosts[order[i]]);
      if (other <= 1) return order[i];
      if (other < least) {
        best = order[i];
        least = other;
      }
    }
    return best;
  }

  const BalancerWorld world_;
  const EndpointSet* endpoints_ = nullptr;
  const BalancingPlan* plan_ = nullptr;
};

}  // namespace

std::unique_ptr<Balancer> make_hash_balancer(const BalancerWorld& world) { return std::make_unique<HashBalancer>(world); }

}  // namespace weir::upstream
