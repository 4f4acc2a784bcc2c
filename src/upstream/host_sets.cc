#include "upstream/host_sets.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace weir::upstream {

namespace {

struct ByName {
  bool operator()(const Locality* a, const Locality* b) const {
    return std::tie(a->region, a->zone, a->sub_zone) < std::tie(b->region, b->zone, b->sub_zone);
  }
};

/// The places of localities in their level. Most endpoints are where the one before them is.
struct KnownLocalities {
  std::map<const Locality*, size_t, ByName> places;
  size_t last = 0;
};

LocalityHosts& locality_hosts(HostLevel& level, const Locality& locality, KnownLocalities& known) {
  if (known.last < level.localities.size() && level.localities[known.last].locality == locality) {
    return level.localities[known.last];
  }
  const auto [found, is_new] = known.places.try_emplace(&locality, level.localities.size());
  if (is_new) level.localities.push_back({.locality = locality});
  known.last = found->second;
  return level.localities[found->second];
}

void sort_localities(HostLevel& level, const Locality* local) {
  std::ranges::sort(level.localities, [&](const LocalityHosts& a, const LocalityHosts& b) {
    const bool a_is_local = local != nullptr && a.locality == *local;
    const bool b_is_local = local != nullptr && b.locality == *local;
    if (a_is_local != b_is_local) return a_is_local;
    return ByName()(&a.locality, &b.locality);
  });
  level.has_local = local != nullptr && !level.localities.empty() && level.localities.front().locality == *local;
}

HostList in_both(const HostList& hosts, const HostList& members) {
  HostList result;
  std::ranges::set_intersection(hosts, members, std::back_inserter(result));
  return result;
}

}  // namespace

bool HostSets::empty() const {
  return std::ranges::all_of(levels, [](const HostLevel& level) { return level.all.empty(); });
}

HostSets make_host_sets(const EndpointSet& set, const Locality* local) {
  HostSets result;
  result.overprovisioning_factor = set.overprovisioning_factor;
  result.weighted_priority_health = set.weighted_priority_health;
  result.levels.resize(1);
  std::vector<KnownLocalities> known(1);
  for (uint32_t i = 0; i < set.endpoints.size(); ++i) {
    const Endpoint& endpoint = *set.endpoints[i];
    if (endpoint.priority >= result.levels.size()) {
      result.levels.resize(endpoint.priority + 1);
      known.resize(endpoint.priority + 1);
    }
    HostLevel& level = result.levels[endpoint.priority];
    LocalityHosts& place = locality_hosts(level, endpoint.locality, known[endpoint.priority]);
    const Availability availability = endpoint.availability();
    level.all.push_back(i);
    place.all.push_back(i);
    if (availability == Availability::kHealthy) {
      level.healthy.push_back(i);
      place.healthy.push_back(i);
    } else if (availability == Availability::kDegraded) {
      level.degraded.push_back(i);
      place.degraded.push_back(i);
    }
    if (endpoint.excluded()) {
      level.excluded.push_back(i);
      ++place.excluded;
    }
  }
  for (HostLevel& level : result.levels) {
    level.has_locality_weights = true;
    sort_localities(level, local);
  }
  for (const EndpointSet::LocalityWeight& weight : set.locality_weights) {
    if (weight.priority >= result.levels.size()) continue;
    for (LocalityHosts& place : result.levels[weight.priority].localities) {
      if (place.locality == weight.locality) place.weight = weight.weight;
    }
  }
  return result;
}

HostSets part_of(const HostSets& sets, const HostList& members, LocalityWeights weights) {
  HostSets result;
  result.overprovisioning_factor = sets.overprovisioning_factor;
  result.weighted_priority_health = sets.weighted_priority_health;
  for (const HostLevel& from : sets.levels) {
    HostLevel& level = result.levels.emplace_back();
    level.all = in_both(from.all, members);
    level.healthy = in_both(from.healthy, members);
    level.degraded = in_both(from.degraded, members);
    level.excluded = in_both(from.excluded, members);
    level.has_local = from.has_local;
    level.has_locality_weights = weights != LocalityWeights::kNone && from.has_locality_weights;
    for (const LocalityHosts& place : from.localities) {
      LocalityHosts& part = level.localities.emplace_back();
      part.locality = place.locality;
      part.all = in_both(place.all, members);
      part.healthy = in_both(place.healthy, members);
      part.degraded = in_both(place.degraded, members);
      part.excluded = static_cast<uint32_t>(in_both(level.excluded, part.all).size());
      part.weight = place.weight;
      if (weights == LocalityWeights::kScaled && !place.all.empty()) {
        const auto kept = static_cast<float>(uint64_t{place.weight} * part.all.size());
        part.weight = static_cast<uint32_t>(std::round(kept / static_cast<float>(place.all.size())));
      }
    }
  }
  return result;
}

}  // namespace weir::upstream
