#include "upstream/balancing_plan.h"

#include <algorithm>

#include "upstream/subset_plan.h"

namespace weir::upstream {

namespace {

/// Adds hosts that share `part` of all requests by their weights.
void add_shares(const HostList& hosts, double part, const EndpointSet& endpoints, std::vector<WeightedHost>& into) {
  uint64_t sum = 0;
  for (const uint32_t host : hosts) sum += endpoints.endpoints[host]->weight;
  for (const uint32_t host : hosts) {
    into.push_back({host, endpoints.endpoints[host]->weight * part / static_cast<double>(sum)});
  }
}

std::vector<WeightedHost> shares(const HostLevel& level, bool panic, bool by_locality, const EndpointSet& endpoints) {
  std::vector<WeightedHost> result;
  if (!by_locality || !level.has_locality_weights || level.localities.empty()) {
    add_shares(panic ? level.all : level.healthy, 1, endpoints, result);
    return result;
  }
  uint64_t sum = 0;
  for (const LocalityHosts& place : level.localities) sum += place.weight;
  for (const LocalityHosts& place : level.localities) {
    if (place.weight == 0) continue;
    add_shares(panic ? place.all : place.healthy, static_cast<double>(place.weight) / static_cast<double>(sum), endpoints,
               result);
  }
  return result;
}

std::string_view hash_key(const Endpoint& endpoint, bool use_hostname) {
  if (endpoint.lb_metadata != nullptr && !endpoint.lb_metadata->hash_key.empty()) return endpoint.lb_metadata->hash_key;
  return use_hostname ? std::string_view(endpoint.hostname) : std::string_view(endpoint.address->text());
}

BalancingPlan::Hashed make_hashed(const BalancingSpec& spec, const EndpointSet& endpoints, std::vector<WeightedHost> hosts) {
  BalancingPlan::Hashed result{std::move(hosts), nullptr};
  if (result.hosts.empty()) return result;
  std::vector<std::string_view> keys;
  keys.reserve(result.hosts.size());
  for (const WeightedHost& each : result.hosts) keys.push_back(hash_key(*endpoints.endpoints[each.host], spec.use_hostname));
  const auto [least, largest] = std::ranges::minmax(result.hosts, {}, &WeightedHost::share);
  result.table = spec.kind == BalancerKind::kMaglev ? make_maglev(spec, result.hosts, keys, largest.share)
                                                    : make_ring(spec, result.hosts, keys, least.share);
  return result;
}

}  // namespace

BalancingPlanPtr make_whole_plan(const BalancingSpec& spec, const EndpointSet& endpoints, const Locality* own_locality) {
  HostSets sets = make_host_sets(endpoints, own_locality);
  if (!spec.subsets) return make_plan(spec, endpoints, std::move(sets));
  auto plan = std::make_shared<BalancingPlan>();
  plan->subsets = make_subset_plan(spec, endpoints, sets);
  plan->sets = std::move(sets);
  return plan;
}

BalancingPlanPtr make_plan(const BalancingSpec& spec, const EndpointSet& endpoints, HostSets sets) {
  auto plan = std::make_shared<BalancingPlan>();
  plan->sets = std::move(sets);
  plan->load = priority_load(plan->sets, endpoints, spec.healthy_panic_percent);
  if (!spec.hashes()) return plan;
  for (size_t i = 0; i < plan->sets.levels.size(); ++i) {
    plan->hashed.push_back(
        make_hashed(spec, endpoints, shares(plan->sets.levels[i], plan->load.panic[i], spec.locality_weighted, endpoints)));
  }
  return plan;
}

}  // namespace weir::upstream
