// RbacEngine: decides whether a request or a connection may go on, by policies or by a generic matcher; and who counts that.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "filter/rbac_rule.h"
#include "format/dynamic_metadata.h"
#include "format/matcher_tree.h"
#include "stats/cell.h"
#include "stats/scopes.h"

namespace weir::filter {

enum class RbacAction : uint8_t { kAllow, kDeny, kLog };

/// What a decision is named after: a policy, or an action of a matcher.
struct RbacPolicy {
  explicit RbacPolicy(std::string name);

  std::string name;
  std::string details;  // of an answer that it refuses: "rbac_access_denied_matched_policy[<name>]", blanks as '_'
  // What the policy asks for; not of an action.
  RbacRule permission, principal;
  RbacAction action = RbacAction::kAllow;  // of a matcher's action
};

struct RbacVerdict {
  bool allowed = false;
  const RbacPolicy* policy = nullptr;  // what fitted; null if nothing did
  std::optional<bool> log_hint;        // what access logs shall be told (LOG)

  /// "" without a policy.
  std::string_view name() const { return policy == nullptr ? std::string_view() : policy->name; }
  /// Why it was refused, in Envoy's words.
  std::string_view details() const;
};

/// Immutable; safe for all threads.
class RbacEngine {
 public:
  /// The first of the policies that fits, in the order of their names, decides what `action` makes of it.
  RbacEngine(RbacAction action, std::vector<RbacPolicy> policies);
  /// The tree's actions are numbers in `actions`. What it says nothing about is denied.
  RbacEngine(format::MatcherTree tree, std::vector<RbacPolicy> actions);

  RbacVerdict judge(const RbacSubject& subject) const;

 private:
  RbacVerdict by_policies(const RbacSubject& subject) const;
  RbacVerdict by_tree(const RbacSubject& subject) const;

  const RbacAction action_ = RbacAction::kAllow;
  const std::optional<format::MatcherTree> tree_;
  std::vector<RbacPolicy> policies_;  // sorted by name; those of a tree by number
  bool logs_ = false;                 // some action of the tree is LOG
};

/// Rules that count, and rules that are only watched.
struct RbacEngines {
  std::optional<RbacEngine> enforced, shadow;
};

// --- what is noted in dynamic metadata ---

/// Texts by key, for one struct of metadata: at most four.
class RbacNotes {
 public:
  /// Both are kept by reference. An empty text is not noted.
  void add(std::string_view key, std::string_view text);
  void add(std::string_view key, const RbacVerdict& verdict) {
    add(key, std::string_view(verdict.allowed ? "allowed" : "denied"));
  }
  void add_to(format::DynamicMetadata& metadata, Arena& arena, std::string_view name_space) const;

 private:
  static constexpr size_t kMost = 4;
  std::string_view keys_[kMost], texts_[kMost];
  size_t count_ = 0;
};

/// The keys under which one kind of rules notes its verdict.
struct RbacKeys {
  /// `prefix`: rules_stat_prefix or shadow_rules_stat_prefix; `kind`: "enforced" or "shadow".
  static RbacKeys make(std::string_view prefix, std::string_view kind);
  std::string policy, result;
};

/// {"access_log_hint": hint} for "envoy.common".
void note_log_hint(format::DynamicMetadata& metadata, Arena& arena, bool hint);

// --- what is counted ---

struct RbacCounters {
  stats::Counter allowed, denied;
};

/// What single policies decided. A worker's share; they are few, and stay.
class RbacPolicyCounters {
 public:
  struct Counts {
    std::string name;
    stats::Counter allowed, denied, shadow_allowed, shadow_denied;
    std::atomic<Counts*> next = nullptr;
  };

  RbacPolicyCounters() = default;
  ~RbacPolicyCounters();
  /// Null when there are too many to count them all. The worker's own thread.
  Counts* of(std::string_view policy);
  /// From any thread.
  template <class F>
  void for_each(F&& f) {
    for (Counts* each = first_.load(std::memory_order_acquire); each != nullptr;
         each = each->next.load(std::memory_order_acquire))
      f(*each);
  }

 private:
  std::atomic<Counts*> first_ = nullptr;
  std::unordered_map<std::string_view, Counts*> by_name_;
};

/// The counters of one filter: `<base>rbac.[<rules prefix>.]allowed`, `<base>rbac.[<shadow prefix>.]shadow_allowed`, …
class RbacStats {
 public:
  /// Dots come between the parts of names, unless these end with one already. Policies are only counted if `of_policies`.
  static RbacStats find(stats::Scopes& scopes, std::string_view base, std::string_view rules_prefix,
                        std::string_view shadow_prefix, bool of_policies);

  void count_enforced(size_t worker, const RbacVerdict& verdict, bool of_policy) const;
  void count_shadow(size_t worker, const RbacVerdict& verdict, bool of_policy) const;

 private:
  std::shared_ptr<stats::Sharded<RbacCounters>> enforced_, shadow_;
  std::shared_ptr<stats::Sharded<RbacPolicyCounters>> policies_, shadow_policies_;
};

}  // namespace weir::filter
