// PathIndex: which routes of a virtual host can match a path, in their order, without looking at all of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prefetch.h"
#include "base/text.h"
#include "format/regex_set.h"
#include "route/spec.h"

namespace weir::route {

/// A radix trie over what every path of a route must start with. The nodes on a path's way hold all routes that can match it;
/// each node's list is in order, so a merge of the few lists yields candidates in the order of the configuration. A candidate
/// still has to be asked (conditions, regexes): the index only leaves out routes that cannot match.
class PathTrie {
 public:
  /// Routes must be added in order. `key` in lower case if the trie ignores case.
  void add(std::string_view key, uint32_t route);
  /// Call once, after the last add().
  void finish(bool ignore_case);
  bool empty() const { return nodes_.empty(); }

  /// Calls `take(std::span<const uint32_t>)` for each list on the way of `path`, shortest key first.
  template <class F>
  void walk(std::string_view path, F&& take) const;

 private:
  /// Half a cache line, with all that most nodes have to say.
  struct alignas(32) Node {
    static constexpr size_t kRoom = 12;
    uint32_t first_child = 0;
    uint32_t route_count = 0;
    uint32_t first_route = 0;  // in routes_; the route itself if it is the only one
    uint32_t label_size = 0;
    union {  // the piece of text that leads here
      char label[kRoom] = {};
      uint32_t label_at;  // where a longer one begins in labels_
    };
    uint16_t child_count = 0;
  };
  struct Entry {
    std::string key;
    uint32_t route;
  };

  void build(uint32_t node, std::span<Entry> entries, size_t depth);
  std::span<const uint32_t> routes_of(const Node& node) const {
    return {node.route_count == 1 ? &node.first_route : routes_.data() + node.first_route, node.route_count};
  }
  std::string_view label_of(const Node& node) const {
    return {node.label_size <= Node::kRoom ? node.label : labels_.data() + node.label_at, node.label_size};
  }

  std::vector<Entry> entries_;  // until finish()
  std::vector<Node> nodes_;     // children of a node side by side, sorted by first_bytes_
  std::string first_bytes_;     // of each node's label
  std::string labels_;
  std::vector<uint32_t> routes_;
  bool ignore_case_ = false;
};

class PathIndex {
 public:
  /// Below this many routes asking each is cheaper than finding out whom to ask.
  static constexpr size_t kFewRoutes = 8;

  explicit PathIndex(std::span<const Route> routes);

  /// The first route, in order, for which `accepts(const Route&)` holds; null if there is none. Routes that cannot match `path`
  /// (without query) are not asked.
  template <class F>
  const Route* first(std::string_view path, F&& accepts) const;

 private:
  /// More lists than this on one path's way mean that so many prefixes are nested; then all routes are asked.
  static constexpr size_t kMaxLists = 48;
  /// So many regexes without a beginning cost more one by one than all at once.
  static constexpr size_t kManyRegexes = 16;

  /// What many routes are found by.
  struct Tries {
    PathTrie exact_case;
    PathTrie any_case;
    std::vector<uint32_t> unrooted;  // routes whose regexes begin with nothing that a trie could use
    std::unique_ptr<const format::RegexSet> unrooted_set;

    explicit Tries(std::span<const Route> routes);
    /// Those of `unrooted` whose regexes match, or all of them if that cannot be told.
    void regex_candidates(std::string_view path, std::vector<uint32_t>& candidates) const;
  };

  std::span<const Route> routes_;
  std::unique_ptr<const Tries> tries_;  // null: there are few routes
};

template <class F>
void PathTrie::walk(std::string_view path, F&& take) const {
  if (nodes_.empty()) return;
  const Node* node = &nodes_[0];
  while (true) {
    if (node->route_count != 0) take(routes_of(*node));
    if (path.empty() || node->child_count == 0) return;
    const char first = ignore_case_ ? to_lower(path[0]) : path[0];
    const char* children = first_bytes_.data() + node->first_child;
    const void* found = std::memchr(children, first, node->child_count);
    if (found == nullptr) return;
    node = &nodes_[node->first_child + static_cast<size_t>(static_cast<const char*>(found) - children)];
    const std::string_view label = label_of(*node);
    if (ignore_case_ ? !starts_ignoring_case(path, label) : !path.starts_with(label)) return;
    path.remove_prefix(label.size());
  }
}

template <class F>
const Route* PathIndex::first(std::string_view path, F&& accepts) const {
  auto scan = [&]() -> const Route* {
    for (const Route& route : routes_) {
      if (accepts(route)) return &route;
    }
    return nullptr;
  };
  if (tries_ == nullptr) return scan();

  struct List {  // what is left of one
    const uint32_t* first;
    const uint32_t* end;
  };
  List lists[kMaxLists];
  size_t count = 0;
  bool overflow = false;
  auto take = [&](std::span<const uint32_t> list) {
    if (count == kMaxLists) {
      overflow = true;
    } else {
      lists[count++] = {list.data(), list.data() + list.size()};
    }
  };
  tries_->exact_case.walk(path, take);
  tries_->any_case.walk(path, take);
  std::vector<uint32_t> by_regex;
  if (tries_->unrooted_set != nullptr) [[unlikely]] {
    tries_->regex_candidates(path, by_regex);
    if (!by_regex.empty()) take(by_regex);
  }
  if (overflow) return scan();

  while (count != 0) {
    List* lowest = lists;
    for (List* list = lists + 1; list != lists + count; ++list) {
      if (*list->first < *lowest->first) lowest = list;
    }
    const Route& route = routes_[*lowest->first];
    prefetch(route);
    if (accepts(route)) return &route;
    if (++lowest->first == lowest->end) *lowest = lists[--count];
  }
  return nullptr;
}

}  // namespace weir::route
