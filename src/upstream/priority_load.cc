#include "upstream/priority_load.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace weir::upstream {

namespace {

uint64_t amount(const HostList& hosts, bool weighted, const EndpointSet& endpoints) {
  if (!weighted) return hosts.size();
  uint64_t sum = 0;
  for (const uint32_t host : hosts) sum += endpoints.endpoints[host]->weight;
  return sum;
}

struct Given {
  uint32_t left;
  std::optional<size_t> first;  // the first priority that could take any
};

/// As much as possible goes to the first priorities.
Given distribute(const std::vector<uint32_t>& available, uint32_t load, uint32_t total, std::vector<uint32_t>& into) {
  Given result{load, std::nullopt};
  for (size_t i = 0; i < available.size(); ++i) {
    if (!result.first && available[i] > 0) result.first = i;
    into[i] = std::min(result.left, available[i] * 100 / total);
    result.left -= into[i];
  }
  return result;
}

void share(const std::vector<uint32_t>& healthy, const std::vector<uint32_t>& degraded, uint32_t total, PriorityShares& into) {
  const Given to_healthy = distribute(healthy, 100, total, into.healthy);
  const Given to_degraded = distribute(degraded, to_healthy.left, total, into.degraded);
  if (to_healthy.first) {  // what rounding left over
    into.healthy[*to_healthy.first] += to_degraded.left;
  } else {
    into.degraded[*to_degraded.first] += to_degraded.left;
  }
}

/// Everything is in panic: endpoints count, healthy or not.
void share_by_number(const HostSets& sets, PriorityLoad& load) {
  size_t total = 0;
  for (const HostLevel& level : sets.levels) total += level.all.size();
  std::ranges::fill(load.healthy, 0);
  std::ranges::fill(load.degraded, 0);
  if (total == 0) {
    load.healthy[0] = 100;
    return;
  }
  uint32_t left = 100;
  for (size_t i = 0; i < sets.levels.size(); ++i) {
    load.healthy[i] = static_cast<uint32_t>(100 * sets.levels[i].all.size() / total);
    left -= load.healthy[i];
  }
  const auto first = std::ranges::find_if(sets.levels, [](const HostLevel& level) { return !level.all.empty(); });
  load.healthy[static_cast<size_t>(first - sets.levels.begin())] += left;
}

}  // namespace

bool in_panic(const HostLevel& level, uint32_t threshold) {
  const size_t counted = level.all.size() - level.excluded.size();
  if (counted == 0) return threshold > 0;
  const double healthy = 100.0 * static_cast<double>(level.healthy.size()) / static_cast<double>(counted);
  const double degraded = 100.0 * static_cast<double>(level.degraded.size()) / static_cast<double>(counted);
  return healthy + degraded < threshold;
}

PriorityLoad priority_load(const HostSets& sets, const EndpointSet& endpoints, uint32_t panic_threshold_percent) {
  const size_t levels = sets.levels.size();
  PriorityLoad load;
  load.healthy.resize(levels);
  load.degraded.resize(levels);
  load.panic.resize(levels);
  load.healthy_percent.resize(levels);
  load.degraded_percent.resize(levels);
  std::vector<uint32_t>&healthy = load.healthy_percent, &degraded = load.degraded_percent;
  for (size_t i = 0; i < levels; ++i) {
    const HostLevel& level = sets.levels[i];
    if (level.all.size() == level.excluded.size()) continue;
    const bool weighted = sets.weighted_priority_health;
    const uint64_t all = amount(level.all, weighted, endpoints) - amount(level.excluded, weighted, endpoints);
    const auto percent = [&](const HostList& hosts) {
      return static_cast<uint32_t>(
          std::min<uint64_t>(100, sets.overprovisioning_factor * amount(hosts, weighted, endpoints) / all));
    };
    healthy[i] = percent(level.healthy);
    degraded[i] = percent(level.degraded);
  }
  const uint32_t total =
      std::min(100u, std::reduce(healthy.begin(), healthy.end()) + std::reduce(degraded.begin(), degraded.end()));
  if (total > 0) share(healthy, degraded, total, load);
  const uint32_t threshold = std::min(100u, panic_threshold_percent);
  if (threshold == 0 && total == 0) {
    load.healthy[0] = 100;  // nothing can be chosen there, either
    return load;
  }
  bool all_panic = true;
  for (size_t i = 0; i < levels; ++i) {
    load.panic[i] = total != 100 && in_panic(sets.levels[i], threshold);
    all_panic = all_panic && load.panic[i];
  }
  if (all_panic) share_by_number(sets, load);
  return load;
}

std::optional<PriorityShares> shares_without(const PriorityLoad& load, const std::vector<bool>& excluded) {
  std::vector<uint32_t> healthy = load.healthy_percent, degraded = load.degraded_percent;
  for (size_t i = 0; i < healthy.size() && i < excluded.size(); ++i) {
    if (excluded[i]) healthy[i] = degraded[i] = 0;
  }
  const uint32_t total =
      std::min(100u, std::reduce(healthy.begin(), healthy.end()) + std::reduce(degraded.begin(), degraded.end()));
  if (total == 0) return std::nullopt;
  PriorityShares shares{std::vector<uint32_t>(healthy.size()), std::vector<uint32_t>(healthy.size())};
  share(healthy, degraded, total, shares);
  return shares;
}

PriorityChoice PriorityShares::choose(uint64_t hash) const {
  const auto point = static_cast<uint32_t>(hash % 100 + 1);
  uint32_t reached = 0;
  for (uint32_t i = 0; i < healthy.size(); ++i) {
    if (point <= (reached += healthy[i])) return {i, false};
  }
  for (uint32_t i = 0; i < degraded.size(); ++i) {
    if (point <= (reached += degraded[i])) return {i, true};
  }
  return {};
}

}  // namespace weir::upstream
