#include "upstream/cluster_state.h"

#include <algorithm>

namespace weir::upstream {

namespace {

void count_members(ClusterState& cluster, const EndpointSet& set) {
  MembershipStats& stats = cluster.membership;
  int64_t healthy = 0, degraded = 0;
  uint32_t max_weight = 0;
  for (const EndpointPtr& endpoint : set.endpoints) {
    healthy += endpoint->health == Health::kHealthy ? 1 : 0;
    degraded += endpoint->health == Health::kDegraded ? 1 : 0;
    max_weight = std::max(max_weight, endpoint->weight);
  }
  stats.membership_total.set(static_cast<int64_t>(set.endpoints.size()));
  stats.membership_healthy.set(healthy);
  stats.membership_degraded.set(degraded);
  stats.membership_excluded.set(0);
  if (cluster.spec->discovery != DiscoveryType::kStatic) stats.max_host_weight.set(max_weight);
}

}  // namespace

bool update_endpoints(ClusterState& cluster, const Assignment& assignment) {
  const EndpointSetPtr before = cluster.endpoints.load();
  EndpointSetPtr after = make_endpoint_set(assignment, cluster.workers(), before.get());
  const bool same = before != nullptr && before->endpoints == after->endpoints &&
                    before->overprovisioning_factor == after->overprovisioning_factor;
  if (same) return false;
  count_members(cluster, *after);
  if (before == nullptr ? !after->endpoints.empty() : before->endpoints != after->endpoints) {
    cluster.membership.membership_change.add();
  }
  cluster.endpoints.store(std::move(after));
  return true;
}

}  // namespace weir::upstream
