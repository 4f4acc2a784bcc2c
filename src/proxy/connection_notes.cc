#include "proxy/connection_notes.h"

#include <algorithm>

namespace weir::proxy {

void add_notes(const std::vector<format::ConnectionExtras::Note>& notes, Arena& arena, format::DynamicMetadata& metadata) {
  for (size_t i = 0; i < notes.size(); ++i) {
    const auto same = [&](const auto& other) { return other.name_space == notes[i].name_space; };
    if (std::any_of(notes.begin(), notes.begin() + static_cast<ptrdiff_t>(i), same)) continue;  // all of it is there already
    const auto count = static_cast<size_t>(std::ranges::count_if(notes, same));
    auto* values = arena.allocate_array<format::MetadataValue>(count);
    auto* keys = arena.allocate_array<std::string_view>(count);
    size_t at = 0;
    for (const auto& each : notes) {
      if (!same(each)) continue;
      values[at] = format::MetadataValue();
      values[at].kind = format::MetadataValue::Kind::kText;
      values[at].text = each.text;
      keys[at++] = each.key;
    }
    format::MetadataValue note;
    note.kind = format::MetadataValue::Kind::kStruct;
    note.items = {values, count};
    note.keys = {keys, count};
    metadata.add(arena, notes[i].name_space, note);
  }
}

}  // namespace weir::proxy
