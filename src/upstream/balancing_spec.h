// BalancingSpec: how the configuration wants endpoints to be chosen, as plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/boxed.h"
#include "base/runtime.h"
#include "format/lb_criteria.h"

namespace weir::upstream {

enum class BalancerKind : uint8_t { kRoundRobin, kLeastRequest, kRandom, kRingHash, kMaglev, kClientWeighted };

/// An endpoint that became healthy only now gets less than its share for a while.
struct SlowStart {
  int64_t window_ms = 0;  // 0: off
  double aggression = 1;
  RuntimeKey aggression_key;
  double least_share = 0.1;
};

/// Requests rather go to endpoints in the proxy's own zone.
struct ZoneAware {
  uint64_t min_cluster_size = 6;
  uint32_t enabled_percent = 100;
  bool fail_traffic_on_panic = false;
  std::optional<uint32_t> force_local_zone;  // whenever so many endpoints there are healthy
  bool by_weight = false;                    // shares of zones are those of their weights, not of their endpoints
};

/// lb_subset_config: endpoints are chosen among those whose metadata are as the request's route wants.
struct SubsetSpec {
  enum class Fallback : uint8_t { kNone, kAnyEndpoint, kDefaultSubset };
  enum class SelectorFallback : uint8_t { kNotDefined, kNone, kAnyEndpoint, kDefaultSubset, kKeysSubset };
  struct Selector {
    std::set<std::string> keys;
    SelectorFallback fallback = SelectorFallback::kNotDefined;
    std::set<std::string> fallback_keys;
    bool single_host = false;
  };

  Fallback fallback = Fallback::kNone;
  format::LbCriteria default_subset;
  std::vector<Selector> selectors;
  bool locality_weight_aware = false;
  bool scale_locality_weight = false;
  bool panic_mode_any = false;
  bool list_as_any = false;
  bool fallback_list = false;  // metadata_fallback_policy: FALLBACK_LIST
  bool allow_redundant_keys = false;
};

/// Endpoints say themselves how busy they are, in their answers (ORCA), and are weighed by that.
struct ClientWeighted {
  int64_t blackout_ms = 10'000;      // so long what they say does not count yet
  int64_t expiry_ms = 180'000;       // after so long it does not count any more
  int64_t update_ms = 1'000;         // how often weights are worked out
  double error_penalty = 1;          // how much errors weigh
  std::vector<std::string> metrics;  // what stands for the utilisation, if the application says nothing itself
};

/// Where a request names the endpoints that it wants to go to, in their order (envoy.load_balancing_policies.override_host).
struct OverrideSource {
  std::string header;                      // in lower case; "" for:
  std::string metadata_filter;             // of the dynamic metadata
  std::vector<std::string> metadata_path;  // below that
};

struct BalancingSpec {
  BalancerKind kind = BalancerKind::kRoundRobin;
  uint32_t healthy_panic_percent = 50;
  bool locality_weighted = false;
  ZoneAware zones;
  SlowStart slow_start;

  // least request
  uint32_t choice_count = 2;
  bool full_scan = false;
  double active_request_bias = 1;
  RuntimeKey active_request_bias_key;

  Rare<ClientWeighted> client_weighted;

  // ring hash and Maglev
  uint64_t minimum_ring_size = 1024;
  uint64_t maximum_ring_size = 8 * 1024 * 1024;
  bool murmur_hash = false;
  uint64_t table_size = 65537;
  bool use_hostname = false;
  uint32_t balance_factor = 0;  // percent of the average that an endpoint may have under way; 0: no bound

  Boxed<SubsetSpec> subsets;
  std::vector<OverrideSource> override_sources;

  bool hashes() const { return kind == BalancerKind::kRingHash || kind == BalancerKind::kMaglev; }
  /// Whether what is worked out for a set of endpoints is worth sharing among workers.
  bool shares_plan() const { return hashes() || subsets.has_value(); }
};

}  // namespace weir::upstream
