// header_to_metadata: notes what headers and cookies say as dynamic metadata, for routes, rate limits and logs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filter/catalog.h"
#include "filter/filter.h"
#include "format/regex.h"
#include "http/header_name.h"

namespace weir::filter {

/// What is noted, and where.
struct MetadataNote {
  std::string name_space;
  std::string key;
  std::string value;  // "" for that of the header
  std::optional<format::RegexRewrite> rewrite;
  enum class Type : uint8_t { kText, kNumber, kProtobuf };  // the last: a google.protobuf.Value as bytes
  Type type = Type::kText;
  bool base64 = false;  // the value is decoded first
};

struct MetadataRule {
  http::HeaderName header;  // unless:
  std::string cookie;
  std::optional<MetadataNote> present, missing;
  bool remove = false;  // the header
};

/// What the filter is told, by the connection manager or by a route.
struct HeaderToMetadataSpec : route::FilterSettings {
  std::vector<MetadataRule> request, response;
};

FilterFactoryPtr make_header_to_metadata(std::shared_ptr<const HeaderToMetadataSpec> spec);

/// envoy.extensions.filters.http.header_to_metadata.v3.Config, see CatalogEntry.
FilterFactoryPtr read_header_to_metadata(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                         const FilterContext& context, config::Diagnostics& diagnostics);
/// The same message.
route::FilterSettingsPtr read_header_to_metadata_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                          const FilterContext& context, config::Diagnostics& diagnostics);
void declare_header_to_metadata(config::SupportTable& table);

}  // namespace weir::filter
