// SupportTable: which of Envoy's messages, fields and extensions Weir implements, declared by those who read them.
#pragma once

#include <google/protobuf/message.h>

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/diagnostic.h"
#include "config/schema.h"

namespace weir::config {

/// What is implemented of one message type. Names are those of the .proto file; a name that does not exist ends
/// the process at once, which any test that builds the table finds.
class MessageSupport {
 public:
  explicit MessageSupport(const google::protobuf::Descriptor& type);

  /// Fields whose meaning Weir implements. Messages in them are checked in turn.
  MessageSupport& fields(std::initializer_list<std::string_view> names);
  MessageSupport& all_fields();
  /// Fields that Weir ignores and that cannot change where traffic goes or what is let through: reported once.
  MessageSupport& harmless(std::initializer_list<std::string_view> names);
  /// An implemented enum field of which only these values are.
  MessageSupport& values(std::string_view field, std::initializer_list<std::string_view> names);
  /// An implemented field that holds extensions of `category` (such as `envoy.filters.http`): an Any, or a message
  /// with an Any in it.
  MessageSupport& extensions(std::string_view field, std::string_view category);

 private:
  friend class SupportTable;
  friend class SupportWalk;
  enum class State : uint8_t { kUnknown, kImplemented, kHarmless };
  struct Field {
    State state = State::kUnknown;
    std::string category;
    std::vector<int> values;  // empty: all
  };

  Field& field(std::string_view name);

  const google::protobuf::Descriptor& type_;
  std::vector<Field> fields_;  // in declaration order
};

/// Filled once at start by the declare functions that `main` names; then only read.
class SupportTable {
 public:
  /// The entry of a message type, made when first asked for. Several callers may each add their fields.
  template <class M>
  MessageSupport& message() {
    return message(*M::descriptor());
  }
  MessageSupport& message(const google::protobuf::Descriptor& type);

  /// M may be used as an extension of `category`, under Envoy's `name` for it. Returns M's entry.
  template <class M>
  MessageSupport& extension(std::string_view category, std::string_view name) {
    return extension(*M::descriptor(), category, name);
  }
  MessageSupport& extension(const google::protobuf::Descriptor& type, std::string_view category, std::string_view name);

  /// Every extension and field that is implemented or knowingly ignored, for `weir features`.
  std::string features_text() const;

 private:
  friend class SupportWalk;
  const MessageSupport* find(const google::protobuf::Descriptor* type) const;
  bool has_extension(const std::string& category, std::string_view type) const;

  std::unordered_map<const google::protobuf::Descriptor*, std::unique_ptr<MessageSupport>> messages_;
  std::map<std::string, std::map<std::string, std::string, std::less<>>> extensions_;  // category -> type -> name
};

/// Reports everything that is set in `message` or below it (also inside Any) and that Weir does not implement: as an
/// error with its path, or once as a warning if it is harmless.
void check_support(Schema& schema, const SupportTable& table, const google::protobuf::Message& message, Diagnostics& diagnostics);

}  // namespace weir::config
