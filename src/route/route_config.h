// From envoy.config.route.v3.RouteConfiguration to a RouteTable.
#pragma once

#include <memory>

#include "config/diagnostic.h"
#include "config/path.h"
#include "route/config_reader.h"
#include "route/table.h"

namespace envoy::config::route::v3 {
class RouteConfiguration;
}
namespace weir::config {
class SupportTable;
}

namespace weir::route {

/// Null after reporting errors, with paths that begin with `at`. The message has passed the constraints of its .proto file.
std::shared_ptr<const RouteTable> compile(const envoy::config::route::v3::RouteConfiguration& config, const ReadContext& context,
                                          config::Diagnostics& diagnostics, const config::FieldPath& at = {});

/// The category of what routes say to filters, for support tables.
constexpr const char* kFilterSettings = "envoy.filters.http (routes)";

/// Declares what of route configurations is implemented.
void declare_support(config::SupportTable& table);

}  // namespace weir::route
