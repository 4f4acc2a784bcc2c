// Balancers: which endpoint gets the next request.
#pragma once

#include <memory>
#include <optional>

#include "base/random.h"
#include "upstream/balancing_plan.h"
#include "upstream/cluster_state.h"
#include "upstream/pick_context.h"

namespace weir::upstream {

/// Chooses among the endpoints of the plan that it adopted last. One per worker.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// Both outlive the balancer's next adopt(). Turns go on where they were.
  virtual void adopt(const EndpointSet& endpoints, const BalancingPlan& plan) = 0;
  /// The endpoint's place in the set; nothing if none may be used.
  virtual std::optional<uint32_t> pick(PickContext& context) = 0;
};

/// What a balancer works with.
struct BalancerWorld {
  const BalancingSpec& spec;
  const ClusterState& cluster;
  ClusterStats& stats;
  Random& random;
};

/// The priority for a request; it may be one that the plan does not have. `hash` is random, or what the request hashes to.
PriorityChoice choose_priority(const BalancingPlan& plan, uint64_t hash, PickContext& context);

std::unique_ptr<Balancer> make_balancer(const BalancerWorld& world);

// Those that make_balancer() chooses from.
std::unique_ptr<Balancer> make_list_balancer(const BalancerWorld& world);
std::unique_ptr<Balancer> make_hash_balancer(const BalancerWorld& world);
std::unique_ptr<Balancer> make_subset_balancer(const BalancerWorld& world);

}  // namespace weir::upstream
