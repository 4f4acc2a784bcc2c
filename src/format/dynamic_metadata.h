// DynamicMetadata and FilterState: what filters note about a request for routes, matchers and logs to read.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "net/address.h"

namespace weir::format {

/// One value, as google.protobuf.Value knows them. It and all below it live in the request's arena, or longer.
struct MetadataValue {
  enum class Kind : uint8_t { kNull, kNumber, kText, kBool, kList, kStruct };

  Kind kind = Kind::kNull;
  bool flag = false;                       // kBool
  double number = 0;                       // kNumber
  std::string_view text;                   // kText
  std::span<const MetadataValue> items;    // of a list; of a struct, each with a key
  std::span<const std::string_view> keys;  // of a struct

  /// The member of a struct; null if there is none, or if this is no struct.
  const MetadataValue* find(std::string_view key) const {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == key) return &items[i];
    }
    return nullptr;
  }
};

/// Values by the name of the filter that noted them. A later note replaces single members of an earlier one.
class DynamicMetadata {
 public:
  /// `note` is a struct. Name and value are kept by reference.
  void add(Arena& arena, std::string_view filter, const MetadataValue& note) {
    newest_ = arena.make<Note>(Note{filter, note, newest_});
  }

  /// The value at a path of member names (at least one); null if there is none.
  template <class Path>
  const MetadataValue* find(std::string_view filter, const Path& path) const {
    for (const Note* note = newest_; note != nullptr; note = note->older) {
      if (note->filter != filter) continue;
      const MetadataValue* value = note->value.find(*path.begin());
      if (value == nullptr) continue;
      for (auto key = path.begin() + 1; key != path.end() && value != nullptr; ++key) value = value->find(*key);
      return value;
    }
    return nullptr;
  }
  bool empty() const { return newest_ == nullptr; }
  /// All notes of a filter, the newest first.
  template <class F>
  void for_each(std::string_view filter, F&& f) const {
    for (const Note* note = newest_; note != nullptr; note = note->older) {
      if (note->filter == filter) f(note->value);
    }
  }

 private:
  struct Note {
    std::string_view filter;
    MetadataValue value;
    const Note* older;
  };
  const Note* newest_ = nullptr;
};

/// Named objects that filters share. What is known of one: its text, and its address if it is one.
class FilterState {
 public:
  struct Object {
    std::string_view text;
    const net::Address* address = nullptr;
  };

  /// Name and object are kept by reference.
  void set(Arena& arena, std::string_view key, const Object& object) { newest_ = arena.make<Entry>(Entry{key, object, newest_}); }
  /// Null if there is none.
  const Object* find(std::string_view key) const {
    for (const Entry* entry = newest_; entry != nullptr; entry = entry->older) {
      if (entry->key == key) return &entry->object;
    }
    return nullptr;
  }

 private:
  struct Entry {
    std::string_view key;
    Object object;
    const Entry* older;
  };
  const Entry* newest_ = nullptr;
};

}  // namespace weir::format
