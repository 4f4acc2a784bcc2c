// Unwrap: a walk that changes an Any only where there is something to change.
#include "config/unwrap.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstring>

#include "base/text.h"
#include "config/path.h"
#include "config/rules.h"

namespace weir::config {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

namespace {

// A protobuf Struct as a tree, so that it can be decoded like text.
class StructTree {
 public:
  explicit StructTree(Document& document) : document_(document) {}

  Node mapping(const pb::Struct& from) {
    Node node;
    node.kind = Node::Kind::kMapping;
    node.size = static_cast<uint32_t>(from.fields_size());
    Member* members = array<Member>(node.size);
    node.members = members;
    for (const auto& [key, each] : from.fields()) *members++ = {copy(key), 0, 0, value(each)};
    return node;
  }

 private:
  Node value(const pb::Value& from) {
    Node node;
    switch (from.kind_case()) {
      case pb::Value::kStructValue:
        return mapping(from.struct_value());
      case pb::Value::kListValue:
        return sequence(from.list_value());
      case pb::Value::kStringValue:
        return text(Node::Kind::kString, from.string_value());
      case pb::Value::kNumberValue:
        return text(Node::Kind::kNumber, number(from.number_value()));
      case pb::Value::kBoolValue:
        node.kind = Node::Kind::kBool;
        node.boolean = from.bool_value();
        return node;
      default:
        return node;
    }
  }

  Node sequence(const pb::ListValue& from) {
    Node node;
    node.kind = Node::Kind::kSequence;
    node.size = static_cast<uint32_t>(from.values_size());
    Node* items = array<Node>(node.size);
    node.items = items;
    for (const pb::Value& each : from.values()) *items++ = value(each);
    return node;
  }

  Node text(Node::Kind kind, std::string_view from) {
    Node node;
    const std::string_view kept = copy(from);
    node.kind = kind;
    node.chars = kept.data();
    node.size = static_cast<uint32_t>(kept.size());
    return node;
  }

  static std::string number(double value) {
    char buffer[32];
    const int size = std::snprintf(buffer, sizeof buffer, "%.17g", value);
    return {buffer, static_cast<size_t>(size)};
  }

  std::string_view copy(std::string_view from) {
    char* const to = static_cast<char*>(document_.memory.allocate(from.size() + 1, 1));
    put(to, from);
    return {to, from.size()};
  }

  template <class T>
  T* array(size_t count) {
    T* const made = static_cast<T*>(document_.memory.allocate((count + 1) * sizeof(T), alignof(T)));
    std::uninitialized_value_construct_n(made, count);
    return made;
  }

  Document& document_;
};

class Unwrapper {
 public:
  Unwrapper(Schema& schema, UnknownFields unknown_fields, Diagnostics& diagnostics)
      : schema_(schema), unknown_fields_(unknown_fields), diagnostics_(diagnostics) {}

  // Returns whether the message was changed.
  bool message(pb::Message& message, const MessageInfo& info, const FieldPath& path) {
    if (diagnostics_.full()) return false;
    if (info.well_known == WellKnown::kAny) return any(message, path);
    const pb::Reflection& reflection = *message.GetReflection();
    if (const auto& unknown = reflection.GetUnknownFields(message); !unknown.empty()) unknown_fields(unknown, info, path);
    if (info.well_known != WellKnown::kNone) return false;
    bool changed = false;
    std::vector<const FieldDescriptor*> present;
    reflection.ListFields(message, &present);
    for (const FieldDescriptor* field : present) {
      if (field->is_extension()) continue;
      const FieldInfo& field_info = info.fields[static_cast<size_t>(field->index())];
      if (field_info.message != nullptr) changed |= this->field(message, field_info, FieldPath{&path, field->name()});
    }
    return changed;
  }

 private:
  bool field(pb::Message& message, const FieldInfo& info, const FieldPath& path) {
    const pb::Reflection& reflection = *message.GetReflection();
    if (!info.repeated) return this->message(*reflection.MutableMessage(&message, info.field), *info.message, path);
    if (info.map && !info.message->checked) return false;  // no Any in it; leave the map as it is
    bool changed = false;
    const int size = reflection.FieldSize(message, info.field);
    for (int i = 0; i < size; ++i) {
      pb::Message& item = *reflection.MutableRepeatedMessage(&message, info.field, i);
      if (!info.map) {
        changed |= this->message(item, *info.message, FieldPath{&path, {}, i});
        continue;
      }
      const std::string key = scalar_text(item, *info.field->message_type()->map_key(), -1);
      const FieldDescriptor* value = info.field->message_type()->map_value();
      changed |=
          this->message(*item.GetReflection()->MutableMessage(&item, value), *info.message, FieldPath{&path, key, -1, true});
    }
    return changed;
  }

  void unknown_fields(const pb::UnknownFieldSet& unknown, const MessageInfo& info, const FieldPath& path) {
    if (unknown_fields_ == UnknownFields::kIgnore) return;
    std::string numbers;
    for (int i = 0; i < unknown.field_count() && i < 10; ++i) {
      numbers += (numbers.empty() ? "" : ", ") + std::to_string(unknown.field(i).number());
    }
    Diagnostic found{{}, path.text(), info.descriptor->full_name() + " has no field numbered " + numbers, ""};
    if (unknown_fields_ == UnknownFields::kReject)
      diagnostics_.error(std::move(found));
    else
      diagnostics_.warning(std::move(found));
  }

  bool any(pb::Message& any, const FieldPath& path) {
    if (any_type_url(any).empty() || depth_ == kMostNestedAnys) return false;  // the validator reports the depth
    ScratchArena arena;
    pb::Message* inner = schema_.unpack(any, arena);
    if (inner == nullptr) return false;  // the validator reports it
    const MessageInfo& info = schema_.of(inner->GetDescriptor());
    ++depth_;
    const bool changed =
        info.well_known == WellKnown::kTypedStruct ? typed_struct(*inner, any, path) : repack(*inner, info, any, path);
    --depth_;
    return changed;
  }

  bool repack(pb::Message& inner, const MessageInfo& info, pb::Message& any, const FieldPath& path) {
    if (!message(inner, info, path)) return false;
    any.GetReflection()->SetString(&any, any.GetDescriptor()->FindFieldByNumber(2), inner.SerializePartialAsString());
    return true;
  }

  // Both wrappers have `type_url = 1` and `value = 2`.
  bool typed_struct(const pb::Message& wrapper, pb::Message& any, const FieldPath& path) {
    const pb::Descriptor* type = wrapper.GetDescriptor();
    pb::Struct body;
    body.ParsePartialFromString(
        wrapper.GetReflection()->GetMessage(wrapper, type->FindFieldByNumber(2)).SerializePartialAsString());
    const std::string url = wrapper.GetReflection()->GetString(wrapper, type->FindFieldByNumber(1));
    const MessageInfo* info = schema_.find(type_name(url));
    if (info == nullptr) {
      diagnostics_.error(
          {{}, path.text(), "unknown type " + std::string(type_name(url).substr(0, 200)) + " in the TypedStruct", ""});
      return false;
    }
    Document document("", "");
    document.root = StructTree(document).mapping(body);
    ScratchArena arena;
    pb::Message* inner = schema_.make(*info, arena);
    Diagnostics found;
    decode(schema_, document, document.root, *inner, unknown_fields_, found);
    const std::string base = path.text();
    const auto below = [&base](Diagnostic& each) { each.path = each.path.empty() ? base : base + "." + each.path; };
    for (Diagnostic& each : found.errors()) below(each), diagnostics_.error(std::move(each));
    for (Diagnostic& each : found.warnings()) below(each), diagnostics_.warning(std::move(each));
    any.GetReflection()->SetString(&any, any.GetDescriptor()->FindFieldByNumber(1), url);
    any.GetReflection()->SetString(&any, any.GetDescriptor()->FindFieldByNumber(2), inner->SerializePartialAsString());
    return true;
  }

  Schema& schema_;
  const UnknownFields unknown_fields_;
  Diagnostics& diagnostics_;
  int depth_ = 0;
};

}  // namespace

void unwrap(Schema& schema, pb::Message& message, UnknownFields unknown_fields, Diagnostics& diagnostics) {
  Unwrapper(schema, unknown_fields, diagnostics).message(message, schema.of(message.GetDescriptor()), FieldPath{});
}

}  // namespace weir::config
