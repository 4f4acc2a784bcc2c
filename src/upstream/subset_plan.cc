#include "upstream/subset_plan.h"

#include <algorithm>

namespace weir::upstream {

namespace {

using format::LbCriteria;
using Items = LbCriteria::Items;

/// What an endpoint has for all keys of a selector; several combinations if some of its values are lists that stand for any of
/// their items. Nothing if it lacks a key.
std::vector<Items> combinations(const Endpoint& endpoint, const std::set<std::string>& keys, bool list_as_any) {
  std::vector<Items> result;
  for (const std::string& key : keys) {
    const LbField* field = endpoint.lb_metadata->find(key);
    if (field == nullptr) return {};
    const bool any = list_as_any && field->is_list;
    const std::vector<std::string> one{field->value};
    const std::vector<std::string>& values = any ? field->items : one;
    std::vector<Items> longer;
    if (result.empty()) result.emplace_back();
    for (const Items& items : result) {
      for (const std::string& value : values) longer.emplace_back(items).emplace_back(key, value);
    }
    result = std::move(longer);
  }
  return result;
}

class Parter {
 public:
  Parter(const BalancingSpec& spec, const EndpointSet& endpoints, const HostSets& sets)
      : spec_(spec), subsets_(*spec.subsets), endpoints_(endpoints), sets_(sets), plan_(std::make_shared<SubsetPlan>()) {
    if (subsets_.locality_weight_aware) {
      weights_ = subsets_.scale_locality_weight ? LocalityWeights::kScaled : LocalityWeights::kAsGiven;
    }
  }

  std::shared_ptr<const SubsetPlan> part() {
    fallbacks();
    for (uint32_t host = 0; host < endpoints_.endpoints.size(); ++host) {
      if (endpoints_.endpoints[host]->lb_metadata == nullptr) continue;
      for (const SubsetSpec::Selector& selector : subsets_.selectors) {
        for (const Items& items : combinations(*endpoints_.endpoints[host], selector.keys, subsets_.list_as_any)) {
          add(host, selector, items);
        }
      }
    }
    for (auto& [key, members] : members_) plan_->subsets[key].plan = plan_of(members);
    return plan_;
  }

 private:
  void fallbacks() {
    using Fallback = SubsetSpec::Fallback;
    using Selector = SubsetSpec::SelectorFallback;
    const auto some = [&](Selector kind) {
      return std::ranges::find(subsets_.selectors, kind, &SubsetSpec::Selector::fallback) != subsets_.selectors.end();
    };
    HostList all, matching;
    for (uint32_t host = 0; host < endpoints_.endpoints.size(); ++host) {
      all.push_back(host);
      const LbMetadata* metadata = endpoints_.endpoints[host]->lb_metadata.get();
      const auto& wanted = subsets_.default_subset.items;
      if (wanted.empty() || (metadata != nullptr && metadata->has_all(wanted, subsets_.list_as_any))) matching.push_back(host);
    }
    if (subsets_.fallback == Fallback::kAnyEndpoint || subsets_.panic_mode_any || some(Selector::kAnyEndpoint)) {
      plan_->any = plan_of(all);
    }
    if (subsets_.fallback == Fallback::kDefaultSubset || some(Selector::kDefaultSubset))
      plan_->default_subset = plan_of(matching);
  }

  void add(uint32_t host, const SubsetSpec::Selector& selector, const Items& items) {
    std::string key = LbCriteria::key_of(items);
    const auto [found, is_new] = plan_->subsets.try_emplace(key);
    if (is_new && selector.single_host) found->second.host = host;
    if (is_new && !selector.single_host) members_.emplace(key, HostList());
    if (std::optional<uint32_t>& single = found->second.host) {
      const auto priority = [&](uint32_t each) { return endpoints_.endpoints[each]->priority; };
      if (is_new) return;
      // The first host of the first priority is the one.
      if (priority(host) < priority(*single)) {
        single = host;
      } else if (priority(host) == priority(*single)) {
        ++plan_->duplicates;
      }
      return;
    }
    HostList& members = members_.at(key);
    if (members.empty() || members.back() != host) members.push_back(host);
  }

  BalancingPlanPtr plan_of(const HostList& members) const {
    return make_plan(spec_, endpoints_, part_of(sets_, members, weights_));
  }

  const BalancingSpec& spec_;
  const SubsetSpec& subsets_;
  const EndpointSet& endpoints_;
  const HostSets& sets_;
  LocalityWeights weights_ = LocalityWeights::kNone;
  std::shared_ptr<SubsetPlan> plan_;
  std::unordered_map<std::string, HostList> members_;  // of subsets that may have many
};

}  // namespace

std::shared_ptr<const SubsetPlan> make_subset_plan(const BalancingSpec& spec, const EndpointSet& endpoints,
                                                   const HostSets& sets) {
  return Parter(spec, endpoints, sets).part();
}

}  // namespace weir::upstream
