// Aggregate clusters: their requests go to other clusters, whose priorities count as if they stood one after the other in one
// (Envoy, "Aggregate Cluster").
#include "upstream/cluster.h"

namespace weir::upstream {

namespace {

/// The same request, for which the priority is settled.
class Settled final : public PickContext {
 public:
  Settled(PickContext& request, PriorityChoice choice) : request_(request), choice_(choice) {}
  std::optional<uint64_t> hash() override { return request_.hash(); }
  const format::LbCriteria* criteria() override { return request_.criteria(); }
  const http::HeaderMap* headers() override { return request_.headers(); }
  const format::StreamInfo* info() override { return request_.info(); }
  std::optional<WantedHost> wanted() override { return request_.wanted(); }
  std::optional<PriorityChoice> forced() override { return choice_; }
  const PriorityShares* shares(const PriorityLoad&) override { return nullptr; }
  uint32_t tries_before() const override { return request_.tries_before(); }
  uint32_t more_choices() const override { return request_.more_choices(); }
  bool rejects(const Endpoint& endpoint) override { return request_.rejects(endpoint); }

 private:
  PickContext& request_;
  const PriorityChoice choice_;
};

}  // namespace

/// Their endpoints change, and they themselves are replaced.
void Cluster::look_at_members() {
  std::vector<std::pair<Cluster*, const void*>> seen;
  for (const uint32_t id : spec().member_ids) {
    Cluster* member = find_(id);
    if (member != nullptr && member->plan_ != nullptr) seen.emplace_back(member, member->plan_.get());
  }
  if (seen == seen_members_ && !member_load_.healthy.empty()) return;
  seen_members_ = std::move(seen);
  member_levels_.clear();
  HostSets sets;
  for (const auto& [member, plan] : seen_members_) {
    const HostSets& of_member = member->plan_->sets;
    if (sets.levels.empty()) sets.overprovisioning_factor = of_member.overprovisioning_factor;
    for (uint32_t priority = 0; priority < of_member.levels.size(); ++priority) {
      if (of_member.levels[priority].all.empty()) continue;
      sets.levels.push_back(of_member.levels[priority]);
      member_levels_.push_back({member, priority});
    }
  }
  if (sets.levels.empty()) sets.levels.emplace_back();
  member_load_ = priority_load(sets, {}, spec().balancing.healthy_panic_percent);
}

Host* Cluster::choose_of_members(PickContext& context) {
  look_at_members();
  const PriorityShares* shares = context.shares(member_load_);
  const PriorityChoice choice = (shares != nullptr ? *shares : member_load_).choose(loop_.random().next());
  context.chose(choice.priority);
  if (choice.priority >= member_levels_.size()) return nullptr;
  const MemberLevel& level = member_levels_[choice.priority];
  Settled request(context, {level.priority, choice.degraded});
  return level.cluster->choose(request);
}

}  // namespace weir::upstream
