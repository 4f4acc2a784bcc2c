#include "route/path_index.h"

#include <algorithm>

namespace weir::route {

namespace {

/// What every path that the route accepts starts with. "" for routes that accept requests without a path.
std::string_view key_of(const PathMatch& path) {
  switch (path.kind) {
    case PathMatch::Kind::kPrefix:
    case PathMatch::Kind::kExact:
    case PathMatch::Kind::kSeparatedPrefix:
      return path.text;
    case PathMatch::Kind::kRegex:
      return path.regex.literal_prefix();
    case PathMatch::Kind::kTemplate:
      // Ignored parameters are not in the path that the index sees, but the template sees them.
      return path.path_template.literal_prefix().substr(0, path.path_template.literal_prefix().find(';'));
    case PathMatch::Kind::kConnect:
    case PathMatch::Kind::kNever:
      return "";
  }
  return "";
}

bool ignores_case(const PathMatch& path) {
  return !path.case_sensitive && (path.kind == PathMatch::Kind::kPrefix || path.kind == PathMatch::Kind::kExact ||
                                  path.kind == PathMatch::Kind::kSeparatedPrefix);
}

}  // namespace

void PathTrie::add(std::string_view key, uint32_t route) { entries_.push_back({std::string(key), route}); }

void PathTrie::finish(bool ignore_case) {
  ignore_case_ = ignore_case;
  if (entries_.empty()) return;
  std::ranges::stable_sort(entries_, {}, &Entry::key);  // stable: routes with the same key stay in order
  nodes_.emplace_back();
  first_bytes_.push_back('\0');
  build(0, entries_, 0);
  entries_ = {};
  nodes_.shrink_to_fit();
  labels_.shrink_to_fit();
  routes_.shrink_to_fit();
}

/// `entries` are sorted, share their first `depth` characters, and belong under `node`, whose label ends there.
void PathTrie::build(uint32_t node, std::span<Entry> entries, size_t depth) {
  const auto ends_here = static_cast<size_t>(
      std::ranges::find_if(entries, [&](const Entry& entry) { return entry.key.size() > depth; }) - entries.begin());
  nodes_[node].route_count = static_cast<uint32_t>(ends_here);
  if (ends_here == 1) {
    nodes_[node].first_route = entries.front().route;
  } else {
    nodes_[node].first_route = static_cast<uint32_t>(routes_.size());
    for (const Entry& entry : entries.first(ends_here)) routes_.push_back(entry.route);
  }
  entries = entries.subspan(ends_here);

  std::vector<std::span<Entry>> groups;  // by the next character
  while (!entries.empty()) {
    const auto byte = static_cast<unsigned char>(entries.front().key[depth]);
    const auto end =
        std::ranges::find_if(entries, [&](const Entry& entry) { return static_cast<unsigned char>(entry.key[depth]) != byte; });
    const auto size = static_cast<size_t>(end - entries.begin());
    groups.push_back(entries.first(size));
    entries = entries.subspan(size);
  }
  const auto first_child = static_cast<uint32_t>(nodes_.size());
  nodes_[node].first_child = first_child;
  nodes_[node].child_count = static_cast<uint16_t>(groups.size());
  std::vector<size_t> depths;
  for (std::span<Entry> group : groups) {
    const std::string_view first = group.front().key;
    const std::string_view last = group.back().key;  // sorted: what these two share, all share
    const size_t end = static_cast<size_t>(std::ranges::mismatch(first, last).in1 - first.begin());
    Node& child = nodes_.emplace_back();
    const std::string_view label = first.substr(depth, end - depth);
    child.label_size = static_cast<uint32_t>(label.size());
    if (label.size() <= Node::kRoom) {
      std::ranges::copy(label, child.label);
    } else {
      child.label_at = static_cast<uint32_t>(labels_.size());
      labels_.append(label);
    }
    first_bytes_.push_back(first[depth]);
    depths.push_back(end);
  }
  for (size_t i = 0; i < groups.size(); ++i) build(first_child + static_cast<uint32_t>(i), groups[i], depths[i]);
}

void PathIndex::Tries::regex_candidates(std::string_view path, std::vector<uint32_t>& candidates) const {
  std::vector<int> positions;
  if (!unrooted_set->find(path, positions)) {
    candidates = unrooted;
    return;
  }
  candidates.reserve(positions.size());
  for (const int position : positions) candidates.push_back(unrooted[static_cast<size_t>(position)]);
}

PathIndex::Tries::Tries(std::span<const Route> routes) {
  const auto is_unrooted = [](const PathMatch& path) {
    return path.kind == PathMatch::Kind::kRegex && path.regex.literal_prefix().size() <= 1;  // "" or "/"
  };
  std::vector<Regex> regexes;
  for (uint32_t i = 0; i < routes.size(); ++i) {
    if (!is_unrooted(routes[i].match.path)) continue;
    unrooted.push_back(i);
    regexes.push_back(routes[i].match.path.regex);
  }
  if (regexes.size() >= kManyRegexes) unrooted_set = format::RegexSet::build(regexes);
  for (uint32_t i = 0; i < routes.size(); ++i) {
    const PathMatch& path = routes[i].match.path;
    if (unrooted_set != nullptr && is_unrooted(path)) continue;
    (ignores_case(path) ? any_case : exact_case).add(key_of(path), i);
  }
  exact_case.finish(false);
  any_case.finish(true);
}

PathIndex::PathIndex(std::span<const Route> routes) : routes_(routes) {
  if (routes.size() >= kFewRoutes) tries_ = std::make_unique<const Tries>(routes);
}

}  // namespace weir::route
