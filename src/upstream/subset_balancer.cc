// Subsets: the request's criteria choose a part of the endpoints, and that part's own balancer one of it; with all the ways to
// fall back where no part fits (Envoy, "Load Balancer Subsets").
#include <algorithm>
#include <unordered_map>

#include "upstream/balancer.h"
#include "upstream/subset_plan.h"

namespace weir::upstream {

namespace {

using format::LbCriteria;

/// The same request with other criteria.
class OtherCriteria final : public PickContext {
 public:
  OtherCriteria(PickContext& request, LbCriteria criteria) : request_(request), criteria_(std::move(criteria)) {}
  std::optional<uint64_t> hash() override { return request_.hash(); }
  const LbCriteria* criteria() override { return &criteria_; }
  const http::HeaderMap* headers() override { return request_.headers(); }
  const format::StreamInfo* info() override { return request_.info(); }
  std::optional<PriorityChoice> forced() override { return request_.forced(); }
  const PriorityShares* shares(const PriorityLoad& usual) override { return request_.shares(usual); }
  void chose(uint32_t priority) override { request_.chose(priority); }
  uint32_t more_choices() const override { return request_.more_choices(); }
  bool rejects(const Endpoint& endpoint) override { return request_.rejects(endpoint); }

 private:
  PickContext& request_;
  const LbCriteria criteria_;
};

LbCriteria only(const LbCriteria& criteria, const std::set<std::string>& names) {
  LbCriteria::Items items;
  for (const auto& item : criteria.items) {
    if (names.contains(item.first)) items.push_back(item);
  }
  return LbCriteria(std::move(items));
}

template <class Names>
std::string joined(const Names& names) {
  std::string result;
  for (const auto& name : names) (result += name) += '\0';
  return result;
}

class SubsetBalancer final : public Balancer {
 public:
  explicit SubsetBalancer(const BalancerWorld& world) : world_(world), spec_(*world.spec.subsets) {
    for (const SubsetSpec::Selector& selector : spec_.selectors) {
      // A selector whose keys are the beginning of an earlier one's has no say: Envoy, too, keeps these in a tree by keys.
      std::vector<std::string> path;
      for (const std::string& key : selector.keys) {
        path.push_back(key);
        const bool is_new = selectors_.try_emplace(joined(path), nullptr).second;
        if (is_new && path.size() == selector.keys.size()) selectors_[joined(path)] = &selector;
      }
    }
  }

  void adopt(const EndpointSet& endpoints, const BalancingPlan& plan) override {
    endpoints_ = &endpoints;
    plan_ = plan.subsets.get();
    ++generation_;
    std::erase_if(parts_, [&](const auto& part) { return !plan_->subsets.contains(part.first); });
  }

  std::optional<uint32_t> pick(PickContext& context) override {
    const LbCriteria* criteria = context.criteria();
    if (!spec_.fallback_list || criteria == nullptr || !criteria->has_fallbacks) return pick_once(context);
    LbCriteria::Items rest = criteria->items;
    std::erase_if(rest, [](const auto& item) { return item.first == format::kFallbackList; });
    if (criteria->fallbacks.empty()) {
      OtherCriteria request(context, LbCriteria(rest));
      return pick_once(request);
    }
    for (const LbCriteria::Items& instead : criteria->fallbacks) {
      OtherCriteria request(context, LbCriteria(format::merged(rest, instead)));
      if (const std::optional<uint32_t> found = pick_once(request)) return found;
    }
    return std::nullopt;
  }

 private:
  /// A part of the endpoints as this worker uses it.
  struct Part {
    std::unique_ptr<Balancer> balancer;
    std::optional<uint32_t> host;  // of a subset of a single host
    uint64_t generation = 0;       // which plan it has adopted
  };

  std::optional<uint32_t> pick_once(PickContext& context) {
    const LbCriteria* criteria = context.criteria();
    if (criteria == nullptr) return fall_back(context);
    if (spec_.allow_redundant_keys) {
      for (const SubsetSpec::Selector& selector : spec_.selectors) {
        LbCriteria fewer = only(*criteria, selector.keys);
        if (fewer.items.size() != selector.keys.size()) continue;
        OtherCriteria request(context, std::move(fewer));
        return pick_by(request, *request.criteria(), context);
      }
    }
    return pick_by(context, *criteria, context);
  }

  /// `whole` is the request as it came, for the last way to fall back.
  std::optional<uint32_t> pick_by(PickContext& context, const LbCriteria& criteria, PickContext& whole) {
    if (Part* part = find(criteria)) {
      world_.stats.lb_subsets_selected.add();
      return part->host ? part->host : part->balancer->pick(context);
    }
    const SubsetSpec::Selector* selector = selector_of(criteria);
    if (selector == nullptr) return fall_back(whole);
    switch (selector->fallback) {
      case SubsetSpec::SelectorFallback::kNotDefined:
        return fall_back(whole);
      case SubsetSpec::SelectorFallback::kNone:
        return std::nullopt;
      case SubsetSpec::SelectorFallback::kAnyEndpoint:
        return pick_among(any_, plan_->any, context);
      case SubsetSpec::SelectorFallback::kDefaultSubset:
        return pick_among(default_, plan_->default_subset, context);
      case SubsetSpec::SelectorFallback::kKeysSubset: {
        OtherCriteria request(context, only(criteria, selector->fallback_keys));
        return pick_once(request);
      }
    }
    return std::nullopt;
  }

  std::optional<uint32_t> fall_back(PickContext& context) {
    if (spec_.fallback == SubsetSpec::Fallback::kNone) return std::nullopt;
    const std::optional<uint32_t> found = spec_.fallback == SubsetSpec::Fallback::kAnyEndpoint
                                              ? pick_among(any_, plan_->any, context)
                                              : pick_among(default_, plan_->default_subset, context);
    if (found) {
      world_.stats.lb_subsets_fallback.add();
      return found;
    }
    if (!spec_.panic_mode_any) return std::nullopt;
    const std::optional<uint32_t> last = pick_among(any_, plan_->any, context);
    if (last) world_.stats.lb_subsets_fallback_panic.add();
    return last;
  }

  std::optional<uint32_t> pick_among(Part& part, const BalancingPlanPtr& plan, PickContext& context) {
    bring_up(part, *plan);
    return part.balancer->pick(context);
  }

  Part* find(const LbCriteria& criteria) {
    auto found = parts_.find(criteria.key);
    if (found != parts_.end() && found->second.generation == generation_) return &found->second;
    const auto planned = plan_->subsets.find(criteria.key);
    if (planned == plan_->subsets.end()) return nullptr;
    if (found == parts_.end()) found = parts_.try_emplace(criteria.key).first;
    Part& part = found->second;
    part.host = planned->second.host;
    if (part.host) {
      part.generation = generation_;
    } else {
      bring_up(part, *planned->second.plan);
    }
    return &part;
  }

  void bring_up(Part& part, const BalancingPlan& plan) {
    if (part.generation == generation_) return;
    if (part.balancer == nullptr) part.balancer = world_.spec.hashes() ? make_hash_balancer(world_) : make_list_balancer(world_);
    part.balancer->adopt(*endpoints_, plan);
    part.generation = generation_;
  }

  const SubsetSpec::Selector* selector_of(const LbCriteria& criteria) const {
    std::string names;
    for (const auto& item : criteria.items) (names += item.first) += '\0';
    const auto found = selectors_.find(names);
    return found == selectors_.end() ? nullptr : found->second;
  }

  const BalancerWorld world_;
  const SubsetSpec& spec_;
  std::unordered_map<std::string, const SubsetSpec::Selector*> selectors_;  // by their keys; null: only a beginning
  const EndpointSet* endpoints_ = nullptr;
  const SubsetPlan* plan_ = nullptr;
  uint64_t generation_ = 0;
  std::unordered_map<std::string, Part> parts_;
  Part any_, default_;
};

}  // namespace

std::unique_ptr<Balancer> make_subset_balancer(const BalancerWorld& world) { return std::make_unique<SubsetBalancer>(world); }

}  // namespace weir::upstream
