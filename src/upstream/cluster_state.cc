#include "upstream/cluster_state.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "upstream/endpoint_changes.h"
#include "upstream/subset_plan.h"

namespace weir::upstream {

namespace {

void count_members(ClusterState& cluster, const EndpointSet& set) {
  MembershipStats& stats = cluster.membership;
  int64_t healthy = 0, degraded = 0, excluded = 0;
  uint32_t max_weight = 0;
  for (const EndpointPtr& endpoint : set.endpoints) {
    healthy += endpoint->availability() == Availability::kHealthy ? 1 : 0;
    degraded += endpoint->availability() == Availability::kDegraded ? 1 : 0;
    excluded += endpoint->excluded() ? 1 : 0;
    max_weight = std::max(max_weight, endpoint->weight);
  }
  stats.membership_total.set(static_cast<int64_t>(set.endpoints.size()));
  stats.membership_healthy.set(healthy);
  stats.membership_degraded.set(degraded);
  stats.membership_excluded.set(excluded);
  const DiscoveryType discovery = cluster.spec->discovery;
  const bool has_own = discovery != DiscoveryType::kStatic && discovery != DiscoveryType::kDynamicForwardProxy &&
                       discovery != DiscoveryType::kOriginalDst;
  if (has_own) stats.max_host_weight.set(max_weight);
}

/// Of how many priorities the endpoints are others now.
uint64_t changed_priorities(const EndpointChanges& news) {
  std::map<uint32_t, std::vector<const EndpointLife*>> gone, fresh;
  for (const EndpointPtr& endpoint : news.gone) gone[endpoint->priority].push_back(endpoint->life.get());
  for (const EndpointPtr& endpoint : news.fresh) fresh[endpoint->priority].push_back(endpoint->life.get());
  uint64_t changed = 0;
  for (const auto& [priority, lives] : fresh) changed += gone[priority] != lives;
  for (const auto& [priority, lives] : gone) changed += !lives.empty() && !fresh.contains(priority);
  return changed;
}

/// The same, where the order counts.
uint64_t changed_priorities(const EndpointSet* before, const EndpointSet& after) {
  std::map<uint32_t, std::vector<const EndpointLife*>> had, has;
  if (before != nullptr) {
    for (const EndpointPtr& endpoint : before->endpoints) had[endpoint->priority].push_back(endpoint->life.get());
  }
  for (const EndpointPtr& endpoint : after.endpoints) has[endpoint->priority].push_back(endpoint->life.get());
  uint64_t changed = 0;
  for (const auto& [priority, endpoints] : has) changed += had[priority] != endpoints;
  for (const auto& [priority, endpoints] : had) changed += !endpoints.empty() && !has.contains(priority);
  return changed;
}

/// Envoy's main thread and each of its workers part the endpoints for themselves, and count it.
void count_subsets(ClusterState& cluster, const SubsetPlan& now) {
  const EndpointSetPtr set = cluster.endpoints.load();
  const SubsetPlan* before = set != nullptr && set->plan != nullptr ? set->plan->subsets.get() : nullptr;
  const uint64_t times = cluster.workers() + 1;
  uint64_t stayed = 0;
  if (before != nullptr) {
    for (const auto& [key, subset] : before->subsets) stayed += now.subsets.contains(key);
    cluster.membership.lb_subsets_removed.add(times * (before->subsets.size() - stayed));
  }
  cluster.membership.lb_subsets_created.add(times * (now.subsets.size() - stayed));
  cluster.membership.lb_subsets_active.set(static_cast<int64_t>(times * now.subsets.size()));
  cluster.membership.lb_subsets_single_host_per_subset_duplicate.set(static_cast<int64_t>(now.duplicates));
}

/// The gauges show the table that was built last.
void count_tables(ClusterState& cluster, const BalancingPlan& plan) {
  for (const BalancingPlan::Hashed& hashed : plan.hashed) {
    if (hashed.table == nullptr) continue;
    cluster.membership.hash_size.set(static_cast<int64_t>(hashed.table->size));
    cluster.membership.hash_fewest.set(static_cast<int64_t>(hashed.table->fewest));
    cluster.membership.hash_most.set(static_cast<int64_t>(hashed.table->most));
  }
  if (plan.subsets == nullptr) return;
  for (const BalancingPlanPtr& fallback : {plan.subsets->any, plan.subsets->default_subset}) {
    if (fallback != nullptr) count_tables(cluster, *fallback);
  }
  for (const auto& [key, subset] : plan.subsets->subsets) {
    if (subset.plan != nullptr) count_tables(cluster, *subset.plan);
  }
}

/// What all workers would work out alike is worked out here. So is what they would see change later: those whose health is
/// watched are known as they were when that was told, and not as they are when the next request comes.
void plan(ClusterState& cluster, EndpointSet& set) {
  const BalancingSpec& spec = cluster.spec->balancing;
  set.plan = nullptr;
  const bool watched = !cluster.spec->health_checks.empty() || cluster.spec->outlier;
  if (!spec.shares_plan() && !watched) return;
  set.plan = make_whole_plan(spec, set, cluster.spec->own_locality.get());
  if (set.plan->subsets != nullptr) count_subsets(cluster, *set.plan->subsets);
  count_tables(cluster, *set.plan);
}

/// What is known of an address stays known when its description changes; a new one has to prove itself first.
void begin_watching(const ClusterState& cluster, const EndpointSet* before, const EndpointChanges& news) {
  const ClusterSpec& spec = *cluster.spec;
  if (spec.health_checks.empty() && !spec.outlier) return;
  std::unordered_map<std::string_view, const Endpoint*> known;
  for (const EndpointPtr& endpoint : news.gone) known.emplace(endpoint->address->text(), endpoint.get());
  // An address may have several endpoints: then a new one of them is known, too.
  std::vector<std::string_view> others;
  for (const EndpointPtr& endpoint : news.fresh) {
    if (!known.contains(endpoint->address->text())) others.push_back(endpoint->address->text());
  }
  constexpr size_t kFew = 8;  // for whom a table of all is not worth its while
  if (before != nullptr && !others.empty()) {
    for (const EndpointPtr& endpoint : before->endpoints) {
      const std::string_view address = endpoint->address->text();
      if (others.size() > kFew || std::ranges::find(others, address) != others.end()) known.emplace(address, endpoint.get());
    }
  }
  for (const EndpointPtr& endpoint : news.fresh) {
    const auto found = known.find(endpoint->address->text());
    if (found != known.end() && found->second->life == endpoint->life) continue;
    if (spec.outlier && endpoint->outlier == nullptr) endpoint->outlier = std::make_unique<OutlierRecord>();
    if (found != known.end()) {
      endpoint->set(found->second->flags());
    } else if (!spec.health_checks.empty()) {
      endpoint->set(HealthFlag::kFailedActiveCheck);
      if (spec.ignore_new_hosts_until_first_check) endpoint->set(HealthFlag::kPendingActiveCheck);
    }
  }
}

bool is_failing(const Endpoint& endpoint) {
  return (endpoint.flags() & HealthFlag::kFailedActiveCheck) != 0 || endpoint.health == Health::kUnhealthy ||
         endpoint.health == Health::kTimeout;
}

/// Discovery may be wrong, or late: what it names no longer but still answers well stays, behind the others.
void keep_the_well(const EndpointSet& before, EndpointSet& after) {
  std::unordered_set<std::string_view> named;
  for (const EndpointPtr& endpoint : after.endpoints) {
    endpoint->clear(HealthFlag::kPendingRemoval);
    named.insert(endpoint->address->text());
  }
  for (const EndpointPtr& endpoint : before.endpoints) {
    if (named.contains(endpoint->address->text()) || is_failing(*endpoint)) continue;
    endpoint->set(HealthFlag::kPendingRemoval);
    after.endpoints.push_back(endpoint);
  }
}

/// Whether the same holds for the endpoints together.
bool same_rules(const EndpointSet& a, const EndpointSet& b) {
  return a.locality_weights == b.locality_weights && a.overprovisioning_factor == b.overprovisioning_factor &&
         a.weighted_priority_health == b.weighted_priority_health && a.drop_share == b.drop_share;
}

void adopt(ClusterState& cluster, const EndpointSet* before, const EndpointChanges& news, std::shared_ptr<EndpointSet> after) {
  plan(cluster, *after);
  count_members(cluster, *after);
  cluster.membership.membership_change.add(news.moved ? changed_priorities(before, *after) : changed_priorities(news));
  cluster.endpoints.store(std::move(after));
  cluster.endpoints_version.fetch_add(1);
}

}  // namespace

void ClusterState::follow(const RuntimeValues& runtime) {
  const std::string prefix = std::string(kBreakerKeys) + spec->name;
  breakers[0].follow(runtime, prefix + ".default.", spec->thresholds[0]);
  breakers[1].follow(runtime, prefix + ".high.", spec->thresholds[1]);
}

void count_health(ClusterState& cluster) {
  if (const EndpointSetPtr set = cluster.endpoints.load()) count_members(cluster, *set);
}

void take_endpoints(ClusterState& cluster, const EndpointSetPtr& from) {
  if (from == nullptr) return cluster.endpoints.store(nullptr);
  auto set = std::make_shared<EndpointSet>(*from);
  const ClusterSpec& spec = *cluster.spec;
  for (const EndpointPtr& endpoint : set->endpoints) {
    if (spec.outlier && endpoint->outlier == nullptr) endpoint->outlier = std::make_unique<OutlierRecord>();
    if (!spec.outlier) endpoint->clear(HealthFlag::kFailedOutlierCheck);
    if (spec.health_checks.empty()) endpoint->clear(~uint32_t{HealthFlag::kFailedOutlierCheck});
  }
  plan(cluster, *set);
  cluster.endpoints.store(std::move(set));
  cluster.endpoints_version.fetch_add(1);
}

bool update_endpoints(ClusterState& cluster, const Assignment& assignment) {
  const EndpointSetPtr before = cluster.endpoints.load();
  std::shared_ptr<EndpointSet> after = make_endpoint_set(assignment, cluster.workers(), before.get());
  if (before != nullptr && cluster.spec->keeps_removed_while_well) keep_the_well(*before, *after);
  const EndpointList nobody;
  const EndpointChanges news = changes(before != nullptr ? before->endpoints : nobody, after->endpoints);
  // The same endpoints in another order are no news.
  if (before != nullptr && news.empty() && same_rules(*before, *after)) return false;
  begin_watching(cluster, before.get(), news);
  adopt(cluster, before.get(), news, std::move(after));
  return true;
}

void add_dialled(ClusterState& cluster, const EndpointPtr& endpoint) {
  const EndpointSetPtr before = cluster.endpoints.load();
  auto after = before != nullptr ? std::make_shared<EndpointSet>(*before) : std::make_shared<EndpointSet>();
  const bool known =
      std::ranges::any_of(after->endpoints, [&](const auto& each) { return *each->address == *endpoint->address; });
  if (known) return;  // of another worker
  after->endpoints.push_back(endpoint);
  const EndpointChanges news{.gone = {}, .fresh = {endpoint}};
  adopt(cluster, before.get(), news, std::move(after));
}

void drop_unused_dialled(ClusterState& cluster) {
  const EndpointSetPtr before = cluster.endpoints.load();
  if (before == nullptr) return;
  auto after = std::make_shared<EndpointSet>(*before);
  EndpointChanges news;
  std::erase_if(after->endpoints, [&](const EndpointPtr& endpoint) {
    if (endpoint->life->used.exchange(false) || endpoint->connections.load() > 0) return false;
    endpoint->set(HealthFlag::kPendingRemoval);  // a worker that still has it will tell of it again
    news.gone.push_back(endpoint);
    return true;
  });
  if (!news.empty()) adopt(cluster, before.get(), news, std::move(after));
}

bool drop_failed_leftovers(ClusterState& cluster) {
  const EndpointSetPtr before = cluster.endpoints.load();
  if (before == nullptr) return false;
  auto after = std::make_shared<EndpointSet>(*before);
  const auto is_leftover = [](const EndpointPtr& endpoint) {
    return (endpoint->flags() & HealthFlag::kPendingRemoval) != 0 && is_failing(*endpoint);
  };
  if (std::erase_if(after->endpoints, is_leftover) == 0) return false;
  const EndpointChanges news = changes(before->endpoints, after->endpoints);
  adopt(cluster, before.get(), news, std::move(after));
  return true;
}

}  // namespace weir::upstream
