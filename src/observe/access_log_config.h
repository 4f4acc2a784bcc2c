// envoy.config.accesslog.v3.AccessLog becomes an AccessLog.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/runtime.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "observe/access_log.h"
#include "observe/log_file.h"

namespace envoy::config::accesslog::v3 {
class AccessLog;
class AccessLogFilter;
}  // namespace envoy::config::accesslog::v3

namespace envoy::config::bootstrap::v3 {
class Admin;
}

namespace weir::observe {

/// Reads an access log that the loader has validated, and opens its file. Numbers of its filter follow keys of `runtime`, if that
/// is not null. Null after reporting an error.
std::shared_ptr<AccessLog> read_access_log(const envoy::config::accesslog::v3::AccessLog& config, LogFiles& files,
                                           RuntimeValues* runtime, const config::FieldPath& at, config::Diagnostics& diagnostics);
/// Leaves out those with errors.
std::vector<std::shared_ptr<AccessLog>> read_access_logs(
    const google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>& configs, LogFiles& files,
    RuntimeValues* runtime, const config::FieldPath& at, config::Diagnostics& diagnostics);
/// Those of the admin port, also from the deprecated access_log_path.
std::vector<std::shared_ptr<AccessLog>> read_admin_logs(const envoy::config::bootstrap::v3::Admin& admin, LogFiles& files,
                                                        RuntimeValues* runtime, const config::FieldPath& at,
                                                        config::Diagnostics& diagnostics);
/// Also for what else is chosen by such filters (local replies).
LogFilter read_log_filter(const envoy::config::accesslog::v3::AccessLogFilter& config, RuntimeValues* runtime,
                          const config::FieldPath& at, config::Diagnostics& diagnostics);

/// Says which access logs, filters and fields are implemented.
void declare_access_logs(config::SupportTable& table);

}  // namespace weir::observe
