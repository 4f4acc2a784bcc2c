// Header changes that are made in the order of the configuration: those of the header_mutation filter, of mirrors, and early
// ones.
#pragma once

#include <span>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "format/stream_info.h"
#include "http/header_map.h"
#include "route/spec.h"

namespace envoy::config::common::mutation_rules::v3 {
class HeaderMutation;
}
namespace google::protobuf {
template <class T>
class RepeatedPtrField;
}

namespace weir::route {

/// All changes, one after the other. New values live in the headers' arena.
void apply_changes(std::span<const HeaderChange> changes, http::HeaderMap& headers, const format::FormatContext& context);

/// Reads changes of requests, or of responses. Appends to `result`; false after reporting errors. Main thread.
bool read_header_changes(
    const google::protobuf::RepeatedPtrField<envoy::config::common::mutation_rules::v3::HeaderMutation>& from,
    const config::FieldPath& at, config::Diagnostics& diagnostics, bool of_requests, std::vector<HeaderChange>& result);
/// Says which fields of them are implemented.
void declare_header_changes(config::SupportTable& table);

}  // namespace weir::route
