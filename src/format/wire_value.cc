#include "format/wire_value.h"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <vector>

#include "config/node.h"

namespace weir::format {

namespace {

using Kind = MetadataValue::Kind;

constexpr int kMostDepth = 100;

bool is_utf8(std::string_view text) { return config::find_invalid_utf8(text) == text.size(); }

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

/// The fields of one message, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  /// False at the end, and when the bytes are no message.
  bool next() {
    if (rest_.empty() || !good_) return false;
    uint64_t tag = 0;
    if (!varint(tag) || tag > UINT32_MAX || tag >> 3 == 0) return fail();
    number = static_cast<uint32_t>(tag >> 3);
    switch (type = static_cast<WireType>(tag & 7)) {
      case kVarint:
        return varint(integer) || fail();
      case kFixed64:
        return take(8) || fail();
      case kFixed32:
        return take(4) || fail();
      case kLengthDelimited: {
        uint64_t size = 0;
        return (varint(size) && take(size)) || fail();
      }
      default:  // groups: nobody has written them for decades
        return fail();
    }
  }
  bool good() const { return good_; }

  uint32_t number = 0;
  WireType type = kVarint;
  uint64_t integer = 0;    // kVarint
  std::string_view bytes;  // all others

 private:
  bool fail() {
    good_ = false;
    return false;
  }
  bool take(uint64_t size) {
    if (size > rest_.size()) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool varint(uint64_t& into) {
    into = 0;
    for (unsigned shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift < 64) into |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view rest_;
  bool good_ = true;
};

class Reader {
 public:
  explicit Reader(Arena& arena) : arena_(arena) {}

  bool value(std::string_view bytes, MetadataValue& into, int depth) {
    if (depth > kMostDepth) return false;
    Fields fields(bytes);
    while (fields.next()) {
      const WireType type = fields.type;
      if (fields.number == 1 && type == kVarint) {
        into = {};
      } else if (fields.number == 2 && type == kFixed64) {
        into = {.kind = Kind::kNumber, .number = number(fields.bytes)};
      } else if (fields.number == 3 && type == kLengthDelimited) {
        if (!is_utf8(fields.bytes)) return false;
        into = {.kind = Kind::kText, .text = arena_.copy(fields.bytes)};
      } else if (fields.number == 4 && type == kVarint) {
        into = {.kind = Kind::kBool, .flag = fields.integer != 0};
      } else if (fields.number == 5 && type == kLengthDelimited) {
        if (!members(fields.bytes, into, depth + 1)) return false;
      } else if (fields.number == 6 && type == kLengthDelimited) {
        if (!list(fields.bytes, into, depth + 1)) return false;
      }
    }
    return fields.good();
  }

 private:
  static double number(std::string_view bytes) {
    uint64_t bits = 0;
    for (size_t i = 8; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[i]);
    return std::bit_cast<double>(bits);
  }

  bool list(std::string_view bytes, MetadataValue& into, int depth) {
    if (depth > kMostDepth) return false;
    std::vector<MetadataValue> items;
    Fields fields(bytes);
    while (fields.next()) {
      if (fields.number != 1 || fields.type != kLengthDelimited) continue;
      if (!value(fields.bytes, items.emplace_back(), depth + 1)) return false;
    }
    into = {.kind = Kind::kList, .items = kept(items)};
    return fields.good();
  }

  /// Of members with the same name the last one counts.
  bool members(std::string_view bytes, MetadataValue& into, int depth) {
    if (depth > kMostDepth) return false;
    std::vector<MetadataValue> items;
    std::vector<std::string_view> keys;
    std::unordered_map<std::string_view, size_t> places;
    Fields fields(bytes);
    while (fields.next()) {
      if (fields.number != 1 || fields.type != kLengthDelimited) continue;
      std::string_view key;
      MetadataValue item;
      Fields entry(fields.bytes);
      while (entry.next()) {
        if (entry.type != kLengthDelimited) continue;
        if (entry.number == 1) key = entry.bytes;
        if (entry.number == 2 && !value(entry.bytes, item, depth + 2)) return false;
      }
      if (!entry.good() || !is_utf8(key)) return false;
      const auto [place, is_new] = places.try_emplace(key, keys.size());
      if (!is_new) {
        items[place->second] = item;
        continue;
      }
      keys.push_back(arena_.copy(key));
      items.push_back(item);
    }
    into = {.kind = Kind::kStruct, .items = kept(items), .keys = kept(keys)};
    return fields.good();
  }

  template <class T>
  std::span<const T> kept(const std::vector<T>& from) {
    if (from.empty()) return {};
    T* to = arena_.allocate_array<T>(from.size());
    std::ranges::copy(from, to);
    return {to, from.size()};
  }

  Arena& arena_;
};

}  // namespace

std::optional<MetadataValue> read_wire_value(std::string_view bytes, Arena& arena) {
  MetadataValue value;
  if (!Reader(arena).value(bytes, value, 1)) return std::nullopt;
  return value;
}

}  // namespace weir::format
