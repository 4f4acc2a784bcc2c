// Schema: what is known about every message type of Envoy's API, prepared for fast decoding and checking.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "validate/validate.pb.h"

namespace weir::config {

class Schema;
struct MessageInfo;

/// An arena for a message that is needed for a moment: an ordinary one never reaches malloc.
class ScratchArena {
 public:
  operator google::protobuf::Arena&() { return arena_; }

 private:
  static google::protobuf::ArenaOptions options(char* block, size_t size) {
    google::protobuf::ArenaOptions options;
    options.initial_block = block;
    options.initial_block_size = size;
    options.start_block_size = 16 << 10;
    options.max_block_size = 256 << 10;
    return options;
  }
  alignas(8) char block_[4096];
  google::protobuf::Arena arena_{options(block_, sizeof block_)};
};

/// Message types with a JSON form of their own.
enum class WellKnown : uint8_t {
  kNone,
  kAny,
  kDuration,
  kTimestamp,
  kWrapper,
  kStruct,
  kValue,
  kListValue,
  kFieldMask,
  kTypedStruct
};

/// A field, with what is asked often kept at hand.
struct FieldInfo {
  FieldInfo() = default;
  explicit FieldInfo(const google::protobuf::FieldDescriptor* field);

  const google::protobuf::FieldDescriptor* field = nullptr;
  const MessageInfo* message = nullptr;         // of a message field; for a map that of its values, if messages
  const validate::FieldRules* rules = nullptr;  // nullptr without constraints
  std::unique_ptr<re2::RE2> pattern;            // of a string rule (of items or of the string itself)
  google::protobuf::FieldDescriptor::CppType type = google::protobuf::FieldDescriptor::CPPTYPE_STRING;
  bool repeated = false;
  bool map = false;
  bool presence = false;     // whether unset differs from empty
  bool alternative = false;  // part of a oneof
  bool deprecated = false;
  bool checked = false;  // whether a validator has to look at it
};

/// A type with its fields in declaration order. Lives as long as the Schema.
struct MessageInfo {
  const google::protobuf::Descriptor* descriptor = nullptr;
  WellKnown well_known = WellKnown::kNone;
  std::vector<FieldInfo> fields;
  std::vector<const google::protobuf::OneofDescriptor*> required_oneofs;
  bool checked = false;  // whether anything below can violate a constraint

  /// The field called `name` in snake_case or lowerCamelCase, or nullptr.
  const FieldInfo* find(std::string_view name) const;

 private:
  friend class Schema;
  void index_names();
  struct Slot {
    std::string_view name;
    const FieldInfo* field = nullptr;
  };
  std::vector<Slot> slots_;  // open addressing, a power of two
};

/// Finds types by name and describes them: the generated ones, and those that only the embedded descriptor set knows.
/// Not thread-safe; belongs to the main thread.
class Schema {
 public:
  Schema();
  ~Schema();
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;

  const MessageInfo& of(const google::protobuf::Descriptor* descriptor);
  /// The type with this full name, such as `envoy.config.cluster.v3.Cluster`; nullptr if Envoy's API has none.
  const MessageInfo* find(std::string_view full_name);
  /// A new, empty message of that type, owned by `arena`.
  google::protobuf::Message* make(const MessageInfo& info, google::protobuf::Arena& arena);
  /// The message packed in an Any (generated or dynamic), owned by `arena`; nullptr if its type is unknown or its
  /// bytes do not parse.
  google::protobuf::Message* unpack(const google::protobuf::Message& any, google::protobuf::Arena& arena);
  /// The full name of the type that a misspelt name seems to mean, or "".
  std::string name_like(std::string_view full_name);

 private:
  struct Dynamic;
  Dynamic& dynamic();
  const google::protobuf::FileDescriptor* build(Dynamic& dynamic, const std::string& file);

  std::unordered_map<const google::protobuf::Descriptor*, std::unique_ptr<MessageInfo>> infos_;
  std::unordered_map<std::string, const MessageInfo*> by_name_;
  std::unique_ptr<Dynamic> dynamic_;  // made when first needed
};

/// The full name in a type URL: what follows the last slash.
std::string_view type_name(std::string_view type_url);

/// The type URL of a google.protobuf.Any, which may be a dynamic message.
std::string any_type_url(const google::protobuf::Message& any);

}  // namespace weir::config
