#include "upstream/zone_routing.h"

#include <algorithm>

#include "upstream/priority_load.h"

namespace weir::upstream {

namespace {

constexpr uint64_t kWhole = 10'000;

struct Shares {
  uint64_t own = 0;    // of the own cluster's endpoints, how many are in the locality; of 10,000
  uint64_t other = 0;  // the same of the cluster that requests go to
};

uint64_t amount(const HostList& hosts, bool by_weight, const EndpointSet& endpoints) {
  if (!by_weight) return hosts.size();
  uint64_t sum = 0;
  for (const uint32_t host : hosts) sum += endpoints.endpoints[host]->weight;
  return sum;
}

uint64_t total(const HostLevel& level, bool by_weight, const EndpointSet& endpoints) {
  uint64_t sum = 0;
  for (const LocalityHosts& place : level.localities) sum += amount(place.healthy, by_weight, endpoints);
  return sum;
}

std::vector<Shares> shares(bool by_weight, const HostLevel& level, const EndpointSet& endpoints, const HostLevel& own,
                           const EndpointSet& own_endpoints) {
  const uint64_t all = total(level, by_weight, endpoints);
  const uint64_t own_all = total(own, by_weight, own_endpoints);
  std::vector<Shares> result;
  for (const LocalityHosts& place : level.localities) {
    Shares& share = result.emplace_back();
    if (place.healthy.empty()) continue;
    share.other = kWhole * amount(place.healthy, by_weight, endpoints) / all;
    const auto same = std::ranges::find(own.localities, place.locality, &LocalityHosts::locality);
    if (same != own.localities.end() && own_all > 0) {
      share.own = kWhole * amount(same->healthy, by_weight, own_endpoints) / own_all;
    }
  }
  return result;
}

/// Whether there is any sense in it.
bool possible(const ZoneAware& spec, const HostLevel& level, const HostLevel& own, ClusterStats& stats) {
  if (level.localities.size() < 2) return false;
  if (own.localities.size() < 2 && !spec.force_local_zone) return false;
  if (!own.has_local || own.localities.front().all.empty()) {
    stats.lb_local_cluster_not_ok.add();
    return false;
  }
  if (level.healthy.size() < spec.min_cluster_size) {
    stats.lb_zone_cluster_too_small.add();
    return false;
  }
  return true;
}

}  // namespace

ZoneRouting make_zone_routing(const BalancingSpec& spec, const HostSets& sets, const EndpointSet& endpoints,
                              const HostSets& own_cluster, const EndpointSet& own_endpoints, ClusterStats& stats) {
  stats.lb_recalculate_zone_structures.add();
  ZoneRouting result;
  const HostLevel& level = sets.levels[0];
  const HostLevel& own = own_cluster.levels[0];
  if (!possible(spec.zones, level, own, stats)) return result;
  result.own_cluster_in_panic = in_panic(own, spec.healthy_panic_percent);
  const std::vector<Shares> all = shares(spec.zones.by_weight, level, endpoints, own, own_endpoints);
  const std::optional<uint32_t>& forced = spec.zones.force_local_zone;
  if (level.has_local &&
      ((all[0].other > 0 && all[0].other >= all[0].own) || (forced && level.localities[0].healthy.size() >= *forced))) {
    result.kind = ZoneRouting::Kind::kDirect;
    return result;
  }
  result.kind = ZoneRouting::Kind::kResidual;
  if (level.has_local && all[0].own > 0) result.own_share = all[0].other * kWhole / all[0].own;
  uint64_t reached = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    const bool is_own = i == 0 && level.has_local;  // it has what it can take
    if (!is_own && all[i].other > all[i].own) reached += all[i].other - all[i].own;
    result.residual.push_back(reached);
  }
  return result;
}

uint32_t ZoneRouting::choose(Random& random, ClusterStats& stats) const {
  if (kind == Kind::kDirect) {
    stats.lb_zone_routing_all_directly.add();
    return 0;
  }
  if (random.below(kWhole) < own_share) {
    stats.lb_zone_routing_sampled.add();
    return 0;
  }
  stats.lb_zone_routing_cross_zone.add();
  if (residual.back() == 0) {  // what rounding can come to
    stats.lb_zone_no_capacity_left.add();
    return static_cast<uint32_t>(random.below(residual.size()));
  }
  const auto found = std::ranges::upper_bound(residual, random.below(residual.back()));
  return static_cast<uint32_t>(found - residual.begin());
}

}  // namespace weir::upstream
