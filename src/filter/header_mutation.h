// header_mutation: adds, changes and removes lines of requests and responses, in the order of the configuration.
#pragma once

#include <optional>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/context.h"
#include "filter/filter.h"
#include "format/formatter.h"
#include "http/header_name.h"
#include "route/spec.h"

namespace envoy::config::common::mutation_rules::v3 {
class HeaderMutation;
}
namespace google::protobuf {
class Any;
template <class T>
class RepeatedPtrField;
}  // namespace google::protobuf

namespace weir::filter {

/// One change. Its value is computed from the headers as the changes before it left them.
struct HeaderChange {
  http::HeaderName name;                   // no pseudo-header, not Host
  std::optional<format::Formatter> value;  // none: all lines of that name are removed
  route::AppendAction action = route::AppendAction::kAppendIfExistsOrAdd;
  bool keep_empty_value = false;
  bool joins_lines = false;  // appending makes one line, see http/joined_lines.h
};

/// All changes, one after the other.
void apply_changes(const std::vector<HeaderChange>& changes, http::HeaderMap& headers, const format::FormatContext& context);

struct HeaderMutationSpec {
  std::vector<HeaderChange> request;
  std::vector<HeaderChange> response;
  bool most_specific_wins = false;  // of the filter: the order in which routes' changes are made
};

/// What a route says.
struct HeaderMutationSettings : route::FilterSettings {
  HeaderMutationSpec changes;
};

FilterFactoryPtr make_header_mutation(HeaderMutationSpec spec);

/// envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, see CatalogEntry.
FilterFactoryPtr read_header_mutation(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                      const FilterContext& context, config::Diagnostics& diagnostics);
/// envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute.
route::FilterSettingsPtr read_header_mutation_settings(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                                       const FilterContext& context, config::Diagnostics& diagnostics);
/// Reads changes of requests, or of responses. Appends to `result`; false after reporting errors.
bool read_header_changes(
    const google::protobuf::RepeatedPtrField<envoy::config::common::mutation_rules::v3::HeaderMutation>& from,
    const config::FieldPath& at, config::Diagnostics& diagnostics, bool of_requests, std::vector<HeaderChange>& result);
void declare_header_mutation(config::SupportTable& table);

}  // namespace weir::filter
