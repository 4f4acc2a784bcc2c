#include "format/static_metadata_config.h"

#include <algorithm>
#include <string>

#include "envoy/config/core/v3/base.pb.h"

namespace weir::format {

namespace {

MetadataValue read_value(const google::protobuf::Value& value, Arena& arena);

/// Members are sorted, as JSON shows them.
MetadataValue read_struct(const google::protobuf::Struct& from, Arena& arena) {
  std::vector<const std::string*> names;
  for (const auto& [name, value] : from.fields()) names.push_back(&name);
  std::ranges::sort(names, {}, [](const std::string* name) -> const std::string& { return *name; });
  auto* keys = arena.allocate_array<std::string_view>(names.size());
  auto* items = arena.allocate_array<MetadataValue>(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    keys[i] = arena.copy(*names[i]);
    items[i] = read_value(from.fields().at(*names[i]), arena);
  }
  return {.kind = MetadataValue::Kind::kStruct, .items = {items, names.size()}, .keys = {keys, names.size()}};
}

MetadataValue read_list(const google::protobuf::ListValue& from, Arena& arena) {
  const auto count = static_cast<size_t>(from.values_size());
  auto* items = arena.allocate_array<MetadataValue>(count);
  for (size_t i = 0; i < count; ++i) items[i] = read_value(from.values(static_cast<int>(i)), arena);
  return {.kind = MetadataValue::Kind::kList, .items = {items, count}};
}

MetadataValue read_value(const google::protobuf::Value& value, Arena& arena) {
  using google::protobuf::Value;
  using Kind = MetadataValue::Kind;
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return {.kind = Kind::kNumber, .number = value.number_value()};
    case Value::kStringValue:
      return {.kind = Kind::kText, .text = arena.copy(value.string_value())};
    case Value::kBoolValue:
      return {.kind = Kind::kBool, .flag = value.bool_value()};
    case Value::kStructValue:
      return read_struct(value.struct_value(), arena);
    case Value::kListValue:
      return read_list(value.list_value(), arena);
    default:
      return {};
  }
}

}  // namespace

StaticMetadataPtr read_static_metadata(const envoy::config::core::v3::Metadata& metadata) {
  if (metadata.filter_metadata().empty()) return nullptr;
  auto result = std::make_shared<StaticMetadata>();
  std::vector<std::string_view> filters;
  for (const auto& [filter, note] : metadata.filter_metadata()) filters.push_back(filter);
  std::ranges::sort(filters);
  for (const std::string_view filter : filters) {
    const google::protobuf::Struct& note = metadata.filter_metadata().at(std::string(filter));
    result->add(result->arena().copy(filter), read_struct(note, result->arena()));
  }
  return result;
}

}  // namespace weir::format
