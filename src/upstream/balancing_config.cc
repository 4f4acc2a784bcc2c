#include "upstream/balancing_config.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/text.h"
#include "config/duration.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/maglev/v3/maglev.pb.h"
#include "envoy/extensions/load_balancing_policies/override_host/v3/override_host.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/subset/v3/subset.pb.h"
#include "format/lb_criteria_config.h"

namespace weir::upstream {

namespace policies = envoy::extensions::load_balancing_policies;
using config::FieldPath;
using envoy::config::cluster::v3::Cluster;
using envoy::config::cluster::v3::LoadBalancingPolicy;
using Common = Cluster::CommonLbConfig;

namespace {

constexpr char kPolicies[] = "envoy.load_balancing_policies";

bool is_prime(uint64_t number) {
  if (number < 2) return false;
  for (uint64_t i = 2; i * i <= number; ++i) {
    if (number % i == 0) return false;
  }
  return true;
}

template <class Percent>
uint32_t rounded(const Percent& percent) {
  return static_cast<uint32_t>(std::round(percent.value()));
}

/// Reads one cluster's; goes on after an error, so that all are found.
class Reader {
 public:
  Reader(const Cluster& from, const FieldPath& at, RuntimeValues* runtime, config::Diagnostics& diagnostics, BalancingSpec& spec)
      : from_(from), at_(at), runtime_(runtime), diagnostics_(diagnostics), spec_(spec) {}

  bool read() {
    const Common& common = from_.common_lb_config();
    if (common.has_healthy_panic_threshold()) spec_.healthy_panic_percent = rounded(common.healthy_panic_threshold());
    if (from_.has_load_balancing_policy() || from_.lb_policy() == Cluster::LOAD_BALANCING_POLICY_CONFIG) {
      by_extension();
    } else {
      by_name(common);
    }
    check();
    return good_;
  }

 private:
  void error(const FieldPath& path, std::string message, std::string hint) {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  bool provides() const {
    const std::string_view type = config::type_name(from_.cluster_type().typed_config().type_url());
    return type == "envoy.extensions.clusters.aggregate.v3.ClusterConfig" ||
           type == "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig";
  }

  // --- lb_policy and the fields beside it ---

  void by_name(const Common& common) {
    spec_.locality_weighted = common.has_locality_weighted_lb_config();
    if (common.has_zone_aware_lb_config()) zone_aware(common.zone_aware_lb_config());
    switch (from_.lb_policy()) {
      case Cluster::RANDOM:
        spec_.kind = BalancerKind::kRandom;
        break;
      case Cluster::LEAST_REQUEST:
        spec_.kind = BalancerKind::kLeastRequest;
        least_request(from_.least_request_lb_config());
        break;
      case Cluster::RING_HASH:
        spec_.kind = BalancerKind::kRingHash;
        ring(from_.ring_hash_lb_config());
        spec_.murmur_hash = from_.ring_hash_lb_config().hash_function() == Cluster::RingHashLbConfig::MURMUR_HASH_2;
        hashing(common.consistent_hashing_lb_config());
        break;
      case Cluster::MAGLEV:
        spec_.kind = BalancerKind::kMaglev;
        if (from_.maglev_lb_config().has_table_size()) spec_.table_size = from_.maglev_lb_config().table_size().value();
        hashing(common.consistent_hashing_lb_config());
        break;
      case Cluster::CLUSTER_PROVIDED:
        if (from_.type() == Cluster::ORIGINAL_DST || provides()) break;
        error(FieldPath{&at_, "lb_policy"}, "this type of cluster provides no load balancing policy of its own", "remove it");
        break;
      default:
        spec_.kind = BalancerKind::kRoundRobin;
        if (from_.round_robin_lb_config().has_slow_start_config()) {
          slow_start(from_.round_robin_lb_config().slow_start_config());
        }
    }
    if (!from_.lb_subset_config().subset_selectors().empty()) {
      const FieldPath subset{&at_, "lb_subset_config"};
      subsets(from_.lb_subset_config(), subset);
      if (from_.lb_subset_config().locality_weight_aware() && !spec_.locality_weighted) {
        error(FieldPath{&subset, "locality_weight_aware"}, "needs weights of localities",
              "set common_lb_config.locality_weighted_lb_config");
      }
    }
  }

  // --- load_balancing_policy ---

  void by_extension() {
    const FieldPath path{&at_, "load_balancing_policy"};
    const Common& common = from_.common_lb_config();
    if (from_.has_lb_subset_config()) {
      error(FieldPath{&at_, "lb_subset_config"}, "cannot be combined with load_balancing_policy",
            "use envoy.load_balancing_policies.subset");
    }
    if (common.has_zone_aware_lb_config() || common.has_locality_weighted_lb_config() ||
        common.has_consistent_hashing_lb_config()) {
      error(FieldPath{&at_, "common_lb_config"},
            "zone_aware_lb_config, locality_weighted_lb_config and consistent_hashing_lb_config cannot be combined with "
            "load_balancing_policy",
            "say it in the policy");
    }
    if (!from_.has_load_balancing_policy()) {
      return error(FieldPath{&at_, "lb_policy"}, "LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy",
                   "give load_balancing_policy");
    }
    policy(from_.load_balancing_policy(), path);
    if (from_.load_balancing_policy().policies().empty() || (from_.type() != Cluster::ORIGINAL_DST && !provides())) return;
    const auto& first = from_.load_balancing_policy().policies(0).typed_extension_config().typed_config();
    if (first.Is<policies::cluster_provided::v3::ClusterProvided>()) return;
    error(path, "this type of cluster provides its own load balancing policy",
          "use envoy.load_balancing_policies.cluster_provided");
  }

  // The first policy wins, for the loader has refused a list with one that Weir does not know.
  void policy(const LoadBalancingPolicy& from, const FieldPath& path) {
    const FieldPath list{&path, "policies"};
    if (from.policies().empty()) {
      return error(list, "no load balancing policy is given", "add one, such as envoy.load_balancing_policies.round_robin");
    }
    const FieldPath first{&list, {}, 0}, config{&first, "typed_extension_config"};
    const auto& any = from.policies(0).typed_extension_config().typed_config();
    policies::round_robin::v3::RoundRobin round_robin;
    policies::random::v3::Random random;
    policies::least_request::v3::LeastRequest least;
    policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin client_side;
    policies::ring_hash::v3::RingHash ring_hash;
    policies::maglev::v3::Maglev maglev;
    policies::subset::v3::Subset subset;
    policies::override_host::v3::OverrideHost override_host;
    if (any.UnpackTo(&round_robin)) {
      spec_.kind = BalancerKind::kRoundRobin;
      if (round_robin.has_slow_start_config()) slow_start(round_robin.slow_start_config());
      locality(round_robin.locality_lb_config());
    } else if (any.UnpackTo(&random)) {
      spec_.kind = BalancerKind::kRandom;
      locality(random.locality_lb_config());
    } else if (any.UnpackTo(&client_side)) {
      client_weighted(client_side, FieldPath{&config, "typed_config"});
    } else if (any.UnpackTo(&least)) {
      spec_.kind = BalancerKind::kLeastRequest;
      least_request(least);
      spec_.full_scan = least.enable_full_scan().value() || least.selection_method() == least.FULL_SCAN;
      locality(least.locality_lb_config());
    } else if (any.UnpackTo(&ring_hash)) {
      spec_.kind = BalancerKind::kRingHash;
      ring(ring_hash);
      spec_.murmur_hash = ring_hash.hash_function() == ring_hash.MURMUR_HASH_2;
      spec_.locality_weighted = ring_hash.has_locality_weighted_lb_config();
      if (ring_hash.has_consistent_hashing_lb_config()) {
        hashing(ring_hash.consistent_hashing_lb_config());
      } else {
        hashing(ring_hash);
      }
    } else if (any.UnpackTo(&maglev)) {
      spec_.kind = BalancerKind::kMaglev;
      if (maglev.has_table_size()) spec_.table_size = maglev.table_size().value();
      spec_.locality_weighted = maglev.has_locality_weighted_lb_config();
      hashing(maglev.consistent_hashing_lb_config());
    } else if (any.UnpackTo(&subset)) {
      const FieldPath typed{&config, "typed_config"};
      if (spec_.subsets) return error(typed, "subsets of subsets are not implemented", "");
      subsets(subset, typed);
      if (spec_.subsets) spec_.subsets->allow_redundant_keys = subset.allow_redundant_keys();
      policy(subset.subset_lb_policy(), FieldPath{&typed, "subset_lb_policy"});
    } else if (any.UnpackTo(&override_host)) {
      const FieldPath typed{&config, "typed_config"};
      override_sources(override_host, typed);
      policy(override_host.fallback_policy(), FieldPath{&typed, "fallback_policy"});
    } else if (any.Is<policies::cluster_provided::v3::ClusterProvided>()) {
      if (from_.type() != Cluster::ORIGINAL_DST && !provides()) {
        error(config, "this type of cluster provides no load balancing policy of its own", "choose another one");
      }
    } else {
      error(config, "there is no load balancing policy of the type " + config::quoted(any.type_url()), "");
    }
  }

  void client_weighted(const policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin& from,
                       const FieldPath& at) {
    spec_.kind = BalancerKind::kClientWeighted;
    ClientWeighted& into = spec_.client_weighted.edit();
    if (from.enable_oob_load_report().value()) {
      error(FieldPath{&at, "enable_oob_load_report"}, "only reports in answers are read", "remove it");
    }
    if (from.has_blackout_period()) into.blackout_ms = config::milliseconds(from.blackout_period());
    if (from.has_weight_expiration_period()) into.expiry_ms = config::milliseconds(from.weight_expiration_period());
    if (from.has_weight_update_period())
      into.update_ms = std::max<int64_t>(config::milliseconds(from.weight_update_period()), 100);
    if (from.has_error_utilization_penalty()) into.error_penalty = from.error_utilization_penalty().value();
    into.metrics = {from.metric_names_for_computing_utilization().begin(), from.metric_names_for_computing_utilization().end()};
    if (from.has_slow_start_config()) slow_start(from.slow_start_config());
  }

  void override_sources(const policies::override_host::v3::OverrideHost& from, const FieldPath& at) {
    const FieldPath list{&at, "override_host_sources"};
    for (int i = 0; i < from.override_host_sources_size(); ++i) {
      const auto& source = from.override_host_sources(i);
      OverrideSource& into = spec_.override_sources.emplace_back();
      into.header = lower(source.header());
      into.metadata_filter = source.metadata().key();
      for (const auto& segment : source.metadata().path()) into.metadata_path.push_back(segment.key());
      if (into.header.empty() == !source.has_metadata()) {
        error(FieldPath{&list, {}, i}, "needs a header or metadata, and not both", "");
      }
    }
  }

  // --- what both ways have in common ---

  template <class Config>
  void locality(const Config& from) {
    spec_.locality_weighted = from.has_locality_weighted_lb_config();
    if (!from.has_zone_aware_lb_config()) return;
    const auto& zones = from.zone_aware_lb_config();
    zone_aware(zones);
    spec_.zones.by_weight = zones.locality_basis() == zones.HEALTHY_HOSTS_WEIGHT;
    if (zones.has_force_local_zone()) {
      spec_.zones.force_local_zone = zones.force_local_zone().has_min_size() ? zones.force_local_zone().min_size().value() : 1;
    } else if (zones.force_locality_direct_routing()) {
      spec_.zones.force_local_zone = 1;
    }
  }

  template <class Config>
  void zone_aware(const Config& from) {
    if (from.has_routing_enabled()) spec_.zones.enabled_percent = rounded(from.routing_enabled());
    if (from.has_min_cluster_size()) spec_.zones.min_cluster_size = from.min_cluster_size().value();
    spec_.zones.fail_traffic_on_panic = from.fail_traffic_on_panic();
  }

  template <class Config>
  void slow_start(const Config& from) {
    spec_.slow_start.window_ms = config::milliseconds(from.slow_start_window());
    if (from.has_aggression()) {
      spec_.slow_start.aggression = from.aggression().default_value();
      spec_.slow_start.aggression_key = key(from.aggression().runtime_key());
    }
    if (from.has_min_weight_percent()) spec_.slow_start.least_share = from.min_weight_percent().value() / 100;
  }

  template <class Config>
  void least_request(const Config& from) {
    if (from.has_choice_count()) spec_.choice_count = std::max(from.choice_count().value(), 1u);
    if (from.has_active_request_bias()) {
      spec_.active_request_bias = from.active_request_bias().default_value();
      spec_.active_request_bias_key = key(from.active_request_bias().runtime_key());
    }
    if (from.has_slow_start_config()) slow_start(from.slow_start_config());
  }

  template <class Config>
  void ring(const Config& from) {
    constexpr uint64_t kMost = 8'388'608;  // the .proto file says so, but Envoy does not ask it about load_balancing_policy
    if (from.has_minimum_ring_size()) spec_.minimum_ring_size = std::max<uint64_t>(from.minimum_ring_size().value(), 1);
    if (from.has_maximum_ring_size()) spec_.maximum_ring_size = std::min(from.maximum_ring_size().value(), kMost);
  }

  template <class Config>
  void hashing(const Config& from) {
    spec_.use_hostname = from.use_hostname_for_hashing();
    spec_.balance_factor = from.hash_balance_factor().value();
  }

  template <class Config>
  void subsets(const Config& from, const FieldPath& at) {
    SubsetSpec& into = spec_.subsets.emplace();
    into.fallback = static_cast<SubsetSpec::Fallback>(from.fallback_policy());
    into.default_subset = format::read_lb_criteria(from.default_subset());
    into.locality_weight_aware = from.locality_weight_aware();
    into.scale_locality_weight = from.scale_locality_weight();
    into.panic_mode_any = from.panic_mode_any();
    into.list_as_any = from.list_as_any();
    into.fallback_list = from.metadata_fallback_policy() == from.FALLBACK_LIST;
    const FieldPath selectors{&at, "subset_selectors"};
    for (int i = 0; i < from.subset_selectors_size(); ++i) selector(from.subset_selectors(i), FieldPath{&selectors, {}, i}, into);
  }

  template <class Config>
  void selector(const Config& from, const FieldPath& at, SubsetSpec& into) {
    if (from.keys().empty()) return;  // it selects nothing, whatever else it says
    SubsetSpec::Selector& selector = into.selectors.emplace_back();
    selector.keys = {from.keys().begin(), from.keys().end()};
    selector.fallback = static_cast<SubsetSpec::SelectorFallback>(from.fallback_policy());
    selector.fallback_keys = {from.fallback_keys_subset().begin(), from.fallback_keys_subset().end()};
    selector.single_host = from.single_host_per_subset();
    const FieldPath path{&at, "fallback_keys_subset"};
    if (selector.fallback != SubsetSpec::SelectorFallback::kKeysSubset) {
      if (!selector.fallback_keys.empty()) error(path, "can be set only for the fallback_policy KEYS_SUBSET", "remove it");
    } else if (selector.fallback_keys.empty()) {
      error(path, "KEYS_SUBSET needs keys", "give some of the selector's keys");
    } else if (!std::ranges::includes(selector.keys, selector.fallback_keys)) {
      error(path, "must be a subset of the selector's keys", "");
    } else if (selector.keys.size() == selector.fallback_keys.size()) {
      error(path, "cannot be all of the selector's keys", "leave one out");
    }
  }

  void check() {
    if (spec_.kind == BalancerKind::kRingHash && spec_.minimum_ring_size > spec_.maximum_ring_size) {
      error(at_,
            "minimum_ring_size (" + std::to_string(spec_.minimum_ring_size) + ") is larger than maximum_ring_size (" +
                std::to_string(spec_.maximum_ring_size) + ")",
            "raise maximum_ring_size");
    }
    if (spec_.kind != BalancerKind::kMaglev) return;
    constexpr uint64_t kLargestTable = 5'000'011;  // as the .proto file has it
    if (spec_.table_size > kLargestTable) {
      error(at_, "the table_size of Maglev is " + std::to_string(spec_.table_size) + ", more than 5000011", "such as 65537");
    } else if (!is_prime(spec_.table_size)) {
      error(at_, "the table_size of Maglev must be a prime number, not " + std::to_string(spec_.table_size), "such as 65537");
    }
  }

  RuntimeKey key(const std::string& name) { return runtime_ != nullptr ? runtime_->key(name) : RuntimeKey(); }

  const Cluster& from_;
  const FieldPath& at_;
  RuntimeValues* runtime_;
  config::Diagnostics& diagnostics_;
  BalancingSpec& spec_;
  bool good_ = true;
};

}  // namespace

bool read_balancing(const Cluster& cluster, const FieldPath& at, RuntimeValues* runtime, config::Diagnostics& diagnostics,
                    BalancingSpec& result) {
  return Reader(cluster, at, runtime, diagnostics, result).read();
}

void declare_balancing(config::SupportTable& table) {
  table.message<Cluster>()
      .fields({"least_request_lb_config", "round_robin_lb_config", "ring_hash_lb_config", "maglev_lb_config", "common_lb_config",
               "load_balancing_policy"})
      .values("lb_policy", {"ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV", "LOAD_BALANCING_POLICY_CONFIG",
                            "CLUSTER_PROVIDED"});
  table.message<Cluster>().fields({"lb_subset_config"});
  table.message<Cluster::LbSubsetConfig>().all_fields();
  table.message<Cluster::LbSubsetConfig::LbSubsetSelector>().all_fields();
  table.extension<policies::subset::v3::Subset>(kPolicies, "envoy.load_balancing_policies.subset").all_fields();
  table.message<policies::subset::v3::Subset::LbSubsetSelector>().all_fields();
  using policies::override_host::v3::OverrideHost;
  table.extension<OverrideHost>(kPolicies, "envoy.load_balancing_policies.override_host").all_fields();
  table.message<OverrideHost::OverrideHostSource>().all_fields();
  table.message<envoy::type::metadata::v3::MetadataKey>().all_fields();
  table.message<envoy::type::metadata::v3::MetadataKey::PathSegment>().all_fields();
  table.extension<policies::cluster_provided::v3::ClusterProvided>(kPolicies, "envoy.load_balancing_policies.cluster_provided");
  table.message<Cluster::SlowStartConfig>().all_fields();
  table.message<Cluster::RoundRobinLbConfig>().all_fields();
  table.message<Cluster::LeastRequestLbConfig>().all_fields();
  table.message<Cluster::RingHashLbConfig>().all_fields();
  table.message<Cluster::MaglevLbConfig>().all_fields();
  table.message<Common>()
      .fields({"healthy_panic_threshold", "locality_weighted_lb_config", "consistent_hashing_lb_config", "zone_aware_lb_config"})
      .fields({"override_host_status", "update_merge_window", "ignore_new_hosts_until_first_hc",
               "close_connections_on_host_set_change"});
  table.message<envoy::config::core::v3::HealthStatusSet>().all_fields();
  table.message<Common::ZoneAwareLbConfig>().all_fields();
  table.message<Common::LocalityWeightedLbConfig>().all_fields();
  table.message<Common::ConsistentHashingLbConfig>().all_fields();
  table.message<envoy::type::v3::Percent>().all_fields();
  table.message<envoy::config::core::v3::RuntimeDouble>().all_fields();
  table.message<LoadBalancingPolicy>().all_fields();
  table.message<LoadBalancingPolicy::Policy>().extensions("typed_extension_config", kPolicies);

  namespace common = policies::common::v3;
  table.message<common::SlowStartConfig>().all_fields();
  table.message<common::LocalityLbConfig>().all_fields();
  table.message<common::LocalityLbConfig::ZoneAwareLbConfig>().all_fields();
  table.message<common::LocalityLbConfig::ZoneAwareLbConfig::ForceLocalZone>().all_fields();
  table.message<common::LocalityLbConfig::LocalityWeightedLbConfig>().all_fields();
  table.message<common::ConsistentHashingLbConfig>().fields({"use_hostname_for_hashing", "hash_balance_factor"});
  table.extension<policies::round_robin::v3::RoundRobin>(kPolicies, "envoy.load_balancing_policies.round_robin").all_fields();
  table
      .extension<policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin>(
          kPolicies, "envoy.load_balancing_policies.client_side_weighted_round_robin")
      .all_fields();
  table.extension<policies::random::v3::Random>(kPolicies, "envoy.load_balancing_policies.random").all_fields();
  table.extension<policies::least_request::v3::LeastRequest>(kPolicies, "envoy.load_balancing_policies.least_request")
      .all_fields();
  table.extension<policies::ring_hash::v3::RingHash>(kPolicies, "envoy.load_balancing_policies.ring_hash").all_fields();
  table.extension<policies::maglev::v3::Maglev>(kPolicies, "envoy.load_balancing_policies.maglev").all_fields();
}

}  // namespace weir::upstream
