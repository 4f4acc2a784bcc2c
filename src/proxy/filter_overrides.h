// Filter overrides: what a request's way (route configuration, virtual host, route, weighted cluster) says to a filter.
#pragma once

#include <string_view>

#include "route/table.h"

namespace weir::proxy {

/// Calls `use(const route::FilterOverride&)` for everything that is said to the filter of that name, the most specific last.
template <class F>
void for_each_override(const route::RouteTable* table, const route::Match& match, const route::ClusterChoice& choice,
                       std::string_view filter, F&& use) {
  auto look = [&](const route::FilterOverrides& overrides) {
    for (const route::FilterOverride& change : overrides) {
      if (change.filter == filter) use(change);
    }
  };
  if (table == nullptr || match.route == nullptr || match.tls_required) return;  // the redirect to https is nobody's route
  look(table->config().filters);
  look(match.virtual_host->filters);
  look(match.route->filters);
  if (choice.entry != nullptr) look(choice.entry->filters);
}

}  // namespace weir::proxy
