// envoy.extensions.filters.http.router.v3.Router: the filter that ends every connection manager's list.
#pragma once

#include "proxy/listener_config.h"

namespace weir::proxy {

struct RouterOptions;

/// The router's own options, out of its filter's typed_config. False after reporting an error.
bool read_router(const google::protobuf::Any& typed_config, const config::FieldPath& at, const ListenerConfigContext& context,
                 config::Diagnostics& diagnostics, RouterOptions& result);
bool is_router(const google::protobuf::Any& typed_config);
void declare_router(config::SupportTable& table);

}  // namespace weir::proxy
