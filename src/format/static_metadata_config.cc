#include "format/static_metadata_config.h"

#include <algorithm>
#include <string>

#include "envoy/config/core/v3/base.pb.h"
#include "format/metadata_config.h"

namespace weir::format {

StaticMetadataPtr read_static_metadata(const envoy::config::core::v3::Metadata& metadata) {
  if (metadata.filter_metadata().empty()) return nullptr;
  auto result = std::make_shared<StaticMetadata>();
  std::vector<std::string_view> filters;
  for (const auto& [filter, note] : metadata.filter_metadata()) filters.push_back(filter);
  std::ranges::sort(filters);
  for (const std::string_view filter : filters) {
    const google::protobuf::Struct& note = metadata.filter_metadata().at(std::string(filter));
    result->add(result->arena().copy(filter), read_metadata(note, result->arena()));
  }
  return result;
}

}  // namespace weir::format
