#include "format/matcher_tree.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/hash.h"

namespace weir::format {

namespace {

using State = MatcherTree::State;
using Outcome = MatcherTree::Outcome;
using Node = MatcherTree::Node;
using OnMatch = MatcherTree::OnMatch;
using Steps = std::vector<std::string>;

constexpr Outcome kNoMatch{State::kNoMatch, MatcherTree::kNone};
constexpr Outcome kNotYet{State::kNotYet, MatcherTree::kNone};

bool fits(const TextMatcher& matcher, const InputValue& value) {
  return value.text.data() != nullptr && matcher.matches(value.text);
}
bool fits(const InSomeRange& condition, const InputValue& value) {
  if (condition.ranges.find(value, [](uint32_t) { return true; })) return true;
  if (condition.stats != nullptr && !value.text.empty() && !IpRanges::is_address(value)) {
    condition.stats->mine(0).ip_parsing_failed.add_from_any_thread();
  }
  return false;
}
bool fits(const InFraction& condition, const InputValue& value) {
  return condition.fraction.holds(xxhash64(value.text, condition.seed));
}
bool fits(const InHashRange& condition, const InputValue& value) {
  return xxhash64(value.text, condition.seed) % condition.modulo >= condition.threshold;
}
bool fits(const IsMetadata& condition, const InputValue& value) {
  return value.metadata != nullptr && condition.value.matches(value.metadata) != condition.invert;
}

/// Walks a tree; `steps`, if given, hears of everything.
struct Walk {
  const MatchData& data;
  Steps* steps = nullptr;

  void say(std::string text) {
    if (steps != nullptr) steps->push_back(std::move(text));
  }

  Outcome follow(const OnMatch& on_match) {
    const Outcome outcome = on_match.matcher != nullptr ? node(*on_match.matcher) : Outcome{State::kMatch, on_match.action};
    if (!on_match.keep_matching || outcome.state != State::kMatch) return outcome;
    say("this match is noted, and matching goes on");
    return kNoMatch;
  }

  Outcome no_match(const Node& node) {
    if (!node.on_no_match) return kNoMatch;
    say("nothing fits: on_no_match");
    return follow(*node.on_no_match);
  }

  Outcome node(const Node& node) {
    if (node.kind == Node::Kind::kNothing) return no_match(node);
    if (node.kind == Node::Kind::kList) return list(node);
    Scratch scratch;  // one for each level: a value is used until all that follows from it is tried
    const InputValue value = node.input.get(data, scratch);
    if (value.state == InputValue::State::kNotYet) return kNotYet;
    if (value.state == InputValue::State::kMissing) {
      if (steps != nullptr) say("no " + node.input.description());
      return no_match(node);
    }
    if (steps != nullptr) say(node.input.description() + " is \"" + std::string(value.text) + "\"");
    const Outcome outcome = look_up(node, value);
    return outcome.state == State::kNoMatch ? no_match(node) : outcome;
  }

  Outcome list(const Node& node) {
    for (const MatcherTree::ListEntry& entry : node.list) {
      const State state = holds(entry.predicate, data);
      if (state == State::kNotYet) return kNotYet;
      if (steps != nullptr) say(describe(entry.predicate) + (state == State::kMatch ? ": yes" : ": no"));
      if (state == State::kNoMatch) continue;
      const Outcome outcome = follow(entry.on_match);
      if (outcome.state != State::kNoMatch) return outcome;
    }
    return no_match(node);
  }

  /// Keys may be tried one after the other, for what follows from a key may be no match after all.
  Outcome look_up(const Node& node, const InputValue& value) {
    Outcome outcome = kNoMatch;
    const auto try_key = [&](std::string_view key) {
      const auto found = node.map.find(key);
      if (found == node.map.end()) return false;
      outcome = follow(found->second);
      return outcome.state != State::kNoMatch;
    };
    switch (node.kind) {
      case Node::Kind::kExact:
        try_key(value.text);
        return outcome;
      case Node::Kind::kPrefix: {
        for (const size_t length : node.lengths) {
          if (length <= value.text.size() && try_key(value.text.substr(0, length))) break;
        }
        return outcome;
      }
      case Node::Kind::kDomain: {
        const std::string_view name = value.text;
        if (try_key(name)) return outcome;
        for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
          if (name.size() > dot + 1 && try_key(name.substr(dot))) return outcome;
        }
        try_key(".");
        return outcome;
      }
      case Node::Kind::kIp: {
        bool first = true;
        node.ranges.find(value, [&](uint32_t number) {
          const Node::Target& target = node.targets[number];
          if (!std::exchange(first, false) && target.exclusive) return false;
          outcome = follow(target.on_match);
          return outcome.state != State::kNoMatch;
        });
        return outcome;
      }
      case Node::Kind::kNothing:
      case Node::Kind::kList:
        break;
    }
    return outcome;
  }
};

}  // namespace

// --- IP ranges ---

bool IpRanges::is_address(const InputValue& value) {
  Ip ip;
  return parse(value, ip);
}

bool IpRanges::parse(const InputValue& value, Ip& ip) {
  if (value.address != nullptr && value.address->is_ip()) {
    ip.v6 = value.address->family() == AF_INET6;
    if (ip.v6) {
      std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(value.address->get())->sin6_addr, 16);
    } else {
      std::memcpy(ip.bytes.data(), &reinterpret_cast<const sockaddr_in*>(value.address->get())->sin_addr, 4);
    }
    return true;
  }
  char text[INET6_ADDRSTRLEN];
  if (value.text.size() >= sizeof text) return false;
  *put(text, value.text) = '\0';
  ip.v6 = value.text.find(':') != std::string_view::npos;
  return inet_pton(ip.v6 ? AF_INET6 : AF_INET, text, ip.bytes.data()) == 1;
}

IpRanges::Ip IpRanges::masked(const Ip& ip, int length) {
  Ip result{{}, ip.v6};
  for (int i = 0; i * 8 < length; ++i) {
    const int bits = std::min(length - i * 8, 8);
    result.bytes[static_cast<size_t>(i)] = ip.bytes[static_cast<size_t>(i)] & static_cast<uint8_t>(0xFF << (8 - bits));
  }
  return result;
}

void IpRanges::add(const net::Cidr& range, uint32_t number) {
  Ip ip;
  parse({InputValue::State::kThere, {}, &range.network(), nullptr}, ip);
  entries_.push_back({masked(ip, range.prefix_length()), range.prefix_length(), number});
}

void IpRanges::finish() {
  std::ranges::stable_sort(entries_, [](const Entry& a, const Entry& b) {
    return a.length != b.length ? a.length > b.length : a.network < b.network;
  });
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (i == 0 || entries_[i].length != entries_[i - 1].length) lengths_.emplace_back(i, i);
    lengths_.back().second = i + 1;
  }
}

template <class F>
bool IpRanges::find(const InputValue& value, F&& take) const {
  Ip ip;
  if (!parse(value, ip)) return false;
  for (const auto& [first, end] : lengths_) {
    const Ip network = masked(ip, entries_[first].length);
    const auto begin = entries_.begin();
    const auto same = std::ranges::equal_range(begin + static_cast<ptrdiff_t>(first), begin + static_cast<ptrdiff_t>(end),
                                               network, {}, &Entry::network);
    for (const Entry& entry : same) {
      if (take(entry.number)) return true;
    }
  }
  return false;
}

// --- conditions ---

State holds(const MatchPredicate& predicate, const MatchData& data) {
  switch (predicate.kind) {
    case MatchPredicate::Kind::kSingle: {
      Scratch scratch;
      const InputValue value = predicate.input.get(data, scratch);
      if (value.state == InputValue::State::kNotYet) return State::kNotYet;
      if (value.state == InputValue::State::kMissing) return State::kNoMatch;
      const bool fit = std::visit([&](const auto& condition) { return fits(condition, value); }, predicate.condition);
      return fit ? State::kMatch : State::kNoMatch;
    }
    case MatchPredicate::Kind::kAll:
      for (const MatchPredicate& each : predicate.inner) {
        if (const State state = holds(each, data); state != State::kMatch) return state;
      }
      return State::kMatch;
    case MatchPredicate::Kind::kAny: {
      State result = State::kNoMatch;
      for (const MatchPredicate& each : predicate.inner) {
        const State state = holds(each, data);
        if (state == State::kMatch) return state;
        if (state == State::kNotYet) result = state;
      }
      return result;
    }
    case MatchPredicate::Kind::kNot: {
      const State state = holds(predicate.inner.front(), data);
      return state == State::kNotYet ? state : state == State::kMatch ? State::kNoMatch : State::kMatch;
    }
  }
  return State::kNoMatch;
}

MatcherTree::Outcome MatcherTree::match(const MatchData& data) const {
  return root_ == nullptr ? kNoMatch : Walk{data}.node(*root_);
}

std::vector<std::string> MatcherTree::explain(const MatchData& data) const {
  Steps steps;
  if (root_ != nullptr) Walk{data, &steps}.node(*root_);
  return steps;
}

// --- in words ---

std::string describe(const MatchPredicate& predicate) {
  if (predicate.kind == MatchPredicate::Kind::kNot) return "not (" + describe(predicate.inner.front()) + ")";
  if (predicate.kind != MatchPredicate::Kind::kSingle) {
    std::string text;
    for (const MatchPredicate& each : predicate.inner) {
      if (!text.empty()) text += predicate.kind == MatchPredicate::Kind::kAll ? " and " : " or ";
      const bool nested = each.kind == MatchPredicate::Kind::kAll || each.kind == MatchPredicate::Kind::kAny;
      text += nested ? "(" + describe(each) + ")" : describe(each);
    }
    return text;
  }
  const std::string input = predicate.input.description() + " ";
  if (const auto* text = std::get_if<TextMatcher>(&predicate.condition)) return input + describe(*text);
  if (const auto* share = std::get_if<InFraction>(&predicate.condition)) {
    return input + "in a share of " + std::to_string(share->fraction.numerator) + "/" +
           std::to_string(share->fraction.denominator);
  }
  if (const auto* hash = std::get_if<InHashRange>(&predicate.condition)) {
    return input + "with a hash of at least " + std::to_string(hash->threshold) + " of " + std::to_string(hash->modulo);
  }
  return input + (std::holds_alternative<InSomeRange>(predicate.condition) ? "in one of the ranges" : "as wanted");
}

}  // namespace weir::format
