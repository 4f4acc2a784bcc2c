// The connection manager's local_reply_config becomes LocalReplyRules.
#pragma once

#include <memory>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "proxy/local_reply_rules.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class LocalReplyConfig;
}

namespace weir::proxy {

/// Numbers of the filters follow keys of `runtime`, if that is not null. Null after reporting errors.
std::shared_ptr<const LocalReplyRules> read_local_replies(
    const envoy::extensions::filters::network::http_connection_manager::v3::LocalReplyConfig& from, RuntimeValues* runtime,
    const config::FieldPath& at, config::Diagnostics& diagnostics);

void declare_local_replies(config::SupportTable& table);

}  // namespace weir::proxy
