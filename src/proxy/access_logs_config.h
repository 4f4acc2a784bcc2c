// Lists of access logs, as listeners, connection managers and tcp_proxy have them.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "proxy/listener_config.h"

namespace weir::proxy {

/// False after reporting an error.
inline bool read_access_logs(const google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>& from,
                             const config::FieldPath& at, const ListenerConfigContext& context, config::Diagnostics& diagnostics,
                             std::vector<std::shared_ptr<observe::AccessLog>>& result) {
  bool good = true;
  for (int i = 0; i < from.size(); ++i) {
    auto log = context.read_access_log(from[i], config::FieldPath{&at, {}, i}, diagnostics);
    good = good && log != nullptr;
    if (log != nullptr) result.push_back(std::move(log));
  }
  return good;
}

}  // namespace weir::proxy
