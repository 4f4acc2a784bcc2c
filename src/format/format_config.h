// envoy.config.core.v3.SubstitutionFormatString becomes a FormatString.
#pragma once

#include <optional>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "format/format_string.h"

namespace envoy::config::core::v3 {
class SubstitutionFormatString;
}
namespace google::protobuf {
class Struct;
}

namespace weir::format {

/// Reads a format that the loader has validated. Nothing after reporting an error.
std::optional<FormatString> read_format(const envoy::config::core::v3::SubstitutionFormatString& config,
                                        const config::FieldPath& at, config::Diagnostics& diagnostics);
/// A JSON object of a line of its own, keys sorted. Nothing after reporting an error.
std::optional<FormatString> read_json_format(const google::protobuf::Struct& config, const FormatterOptions& options,
                                             const config::FieldPath& at, config::Diagnostics& diagnostics);
std::optional<FormatString> read_text_format(std::string_view config, const FormatterOptions& options,
                                             const config::FieldPath& at, config::Diagnostics& diagnostics);

/// Says which fields of formats are implemented.
void declare_formats(config::SupportTable& table);

}  // namespace weir::format
