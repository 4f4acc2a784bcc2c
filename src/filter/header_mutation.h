// header_mutation: adds, changes and removes lines of requests and responses, in the order of the configuration.
#pragma once

#include <optional>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/filter.h"
#include "format/formatter.h"
#include "http/header_name.h"
#include "route/spec.h"

namespace google::protobuf {
class Any;
}

namespace weir::filter {

/// One change. Its value is computed from the headers as the changes before it left them.
struct HeaderChange {
  http::HeaderName name;                  // no pseudo-header, not Host
  std::optional<format::Formatter> value;  // none: all lines of that name are removed
  route::AppendAction action = route::AppendAction::kAppendIfExistsOrAdd;
  bool keep_empty_value = false;
};

struct HeaderMutationSpec {
  std::vector<HeaderChange> request;
  std::vector<HeaderChange> response;
};

FilterFactoryPtr make_header_mutation(HeaderMutationSpec spec);

/// envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, see CatalogEntry.
FilterFactoryPtr read_header_mutation(const google::protobuf::Any& configuration, const config::FieldPath& at,
                                      config::Diagnostics& diagnostics);
void declare_header_mutation(config::SupportTable& table);

}  // namespace weir::filter
