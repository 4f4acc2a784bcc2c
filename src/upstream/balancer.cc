#include "upstream/balancer.h"

namespace weir::upstream {

std::unique_ptr<Balancer> make_balancer(const BalancerWorld& world) {
  if (world.spec.subsets) return make_subset_balancer(world);
  return world.spec.hashes() ? make_hash_balancer(world) : make_list_balancer(world);
}

}  // namespace weir::upstream
