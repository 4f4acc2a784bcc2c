// MatcherTree: a generic matcher (xds.type.matcher.v3.Matcher): from what is known of a request to the action that it calls for.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "format/fraction.h"
#include "format/match_input.h"
#include "format/text_matcher.h"
#include "format/value_matcher.h"
#include "net/address.h"
#include "stats/cell.h"

namespace weir::format {

/// IP ranges, each with a number; finds those that hold an address, the narrowest first and otherwise in order.
class IpRanges {
 public:
  void add(const net::Cidr& range, uint32_t number);
  /// Call once, after the last add().
  void finish();
  /// Calls `take(number)` until it returns true, and then returns true. Nothing if the value is no address.
  template <class F>
  bool find(const InputValue& value, F&& take) const;
  static bool is_address(const InputValue& value);

 private:
  struct Ip {
    std::array<uint8_t, 16> bytes{};
    bool v6 = false;
    friend auto operator<=>(const Ip&, const Ip&) = default;
  };
  struct Entry {
    Ip network;
    int length = 0;
    uint32_t number = 0;
  };
  static bool parse(const InputValue& value, Ip& ip);
  static Ip masked(const Ip& ip, int length);

  std::vector<Entry> entries_;                      // by length downwards, then network, then number
  std::vector<std::pair<size_t, size_t>> lengths_;  // the entries of each length: first and end
};

struct AddressMatcherStats {
  stats::Counter ip_parsing_failed;  // written by all workers
};

/// What a single condition asks of its input.
struct InSomeRange {
  IpRanges ranges;
  std::shared_ptr<stats::Sharded<AddressMatcherStats>> stats;  // of its stat_prefix, in the place of the first worker; or null
};
/// A share of all values: the hash of the value decides.
struct InFraction {
  Fraction fraction;
  uint64_t seed = 0;
};
struct InHashRange {
  uint64_t threshold = 0, modulo = 1, seed = 0;
};
struct IsMetadata {
  ValueMatcher value;
  bool invert = false;
};
using InputCondition = std::variant<TextMatcher, InSomeRange, InFraction, InHashRange, IsMetadata>;

/// A condition, or several combined.
struct MatchPredicate {
  enum class Kind : uint8_t { kSingle, kAll, kAny, kNot };

  Kind kind = Kind::kSingle;
  MatchInput input;                   // kSingle
  InputCondition condition;           // kSingle
  std::vector<MatchPredicate> inner;  // of the others; kNot has one
};

/// Immutable; safe for all threads; cheap to copy.
class MatcherTree {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  enum class State : uint8_t { kMatch, kNoMatch, kNotYet };
  struct Outcome {
    State state = State::kNoMatch;
    uint32_t action = kNone;
  };

  struct Node;
  /// What follows from a match: an action of the owner's, or more matching.
  struct OnMatch {
    uint32_t action = kNone;
    std::shared_ptr<const Node> matcher;  // if there is no action
    bool keep_matching = false;           // goes on looking as if there had been no match
  };
  struct ListEntry {
    MatchPredicate predicate;
    OnMatch on_match;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Map = std::unordered_map<std::string, OnMatch, Hash, std::equal_to<>>;

  struct Node {
    enum class Kind : uint8_t { kNothing, kList, kExact, kPrefix, kIp, kDomain };

    Kind kind = Kind::kNothing;
    std::vector<ListEntry> list;  // kList, in order
    MatchInput input;             // of all others
    Map map;                      // kExact, kPrefix; kDomain: exact names, "*.suffix" as ".suffix", "*" as "."
    std::vector<size_t> lengths;  // kPrefix: of the keys, longest first
    IpRanges ranges;              // kIp: numbers in `targets`
    struct Target {
      OnMatch on_match;
      bool exclusive = false;  // only taken if no narrower range was tried before
    };
    std::vector<Target> targets;
    std::optional<OnMatch> on_no_match;
  };

  MatcherTree() = default;
  explicit MatcherTree(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  bool empty() const { return root_ == nullptr; }
  /// Allocates nothing but, for repeated headers, in the arena of the headers.
  Outcome match(const MatchData& data) const;
  /// In words, for people who ask why: one line for each step that was taken.
  std::vector<std::string> explain(const MatchData& data) const;

 private:
  std::shared_ptr<const Node> root_;
};

/// Whether a condition holds; kNotYet if its input is not known yet.
MatcherTree::State holds(const MatchPredicate& predicate, const MatchData& data);
/// In words: `header x-user exactly "a" and …`.
std::string describe(const MatchPredicate& predicate);

}  // namespace weir::format
