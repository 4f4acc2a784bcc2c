// Lists of HTTP filters, of connection managers and of the upgrades that have their own.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "proxy/http_connection_spec.h"
#include "proxy/listener_config.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpFilter;
}

namespace weir::proxy {

/// What one list says.
struct HttpFilterList {
  std::vector<ConfiguredFilter> filters;  // without the router, which ends every list
  /// The router's configuration, within what was read; null where the list does not end with one.
  const google::protobuf::Any* router = nullptr;
};

/// False after reporting an error. `stat_prefix` is the connection manager's.
bool read_http_filters(
    const google::protobuf::RepeatedPtrField<envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter>& from,
    const config::FieldPath& at, const std::string& stat_prefix, ListenerConfigContext& context, config::Diagnostics& diagnostics,
    HttpFilterList& result);

}  // namespace weir::proxy
