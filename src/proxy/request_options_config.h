// Those options of the connection manager that change a request before it is routed: path, host, client address, early header
// changes; and Proxy-Status. Read into HttpConnectionSpec.
#pragma once

#include <string_view>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "proxy/http_connection_spec.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}

namespace weir::proxy {

/// False after reporting errors. `spec` has its server_name already.
bool read_request_options(const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& from,
                          const config::FieldPath& at, std::string_view node_id, config::Diagnostics& diagnostics,
                          HttpConnectionSpec& spec);

void declare_request_options(config::SupportTable& table);

}  // namespace weir::proxy
