#include "format/metadata_config.h"

#include <algorithm>
#include <string>

#include "google/protobuf/struct.pb.h"

namespace weir::format {

namespace {

using Kind = MetadataValue::Kind;

MetadataValue read(const google::protobuf::Value& from, Arena& arena) {
  MetadataValue result;
  switch (from.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      result.kind = Kind::kNumber;
      result.number = from.number_value();
      break;
    case google::protobuf::Value::kStringValue:
      result.kind = Kind::kText;
      result.text = arena.copy(from.string_value());
      break;
    case google::protobuf::Value::kBoolValue:
      result.kind = Kind::kBool;
      result.flag = from.bool_value();
      break;
    case google::protobuf::Value::kListValue: {
      const auto count = static_cast<size_t>(from.list_value().values_size());
      auto* items = arena.allocate_array<MetadataValue>(count);
      for (size_t i = 0; i < count; ++i) items[i] = read(from.list_value().values(static_cast<int>(i)), arena);
      result.kind = Kind::kList;
      result.items = {items, count};
      break;
    }
    case google::protobuf::Value::kStructValue:
      return read_metadata(from.struct_value(), arena);
    default:
      break;
  }
  return result;
}

void write(const MetadataValue& from, google::protobuf::Value& to) {
  switch (from.kind) {
    case Kind::kNull:
      to.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case Kind::kNumber:
      to.set_number_value(from.number);
      break;
    case Kind::kText:
      to.set_string_value(std::string(from.text));
      break;
    case Kind::kBool:
      to.set_bool_value(from.flag);
      break;
    case Kind::kList:
      to.mutable_list_value();
      for (const MetadataValue& item : from.items) write(item, *to.mutable_list_value()->add_values());
      break;
    case Kind::kStruct:
      write_metadata(from, *to.mutable_struct_value());
  }
}

}  // namespace

void write_metadata(const MetadataValue& note, google::protobuf::Struct& fields) {
  for (size_t i = 0; i < note.keys.size(); ++i) write(note.items[i], (*fields.mutable_fields())[std::string(note.keys[i])]);
}

MetadataValue read_metadata(const google::protobuf::Struct& fields, Arena& arena) {
  const auto count = static_cast<size_t>(fields.fields_size());
  auto* items = arena.allocate_array<MetadataValue>(count);
  auto* keys = arena.allocate_array<std::string_view>(count);
  for (size_t i = 0; const auto& [name, value] : fields.fields()) keys[i++] = arena.copy(name);
  std::sort(keys, keys + count);
  for (size_t i = 0; i < count; ++i) items[i] = read(fields.fields().at(std::string(keys[i])), arena);
  MetadataValue result;
  result.kind = Kind::kStruct;
  result.items = {items, count};
  result.keys = {keys, count};
  return result;
}

}  // namespace weir::format
