// Reading scoped_routes of the connection manager.
#pragma once

#include <memory>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "proxy/listener_config.h"
#include "route/scopes.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class ScopedRoutes;
}

namespace weir::proxy {

/// Null after reporting errors.
std::shared_ptr<route::ScopeSource> read_scoped_routes(
    const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes& from, const config::FieldPath& at,
    const std::string& stat_prefix, ListenerConfigContext& context, config::Diagnostics& diagnostics);

void declare_scoped_routes(config::SupportTable& table);

}  // namespace weir::proxy
