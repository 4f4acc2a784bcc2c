// header_mutation: adds, changes and removes lines of requests and responses, in the order of the configuration.
#pragma once

#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "filter/context.h"
#include "filter/filter.h"
#include "route/header_changes.h"

namespace google::protobuf {
class Any;
}

namespace weir::filter {

struct HeaderMutationSpec {
  std::vector<route::HeaderChange> request;
  std::vector<route::HeaderChange> response;
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
void declare_header_mutation(config::SupportTable& table);

}  // namespace weir::filter
