// Positions: one step of the path at a time, in every document that has it.
#include "config/positions.h"

#include "base/text.h"

namespace weir::config {

namespace {

// snake_case and lowerCamelCase spellings of a name are the same.
bool same_name(std::string_view a, std::string_view b) {
  if (a == b) return true;
  size_t i = 0, j = 0;
  while (true) {
    while (i < a.size() && a[i] == '_') ++i;
    while (j < b.size() && b[j] == '_') ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (to_lower(a[i++]) != to_lower(b[j++])) return false;
  }
}

struct Place {
  const Document* document;
  const Node* node;
  Position at;
};

// The member `name` of a mapping, or of the `value` inside it (an Any of a well-known type, a TypedStruct).
const Member* find_member(const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kMapping) return nullptr;
  const Member* wrapped = nullptr;
  for (const Member* member = node.members; member != node.members + node.size; ++member) {
    if (same_name(member->key, name)) return member;
    if (member->key == "value") wrapped = member;
  }
  return wrapped != nullptr ? find_member(wrapped->value, name) : nullptr;
}

std::vector<Place> step_into(const std::vector<Place>& from, std::string_view name) {
  std::vector<Place> to;
  for (const Place& place : from) {
    if (const Member* member = find_member(*place.node, name)) {
      to.push_back({place.document, &member->value, place.document->at(*member)});
    }
  }
  return to;
}

// Lists of merged documents follow each other; a single item may stand without its list.
std::vector<Place> step_to_item(const std::vector<Place>& from, uint64_t index) {
  for (const Place& place : from) {
    const bool list = place.node->kind == Node::Kind::kSequence;
    const uint64_t size = list ? place.node->size : 1;
    if (index < size) {
      const Node* item = list ? place.node->items + index : place.node;
      return {{place.document, item, list ? place.document->at(*item) : place.at}};
    }
    index -= size;
  }
  return {};
}

}  // namespace

Position Positions::find(std::string_view path) const {
  std::vector<Place> places;
  for (const auto& document : documents_) {
    places.push_back({document.get(), &document->root, {document->file, 0, 0}});
  }
  if (places.empty()) return {};
  Position best = places.front().at;
  while (!path.empty()) {
    if (path.front() == '.') path.remove_prefix(1);
    if (path.starts_with("[\"")) {
      const size_t end = path.find("\"]");
      if (end == std::string_view::npos) break;
      places = step_into(places, path.substr(2, end - 2));
      path.remove_prefix(end + 2);
    } else if (path.starts_with("[")) {
      const size_t end = path.find(']');
      const auto index = parse_number<uint64_t>(path.substr(1, end - 1));
      if (end == std::string_view::npos || !index) break;
      places = step_to_item(places, *index);
      path.remove_prefix(end + 1);
    } else {
      const size_t end = std::min(path.find_first_of(".["), path.size());
      places = step_into(places, path.substr(0, end));
      path.remove_prefix(end);
    }
    if (places.empty()) break;
    best = places.back().at;
  }
  return best;
}

void Positions::locate(Diagnostic& diagnostic) const {
  if (diagnostic.at.line == 0) diagnostic.at = find(diagnostic.path);
}

}  // namespace weir::config
