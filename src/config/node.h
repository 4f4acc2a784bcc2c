// Node: a value read from YAML or JSON that still knows where it stood, and Document, which owns a tree of them.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>

#include "config/diagnostic.h"

namespace weir::config {

struct Member;

/// An immutable value. Its children and text belong to the Document.
struct Node {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kSequence, kMapping };

  Kind kind = Kind::kNull;
  bool boolean = false;
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1; bytes in JSON, characters in YAML
  uint32_t size = 0;    // bytes of text, items or members
  union {
    const char* chars = nullptr;
    const Node* items;
    const Member* members;
  };

  /// A string, or a number as it was written.
  std::string_view text() const { return {chars, size}; }
  const Node* begin() const { return items; }
  const Node* end() const { return items + size; }
  /// The member called `key`, or nullptr. Only for mappings.
  const Node* find(std::string_view key) const;
  /// `the number 5`, `a list` and the like, for error messages.
  std::string describe() const;
};

/// One key of a mapping with its value.
struct Member {
  std::string_view key;
  uint32_t line = 0;
  uint32_t column = 0;
  Node value;
};

/// What a reader accepts at most.
struct ReadLimits {
  size_t bytes = 64 << 20;
  uint32_t depth = 100;
  uint64_t nodes = 8 << 20;  // aliases count as often as they are used
};

/// A file and the tree that was read from it. All memory goes back in one stroke.
class Document {
 public:
  Document(std::string file, std::string source) : file(std::move(file)), source(std::move(source)) {}
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const std::string file;    // as named in messages
  const std::string source;  // the text that nodes point into
  Node root;
  std::pmr::monotonic_buffer_resource memory{64 << 10};

  Position at(const Node& node) const { return {file, node.line, node.column}; }
  Position at(const Member& member) const { return {file, member.line, member.column}; }
};

/// Reads strict JSON (RFC 8259), but for a comma after the last item. Keys that occur twice, invalid UTF-8 and whatever exceeds
/// `limits` are errors. Returns nullptr after reporting an error.
std::unique_ptr<Document> read_json(std::string file, std::string source, Diagnostics& diagnostics,
                                    const ReadLimits& limits = {});

/// Reads the first document of YAML 1.1 as Envoy types it: a plain integer, boolean or null is one, any other
/// scalar is a string. Returns nullptr after reporting an error.
std::unique_ptr<Document> read_yaml(std::string file, std::string source, Diagnostics& diagnostics,
                                    const ReadLimits& limits = {});

/// The offset of the first byte that is not part of well-formed UTF-8 (RFC 3629), or text.size().
size_t find_invalid_utf8(std::string_view text);

/// The first key that occurs twice among `count` members, or nullptr.
const Member* find_duplicate(const Member* members, size_t count);

}  // namespace weir::config
