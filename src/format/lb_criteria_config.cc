#include "format/lb_criteria_config.h"

#include <algorithm>

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/struct.pb.h"

namespace weir::format {

namespace {

LbCriteria::Items members_of(const google::protobuf::Struct& fields) {
  LbCriteria::Items result;
  for (const auto& [name, value] : fields.fields()) result.emplace_back(name, canonical_value(value));
  std::ranges::sort(result);
  return result;
}

}  // namespace

std::string canonical_value(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return canonical_number(value.number_value());
    case google::protobuf::Value::kStringValue:
      return canonical_text(value.string_value());
    case google::protobuf::Value::kBoolValue:
      return canonical_bool(value.bool_value());
    case google::protobuf::Value::kListValue: {
      std::vector<std::string> items;
      for (const google::protobuf::Value& item : value.list_value().values()) items.push_back(canonical_value(item));
      return canonical_list(items);
    }
    case google::protobuf::Value::kStructValue:
      return canonical_struct(members_of(value.struct_value()));
    default:
      return canonical_null();
  }
}

LbCriteria read_lb_criteria(const google::protobuf::Struct& fields) {
  LbCriteria result(members_of(fields));
  const auto list = fields.fields().find(std::string(kFallbackList));
  if (list == fields.fields().end()) return result;
  result.has_fallbacks = true;
  for (const google::protobuf::Value& item : list->second.list_value().values()) {
    result.fallbacks.push_back(members_of(item.struct_value()));
  }
  return result;
}

LbCriteria read_lb_criteria(const envoy::config::core::v3::Metadata& metadata) {
  const auto found = metadata.filter_metadata().find("envoy.lb");
  return found == metadata.filter_metadata().end() ? LbCriteria() : read_lb_criteria(found->second);
}

}  // namespace weir::format
