#include "filter/rbac_engine.h"

#include <algorithm>
#include <iterator>

#include "stats/table.h"

namespace weir::filter {

namespace {

constexpr std::string_view kNoPolicy = "rbac_access_denied_matched_policy[none]";
constexpr size_t kMostPolicies = 4096;  // counted apart, a worker

constexpr auto kCounters = stats::table<RbacCounters>({
    {"allowed", &RbacCounters::allowed},
    {"denied", &RbacCounters::denied},
});

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string joined(std::string text, std::string_view part) {
  text += part;
  if (!part.empty() && !text.ends_with('.')) text += '.';
  return text;
}

void show_policies(stats::StatVisitor& visitor, stats::Sharded<RbacPolicyCounters>& cells) {
  if (!visitor.wants(stats::StatKind::kCounter)) return;
  cells.for_each_mutable([&](RbacPolicyCounters& shard) {
    shard.for_each([&](RbacPolicyCounters::Counts& each) {
      const auto scope = visitor.scope(each.name + ".");
      const auto show = [&](std::string_view name, stats::Counter& counter) {
        if (visitor.resets_counters()) counter.reset();
        if (!visitor.resets_counters() && counter.used()) visitor.counter(name, counter.value(), true);
      };
      show("allowed", each.allowed);
      show("denied", each.denied);
      show("shadow_allowed", each.shadow_allowed);
      show("shadow_denied", each.shadow_denied);
    });
  });
}

}  // namespace

RbacPolicy::RbacPolicy(std::string policy_name) : name(std::move(policy_name)), details("rbac_access_denied_matched_policy[") {
  std::ranges::transform(name, std::back_inserter(details), [](char c) { return is_blank(c) ? '_' : c; });
  details += name.empty() ? "none]" : "]";
}

std::string_view RbacVerdict::details() const { return policy == nullptr ? kNoPolicy : std::string_view(policy->details); }

RbacEngine::RbacEngine(RbacAction action, std::vector<RbacPolicy> policies) : action_(action), policies_(std::move(policies)) {
  std::ranges::sort(policies_, {}, &RbacPolicy::name);
}

RbacEngine::RbacEngine(format::MatcherTree tree, std::vector<RbacPolicy> actions)
    : tree_(std::move(tree)), policies_(std::move(actions)) {
  logs_ = std::ranges::any_of(policies_, [](const RbacPolicy& each) { return each.action == RbacAction::kLog; });
}

RbacVerdict RbacEngine::judge(const RbacSubject& subject) const { return tree_ ? by_tree(subject) : by_policies(subject); }

RbacVerdict RbacEngine::by_policies(const RbacSubject& subject) const {
  const auto fitting = std::ranges::find_if(
      policies_, [&](const RbacPolicy& each) { return each.permission.holds(subject) && each.principal.holds(subject); });
  RbacVerdict verdict;
  if (fitting != policies_.end()) verdict.policy = &*fitting;
  const bool fits = verdict.policy != nullptr;
  verdict.allowed = action_ == RbacAction::kLog || fits == (action_ == RbacAction::kAllow);
  if (action_ == RbacAction::kLog) verdict.log_hint = fits;
  return verdict;
}

RbacVerdict RbacEngine::by_tree(const RbacSubject& subject) const {
  format::MatchData data;
  data.request = subject.request;
  data.info = &subject.info;
  const format::MatcherTree::Outcome outcome = tree_->match(data);
  if (outcome.state != format::MatcherTree::State::kMatch) return {};
  RbacVerdict verdict;
  verdict.policy = &policies_[outcome.action];
  verdict.allowed = verdict.policy->action != RbacAction::kDeny;
  if (logs_) verdict.log_hint = verdict.policy->action == RbacAction::kLog;
  return verdict;
}

// --- metadata ---

/// Members of a struct are sorted by their keys.
void RbacNotes::add(std::string_view key, std::string_view text) {
  if (text.empty()) return;
  size_t place = count_++;
  for (; place > 0 && keys_[place - 1] > key; --place) {
    keys_[place] = keys_[place - 1];
    texts_[place] = texts_[place - 1];
  }
  keys_[place] = key;
  texts_[place] = text;
}

void RbacNotes::add_to(format::DynamicMetadata& metadata, Arena& arena, std::string_view name_space) const {
  auto* keys = arena.allocate_array<std::string_view>(count_);
  auto* values = arena.allocate_array<format::MetadataValue>(count_);
  for (size_t i = 0; i < count_; ++i) {
    keys[i] = keys_[i];
    values[i] = format::MetadataValue();
    values[i].kind = format::MetadataValue::Kind::kText;
    values[i].text = texts_[i];
  }
  format::MetadataValue note;
  note.kind = format::MetadataValue::Kind::kStruct;
  note.items = {values, count_};
  note.keys = {keys, count_};
  metadata.add(arena, name_space, note);
}

RbacKeys RbacKeys::make(std::string_view prefix, std::string_view kind) {
  const std::string start = std::string(prefix).append(kind);
  return {start + "_effective_policy_id", start + "_engine_result"};
}

void note_log_hint(format::DynamicMetadata& metadata, Arena& arena, bool hint) {
  static constexpr std::string_view kKey = "access_log_hint";
  auto* value = arena.allocate_array<format::MetadataValue>(1);
  *value = format::MetadataValue();
  value->kind = format::MetadataValue::Kind::kBool;
  value->flag = hint;
  format::MetadataValue note;
  note.kind = format::MetadataValue::Kind::kStruct;
  note.items = {value, 1};
  note.keys = {&kKey, 1};
  metadata.add(arena, "envoy.common", note);
}

// --- statistics ---

RbacPolicyCounters::~RbacPolicyCounters() {
  for (const Counts* each = first_.load(std::memory_order_relaxed); each != nullptr;) {
    const Counts* next = each->next.load(std::memory_order_relaxed);
    delete each;
    each = next;
  }
}

RbacPolicyCounters::Counts* RbacPolicyCounters::of(std::string_view policy) {
  if (const auto known = by_name_.find(policy); known != by_name_.end()) return known->second;
  if (by_name_.size() >= kMostPolicies) return nullptr;
  auto* made = new Counts;
  made->name = policy;
  made->next.store(first_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  by_name_.emplace(made->name, made);
  first_.store(made, std::memory_order_release);
  return made;
}

RbacStats RbacStats::find(stats::Scopes& scopes, std::string_view base, std::string_view rules_prefix,
                          std::string_view shadow_prefix, bool of_policies) {
  const std::string rules = joined(joined("", base) + "rbac.", rules_prefix),
                    shadow = joined(joined("", base) + "rbac.", shadow_prefix);
  RbacStats result;
  result.enforced_ = scopes.find<RbacCounters>(rules, kCounters);
  result.shadow_ = scopes.find<RbacCounters>(shadow + "shadow_", kCounters);
  if (of_policies) {
    result.policies_ = scopes.find<RbacPolicyCounters>(rules + "policy.", show_policies);
    result.shadow_policies_ = scopes.find<RbacPolicyCounters>(shadow + "policy.", show_policies);
  }
  return result;
}

void RbacStats::count_enforced(size_t worker, const RbacVerdict& verdict, bool of_policy) const {
  RbacCounters& cells = enforced_->mine(worker);
  (verdict.allowed ? cells.allowed : cells.denied).add();
  if (!of_policy || verdict.name().empty()) return;
  if (auto* counts = policies_->mine(worker).of(verdict.name())) (verdict.allowed ? counts->allowed : counts->denied).add();
}

void RbacStats::count_shadow(size_t worker, const RbacVerdict& verdict, bool of_policy) const {
  RbacCounters& cells = shadow_->mine(worker);
  (verdict.allowed ? cells.allowed : cells.denied).add();
  if (!of_policy || verdict.name().empty()) return;
  if (auto* counts = shadow_policies_->mine(worker).of(verdict.name()))
    (verdict.allowed ? counts->shadow_allowed : counts->shadow_denied).add();
}

}  // namespace weir::filter
