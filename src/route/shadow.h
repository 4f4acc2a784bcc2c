// Shadows: routes that no request can ever reach, because an earlier route of their virtual host takes everything that they
// match.
#pragma once

#include <cstdint>
#include <vector>

#include "route/spec.h"

namespace weir::route {

/// Positions in VirtualHost::routes: `by` comes first and hides `route`.
struct Shadow {
  uint32_t route = 0;
  uint32_t by = 0;
};

/// In the order of the routes, each with the first one that hides it. Only what is certain is reported: two different regular
/// expressions are never compared, and a route that a runtime key could switch off hides nothing.
std::vector<Shadow> find_shadows(const VirtualHost& virtual_host);

/// Whether every request that fulfils `inner` also fulfils `outer`. False may also mean that it cannot be told.
bool covers(const RouteMatch& outer, const RouteMatch& inner);

}  // namespace weir::route
