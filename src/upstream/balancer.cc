#include "upstream/balancer.h"

namespace weir::upstream {

PriorityChoice choose_priority(const BalancingPlan& plan, uint64_t hash, PickContext& context) {
  if (const std::optional<PriorityChoice> forced = context.forced()) return *forced;
  const PriorityShares* shares = context.shares(plan.load);
  const PriorityChoice choice = (shares != nullptr ? *shares : plan.load).choose(hash);
  context.chose(choice.priority);
  return choice;
}

std::unique_ptr<Balancer> make_balancer(const BalancerWorld& world) {
  if (world.spec.subsets) return make_subset_balancer(world);
  return world.spec.hashes() ? make_hash_balancer(world) : make_list_balancer(world);
}

}  // namespace weir::upstream
