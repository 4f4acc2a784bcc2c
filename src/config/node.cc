// Node: look-ups and checks that both readers share.
#include "config/node.h"

#include <cstring>
#include <unordered_set>

namespace weir::config {

const Node* Node::find(std::string_view key) const {
  if (kind != Kind::kMapping) return nullptr;
  for (uint32_t i = 0; i < size; ++i) {
    if (members[i].key == key) return &members[i].value;
  }
  return nullptr;
}

std::string Node::describe() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return boolean ? "the boolean true" : "the boolean false";
    case Kind::kNumber:
      return "the number " + std::string(text().substr(0, 40));
    case Kind::kString:
      return quoted(text());
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "an object";
  }
  return "nothing";
}

size_t find_invalid_utf8(std::string_view text) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = begin + text.size();
  const auto* at = begin;
  auto tail = [&](size_t count, unsigned char low, unsigned char high) {
    if (static_cast<size_t>(end - at) <= count || at[1] < low || at[1] > high) return false;
    for (size_t i = 2; i <= count; ++i) {
      if ((at[i] & 0xc0) != 0x80) return false;
    }
    at += count + 1;
    return true;
  };
  while (at < end) {
    uint64_t eight;
    if (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & 0x8080808080808080ULL) == 0)) {
      at += 8;
      continue;
    }
    const unsigned char c = *at;
    bool good = true;
    if (c < 0x80)
      ++at;
    else if (c < 0xc2)
      good = false;
    else if (c < 0xe0)
      good = tail(1, 0x80, 0xbf);
    else if (c == 0xe0)
      good = tail(2, 0xa0, 0xbf);
    else if (c == 0xed)
      good = tail(2, 0x80, 0x9f);
    else if (c < 0xf0)
      good = tail(2, 0x80, 0xbf);
    else if (c == 0xf0)
      good = tail(3, 0x90, 0xbf);
    else if (c < 0xf4)
      good = tail(3, 0x80, 0xbf);
    else if (c == 0xf4)
      good = tail(3, 0x80, 0x8f);
    else
      good = false;
    if (!good) break;
  }
  return static_cast<size_t>(at - begin);
}

const Member* find_duplicate(const Member* members, size_t count) {
  constexpr size_t kFew = 16;
  if (count <= kFew) {
    for (size_t i = 1; i < count; ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (members[i].key == members[j].key) return &members[i];
      }
    }
    return nullptr;
  }
  std::unordered_set<std::string_view> seen(count * 2);
  for (size_t i = 0; i < count; ++i) {
    if (!seen.insert(members[i].key).second) return &members[i];
  }
  return nullptr;
}

}  // namespace weir::config
