// Decode: one walk over the tree, field by field through reflection.
#include "config/decode.h"

#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "config/path.h"
#include "config/scalar.h"

namespace weir::config {

namespace pb = google::protobuf;
using pb::FieldDescriptor;
using Kind = Node::Kind;

namespace {

class Decoder {
 public:
  Decoder(Schema& schema, const Document& document, UnknownFields unknown_fields, Diagnostics& diagnostics)
      : schema_(schema), document_(document), unknown_fields_(unknown_fields), diagnostics_(diagnostics) {}

  void message(const Node& node, const MessageInfo& info, pb::Message& message, const FieldPath& path) {
    const bool one_value = info.well_known == WellKnown::kWrapper || info.well_known == WellKnown::kDuration ||
                           info.well_known == WellKnown::kTimestamp;
    // Written out as {value: …} or {seconds: …, nanos: …} they are no JSON form of protobuf, but Envoy takes them.
    if (one_value && node.kind == Kind::kMapping) return plain_message(node, info, message, path);
    switch (info.well_known) {
      case WellKnown::kNone:
        return plain_message(node, info, message, path);
      case WellKnown::kAny:
        return any(node, message, path);
      case WellKnown::kTypedStruct:
        return plain_message(node, info, message, path);
      case WellKnown::kDuration:
        return duration(node, message, path);
      case WellKnown::kTimestamp:
        return timestamp(node, message, path);
      case WellKnown::kWrapper: {
        const FieldInfo& value = info.fields[0];
        singular(node, value, message, path);
        return;
      }
      case WellKnown::kStruct:
        return structure(node, info, message, path);
      case WellKnown::kValue:
        return dynamic_value(node, info, message, path);
      case WellKnown::kListValue:
        return list_value(node, info, message, path);
      case WellKnown::kFieldMask:
        return field_mask(node, message, path);
    }
  }

 private:
  void error(const Position& at, const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({at, path.text(), std::move(message), std::move(hint)});
  }
  void error(const Node& node, const FieldPath& path, std::string message, std::string hint = "") {
    error(document_.at(node), path, std::move(message), std::move(hint));
  }
  void wrong_type(const Node& node, const FieldPath& path, std::string_view expected, std::string hint = "") {
    error(node, path, "expected " + std::string(expected) + ", got " + node.describe(), std::move(hint));
  }

  void plain_message(const Node& node, const MessageInfo& info, pb::Message& message, const FieldPath& path,
                     std::string_view skip = "") {
    if (node.kind != Kind::kMapping) return wrong_type(node, path, "an object");
    const pb::Reflection& reflection = *message.GetReflection();
    for (uint32_t i = 0; i < node.size && !diagnostics_.full(); ++i) {
      const Member& member = node.members[i];
      const FieldInfo* field = info.find(member.key);
      if (field == nullptr) {
        if (!skip.empty() && member.key == skip) continue;
        unknown_field(member, info, path);
        continue;
      }
      const FieldPath at{&path, field->field->name()};
      if (member.value.kind == Kind::kNull && !takes_null(*field)) continue;
      if (!may_set(member, *field, node, at)) continue;
      if (field->alternative) {
        const pb::OneofDescriptor* oneof = field->field->containing_oneof();
        if (const FieldDescriptor* other = reflection.GetOneofFieldDescriptor(message, oneof);
            other != nullptr && other != field->field) {
          error(document_.at(member), at, "only one of " + other->name() + " and " + field->field->name() + " may be given");
          continue;
        }
      }
      value(member.value, *field, message, at);
    }
  }

  static bool takes_null(const FieldInfo& field) {
    return field.message != nullptr && field.message->well_known == WellKnown::kValue && !field.repeated;
  }

  // The same field once in snake_case and once in lowerCamelCase is as much a mistake as a key given twice.
  bool may_set(const Member& member, const FieldInfo& field, const Node& node, const FieldPath& at) {
    const std::string& other = member.key == field.field->name() ? field.field->json_name() : field.field->name();
    if (other == member.key) return true;
    for (const Member* earlier = node.members; earlier != &member; ++earlier) {
      if (earlier->key == other) {
        error(document_.at(member), at, "given twice, also as " + other);
        return false;
      }
    }
    return true;
  }

  void unknown_field(const Member& member, const MessageInfo& info, const FieldPath& path) {
    if (unknown_fields_ == UnknownFields::kIgnore) return;
    std::vector<std::string_view> names;
    for (const FieldInfo& field : info.fields) names.push_back(field.field->name());
    const std::string suggestion = nearest(member.key, names);
    Diagnostic diagnostic{document_.at(member), FieldPath{&path, member.key}.text(), "unknown field",
                          suggestion.empty() ? "" : "did you mean " + suggestion + "?"};
    if (unknown_fields_ == UnknownFields::kWarn) {
      diagnostic.message = "unknown field, ignored";
      diagnostics_.warning(std::move(diagnostic));
    } else {
      diagnostics_.error(std::move(diagnostic));
    }
  }

  void value(const Node& node, const FieldInfo& field, pb::Message& message, const FieldPath& path) {
    if (field.map) return map(node, field, message, path);
    if (!field.repeated) return singular(node, field, message, path);
    if (node.kind != Kind::kSequence) return singular(node, field, message, path);  // a single item without its list
    int index = 0;
    items(node, field, message, path, index);
  }

  // A list in a list counts as if its items stood there, for the JSON reader that Envoy uses lets that pass.
  void items(const Node& node, const FieldInfo& field, pb::Message& message, const FieldPath& path, int& index) {
    const WellKnown kind = field.message == nullptr ? WellKnown::kNone : field.message->well_known;
    const bool may_be_list = kind == WellKnown::kValue || kind == WellKnown::kListValue;
    for (const Node& item : node) {
      if (diagnostics_.full()) return;
      if (item.kind == Kind::kSequence && !may_be_list) {
        items(item, field, message, path, index);
      } else if (item.kind != Kind::kNull || field.message != nullptr) {  // a null is no text and no number
        singular(item, field, message, FieldPath{&path, {}, index++});
      }
    }
  }

  void map(const Node& node, const FieldInfo& field, pb::Message& message, const FieldPath& path) {
    if (node.kind != Kind::kMapping) return wrong_type(node, path, "an object");
    const FieldDescriptor* key = field.field->message_type()->map_key();
    FieldInfo key_info(key);
    FieldInfo value_info(field.field->message_type()->map_value());
    value_info.message = field.message;
    for (uint32_t i = 0; i < node.size && !diagnostics_.full(); ++i) {
      const Member& member = node.members[i];
      const FieldPath at{&path, member.key, -1, true};
      pb::Message* entry = message.GetReflection()->AddMessage(&message, field.field);
      Node key_node;
      key_node.kind = Kind::kString;
      key_node.line = member.line;
      key_node.column = member.column;
      key_node.chars = member.key.data();
      key_node.size = static_cast<uint32_t>(member.key.size());
      singular(key_node, key_info, *entry, at);
      if (member.value.kind == Kind::kNull && !takes_null(value_info)) {
        error(member.value, at, "a value of a map must not be null");
        continue;
      }
      singular(member.value, value_info, *entry, at);
    }
  }

  // Sets a singular field, or adds one item to a repeated one.
  void singular(const Node& node, const FieldInfo& info, pb::Message& message, const FieldPath& path) {
    const FieldDescriptor* field = info.field;
    const pb::Reflection& reflection = *message.GetReflection();
    const bool add = info.repeated;
    if (info.type == FieldDescriptor::CPPTYPE_MESSAGE) {
      pb::Message* child = add ? reflection.AddMessage(&message, field) : reflection.MutableMessage(&message, field);
      if (node.kind == Kind::kNull && info.message->well_known != WellKnown::kValue) return;  // an item left empty
      return this->message(node, *info.message, *child, path);
    }
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return string(node, field, message, path);
      case FieldDescriptor::CPPTYPE_BOOL: {
        bool result = false;
        if (node.kind == Kind::kBool)
          result = node.boolean;
        else if (node.kind != Kind::kString || !bool_in(node.text(), result))
          return wrong_type(node, path, "true or false");
        return add ? reflection.AddBool(&message, field, result) : reflection.SetBool(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_INT32: {
        int32_t result = 0;
        if (!integer(node, path, result)) return;
        return add ? reflection.AddInt32(&message, field, result) : reflection.SetInt32(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        int64_t result = 0;
        if (!integer(node, path, result)) return;
        return add ? reflection.AddInt64(&message, field, result) : reflection.SetInt64(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        uint32_t result = 0;
        if (!integer(node, path, result)) return;
        return add ? reflection.AddUInt32(&message, field, result) : reflection.SetUInt32(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        uint64_t result = 0;
        if (!integer(node, path, result)) return;
        return add ? reflection.AddUInt64(&message, field, result) : reflection.SetUInt64(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double result = 0;
        if (!number(node, path, std::numeric_limits<double>::max(), result)) return;
        return add ? reflection.AddDouble(&message, field, result) : reflection.SetDouble(&message, field, result);
      }
      case FieldDescriptor::CPPTYPE_FLOAT: {
        double result = 0;
        if (!number(node, path, std::numeric_limits<float>::max(), result)) return;
        const auto narrow = static_cast<float>(result);
        return add ? reflection.AddFloat(&message, field, narrow) : reflection.SetFloat(&message, field, narrow);
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        return enumeration(node, field, message, path);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return;
    }
  }

  // A text that stands for a bool, as the JSON reader that Envoy uses takes them.
  static bool bool_in(std::string_view text, bool& result) {
    for (const std::string_view word : {"true", "t", "yes", "y", "1"}) {
      if (iequals(text, word)) return result = true;
    }
    result = false;
    for (const std::string_view word : {"false", "f", "no", "n", "0"}) {
      if (iequals(text, word)) return true;
    }
    return false;
  }

  void string(const Node& node, const FieldDescriptor* field, pb::Message& message, const FieldPath& path) {
    if (node.kind != Kind::kString) {
      const bool quotable = node.kind == Kind::kNumber || node.kind == Kind::kBool;
      return wrong_type(node, path, "a string", quotable ? "put it in quotes" : "");
    }
    std::string result;
    if (field->type() == FieldDescriptor::TYPE_BYTES) {
      if (!parse_base64(node.text(), result)) return wrong_type(node, path, "bytes in base64");
    } else {
      result.assign(node.chars, node.size);
    }
    const pb::Reflection& reflection = *message.GetReflection();
    if (field->is_repeated())
      reflection.AddString(&message, field, std::move(result));
    else
      reflection.SetString(&message, field, std::move(result));
  }

  /// A number in quotes may have a plus in front, as the JSON reader that Envoy uses takes them.
  static std::string_view without_plus(const Node& node, std::string_view text) {
    const bool plus = node.kind == Kind::kString && text.size() > 1 && text[0] == '+' && (is_digit(text[1]) || text[1] == '.');
    return plus ? text.substr(1) : text;
  }

  template <class Integer>
  bool integer(const Node& node, const FieldPath& path, Integer& result) {
    const std::string_view text = without_plus(node, node.text());
    const bool minus_nothing = std::is_unsigned_v<Integer> && node.kind == Kind::kString && text.starts_with("-0") &&
                               text.find_first_not_of("-0") == text.npos;
    if ((node.kind == Kind::kNumber || node.kind == Kind::kString) && !minus_nothing) {
      switch (parse_integer(text, node.kind == Kind::kNumber, result)) {
        case NumberError::kNone:
          return true;
        case NumberError::kRange:
          error(node, path,
                "expected a number from " + std::to_string(std::numeric_limits<Integer>::min()) + " to " +
                    std::to_string(std::numeric_limits<Integer>::max()) + ", got " + node.describe());
          return false;
        case NumberError::kFraction:
          wrong_type(node, path, "a whole number");
          return false;
        case NumberError::kSyntax:
          break;
      }
    }
    wrong_type(node, path, "a number");
    return false;
  }

  bool number(const Node& node, const FieldPath& path, double most, double& result) {
    const std::string_view text = node.kind == Kind::kString ? without_plus(node, trim(node.text())) : node.text();
    if ((node.kind == Kind::kNumber || node.kind == Kind::kString) && parse_double(text, result)) {
      if (!std::isfinite(result) || std::fabs(result) <= most) return true;
      error(node, path, "the number is too large");
      return false;
    }
    wrong_type(node, path, "a number");
    return false;
  }

  void enumeration(const Node& node, const FieldDescriptor* field, pb::Message& message, const FieldPath& path) {
    const pb::EnumDescriptor* type = field->enum_type();
    int number = 0;
    if (type->full_name() == "google.protobuf.NullValue") {
      if (node.kind != Kind::kNull) return wrong_type(node, path, "null");
    } else if (node.kind == Kind::kString && !enum_number(*type, node.text(), number)) {
      std::vector<std::string_view> names;
      for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
      return error(node, path, "unknown value " + quoted(node.text()), enum_hint(node.text(), names));
    } else if (node.kind == Kind::kNumber && parse_integer(node.text(), true, number) != NumberError::kNone) {
      return wrong_type(node, path, "the name or number of a value");
    } else if (node.kind != Kind::kString && node.kind != Kind::kNumber) {
      return wrong_type(node, path, "the name of a value");
    }
    const pb::Reflection& reflection = *message.GetReflection();
    if (field->is_repeated())
      reflection.AddEnumValue(&message, field, number);
    else
      reflection.SetEnumValue(&message, field, number);
  }

  static bool enum_number(const pb::EnumDescriptor& type, std::string_view name, int& number) {
    if (const pb::EnumValueDescriptor* value = type.FindValueByName(std::string(name))) {
      number = value->number();
      return true;
    }
    for (int i = 0; i < type.value_count(); ++i) {
      if (iequals(type.value(i)->name(), name)) {
        number = type.value(i)->number();
        return true;
      }
    }
    return parse_integer(name, false, number) == NumberError::kNone;
  }

  static std::string enum_hint(std::string_view word, const std::vector<std::string_view>& names) {
    if (const std::string best = nearest(word, names); !best.empty()) return "did you mean " + best + "?";
    if (names.size() > 12) return "";
    std::string list;
    for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    return "known are " + list;
  }

  void duration(const Node& node, pb::Message& message, const FieldPath& path) {
    int64_t seconds = 0;
    int32_t nanos = 0;
    if (node.kind != Kind::kString || !parse_duration(node.text(), seconds, nanos)) {
      return wrong_type(node, path, "a duration in seconds such as \"0.25s\"");
    }
    set_seconds(message, seconds, nanos);
  }

  void timestamp(const Node& node, pb::Message& message, const FieldPath& path) {
    pb::Timestamp parsed;
    if (node.kind != Kind::kString || !pb::util::TimeUtil::FromString(std::string(node.text()), &parsed)) {
      return wrong_type(node, path, "a time such as \"2030-01-31T12:00:00Z\"");
    }
    set_seconds(message, parsed.seconds(), parsed.nanos());
  }

  static void set_seconds(pb::Message& message, int64_t seconds, int32_t nanos) {
    const pb::Descriptor* type = message.GetDescriptor();
    message.GetReflection()->SetInt64(&message, type->FindFieldByNumber(1), seconds);
    message.GetReflection()->SetInt32(&message, type->FindFieldByNumber(2), nanos);
  }

  void structure(const Node& node, const MessageInfo& info, pb::Message& message, const FieldPath& path) {
    map(node, info.fields[0], message, path);
  }

  void list_value(const Node& node, const MessageInfo& info, pb::Message& message, const FieldPath& path) {
    if (node.kind != Kind::kSequence) return wrong_type(node, path, "a list");
    value(node, info.fields[0], message, path);
  }

  // Value's oneof: null_value, number_value, string_value, bool_value, struct_value, list_value.
  void dynamic_value(const Node& node, const MessageInfo& info, pb::Message& message, const FieldPath& path) {
    int number = 0;
    switch (node.kind) {
      case Kind::kNull:
        number = 1;
        break;
      case Kind::kNumber:
        number = 2;
        break;
      case Kind::kString:
        number = 3;
        break;
      case Kind::kBool:
        number = 4;
        break;
      case Kind::kMapping:
        number = 5;
        break;
      case Kind::kSequence:
        number = 6;
        break;
    }
    singular(node, info.fields[static_cast<size_t>(number - 1)], message, path);
  }

  void field_mask(const Node& node, pb::Message& message, const FieldPath& path) {
    if (node.kind != Kind::kString) return wrong_type(node, path, "field paths separated by commas");
    const FieldDescriptor* paths = message.GetDescriptor()->FindFieldByNumber(1);
    std::string_view rest = node.text();
    while (!rest.empty()) {
      std::string snake;
      for (const char c : next_token(rest)) {
        if (c >= 'A' && c <= 'Z') snake += '_';
        snake += to_lower(c);
      }
      message.GetReflection()->AddString(&message, paths, std::move(snake));
    }
  }

  void any(const Node& node, pb::Message& message, const FieldPath& path) {
    if (node.kind != Kind::kMapping) return wrong_type(node, path, "an object with \"@type\"");
    if (node.size == 0) return;
    const Node* url = node.find("@type");
    if (url == nullptr || url->kind != Kind::kString) {
      return error(node, path, "\"@type\" is missing", "it chooses the extension, as in \"@type\": type.googleapis.com/...");
    }
    const MessageInfo* info = find_type(*url, url->text(), path);
    if (info == nullptr) return;
    if (info->well_known == WellKnown::kTypedStruct) return typed_struct(node, *info, *url, message, path);
    const Node* body = &node;
    if (info->well_known != WellKnown::kNone) body = node.find("value");  // without one the message is empty
    pack(body, *info, url->text(), message, path);
  }

  // {"@type": TypedStruct, "type_url": the real type, "value": its fields}
  void typed_struct(const Node& node, const MessageInfo& wrapper, const Node& outer_url, pb::Message& message,
                    const FieldPath& path) {
    const Node* url = node.find("type_url");
    if (url == nullptr) url = node.find("typeUrl");
    if (url == nullptr || url->kind != Kind::kString) return error(node, path, "\"type_url\" is missing in the TypedStruct");
    for (const Member* member = node.members; member != node.members + node.size; ++member) {
      if (member->key != "@type" && wrapper.find(member->key) == nullptr) unknown_field(*member, wrapper, path);
    }
    const FieldPath url_path{&path, "type_url"};
    const MessageInfo* info = find_type(*url, url->text(), url_path);
    if (info == nullptr) return;
    const Node* body = node.find("value");
    const FieldPath value_path{&path, "value"};
    if (info->well_known == WellKnown::kTypedStruct && body != nullptr && body->kind == Kind::kMapping) {
      return typed_struct(*body, *info, outer_url, message, value_path);
    }
    pack(body == nullptr || body->kind == Kind::kNull ? nullptr : body, *info, url->text(), message, value_path);
  }

  const MessageInfo* find_type(const Node& at, std::string_view url, const FieldPath& path) {
    const std::string_view name = type_name(url);
    if (const MessageInfo* info = schema_.find(name)) return info;
    const std::string similar = schema_.name_like(name);
    error(at, path, "unknown type " + std::string(name.substr(0, 200)), similar.empty() ? "" : "did you mean " + similar + "?");
    return nullptr;
  }

  /// `body` may be null: an empty message.
  void pack(const Node* body, const MessageInfo& info, std::string_view url, pb::Message& any, const FieldPath& path) {
    ScratchArena arena;
    pb::Message* inner = schema_.make(info, arena);
    if (body != nullptr && info.well_known == WellKnown::kNone) plain_message(*body, info, *inner, path, "@type");
    if (body != nullptr && info.well_known != WellKnown::kNone) message(*body, info, *inner, path);
    const pb::Descriptor* type = any.GetDescriptor();
    const bool has_prefix = url.find('/') != std::string_view::npos;
    std::string full_url = has_prefix ? std::string(url) : "type.googleapis.com/" + std::string(url);
    any.GetReflection()->SetString(&any, type->FindFieldByNumber(1), std::move(full_url));
    any.GetReflection()->SetString(&any, type->FindFieldByNumber(2), inner->SerializePartialAsString());
  }

  Schema& schema_;
  const Document& document_;
  const UnknownFields unknown_fields_;
  Diagnostics& diagnostics_;
};

}  // namespace

void decode(Schema& schema, const Document& document, const Node& node, pb::Message& message, UnknownFields unknown_fields,
            Diagnostics& diagnostics) {
  Decoder(schema, document, unknown_fields, diagnostics).message(node, schema.of(message.GetDescriptor()), message, FieldPath{});
}

}  // namespace weir::config
