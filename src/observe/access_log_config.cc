// Reading access logs: which file, which format, which filter.
#include "observe/access_log_config.h"

#include <utility>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "format/format_config.h"
#include "format/matcher_config.h"
#include "format/matcher_tree_config.h"

// Deprecated fields are read on purpose: users still have them.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace weir::observe {

namespace {

using config::FieldPath;
using envoy::extensions::access_loggers::file::v3::FileAccessLog;
using envoy::extensions::access_loggers::stream::v3::StderrAccessLog;
using envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;
using format::FormatString;
namespace v3 = envoy::config::accesslog::v3;

constexpr char kCategory[] = "envoy.access_loggers";

/// Where the lines go and what they look like.
struct Target {
  std::string path;
  std::optional<FormatString> format;
};

std::optional<FormatString> default_format(const FieldPath& at, config::Diagnostics& diagnostics) {
  return format::read_text_format(format::kDefaultLogFormat, {}, at, diagnostics);
}

Target file_target(const FileAccessLog& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  switch (config.access_log_format_case()) {
    case FileAccessLog::kFormat:
      if (config.format().empty()) break;
      return {config.path(), format::read_text_format(config.format(), {}, FieldPath{&at, "format"}, diagnostics)};
    case FileAccessLog::kJsonFormat:
      return {config.path(), format::read_json_format(config.json_format(), {}, FieldPath{&at, "json_format"}, diagnostics)};
    case FileAccessLog::kTypedJsonFormat:
      return {config.path(),
              format::read_json_format(config.typed_json_format(), {}, FieldPath{&at, "typed_json_format"}, diagnostics)};
    case FileAccessLog::kLogFormat:
      return {config.path(), format::read_format(config.log_format(), FieldPath{&at, "log_format"}, diagnostics)};
    case FileAccessLog::ACCESS_LOG_FORMAT_NOT_SET:
      break;
  }
  return {config.path(), default_format(at, diagnostics)};
}

template <class Config>
Target stream_target(const Config& config, std::string path, const FieldPath& at, config::Diagnostics& diagnostics) {
  if (!config.has_log_format()) return {std::move(path), default_format(at, diagnostics)};
  return {std::move(path), format::read_format(config.log_format(), FieldPath{&at, "log_format"}, diagnostics)};
}

/// Without a format after an error.
Target read_target(const google::protobuf::Any& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  if (FileAccessLog file; config.UnpackTo(&file)) return file_target(file, at, diagnostics);
  if (StdoutAccessLog out; config.UnpackTo(&out)) return stream_target(out, "/dev/stdout", at, diagnostics);
  if (StderrAccessLog err; config.UnpackTo(&err)) return stream_target(err, "/dev/stderr", at, diagnostics);
  diagnostics.error(
      {{}, at.text(), "'" + config.type_url() + "' is no access log that is implemented", "there are file, stdout and stderr"});
  return {};
}

}  // namespace

std::shared_ptr<AccessLog> read_access_log(const v3::AccessLog& config, LogFiles& files, RuntimeValues* runtime,
                                           const FieldPath& at, config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  LogFilter filter;
  if (config.has_filter()) filter = read_log_filter(config.filter(), runtime, FieldPath{&at, "filter"}, diagnostics);
  const FieldPath typed_config{&at, "typed_config"};
  Target target = read_target(config.typed_config(), typed_config, diagnostics);
  if (!target.format || diagnostics.errors().size() != errors) return nullptr;
  const Result<LogFile*> file = files.open(target.path);
  if (!file) {
    diagnostics.error({{}, FieldPath{&typed_config, "path"}.text(), file.error().message, ""});
    return nullptr;
  }
  return std::make_shared<AccessLog>(std::move(filter), std::move(*target.format), **file);
}

std::vector<std::shared_ptr<AccessLog>> read_access_logs(const google::protobuf::RepeatedPtrField<v3::AccessLog>& configs,
                                                         LogFiles& files, RuntimeValues* runtime, const FieldPath& at,
                                                         config::Diagnostics& diagnostics) {
  std::vector<std::shared_ptr<AccessLog>> result;
  for (int i = 0; i < configs.size(); ++i) {
    std::shared_ptr<AccessLog> log = read_access_log(configs[i], files, runtime, FieldPath{&at, {}, i}, diagnostics);
    if (log != nullptr) result.push_back(std::move(log));
  }
  return result;
}

std::vector<std::shared_ptr<AccessLog>> read_admin_logs(const envoy::config::bootstrap::v3::Admin& admin, LogFiles& files,
                                                        RuntimeValues* runtime, const FieldPath& at,
                                                        config::Diagnostics& diagnostics) {
  auto logs = read_access_logs(admin.access_log(), files, runtime, FieldPath{&at, "access_log"}, diagnostics);
  if (admin.access_log_path().empty()) return logs;
  const FieldPath path{&at, "access_log_path"};
  const Result<LogFile*> file = files.open(admin.access_log_path());
  if (!file) {
    diagnostics.error({{}, path.text(), file.error().message, ""});
  } else if (auto format = default_format(path, diagnostics)) {
    logs.push_back(std::make_shared<AccessLog>(LogFilter{}, std::move(*format), **file));
  }
  return logs;
}

void declare_access_logs(config::SupportTable& table) {
  format::declare_formats(table);
  table.message<v3::AccessLog>().fields({"name", "filter"}).extensions("typed_config", kCategory);
  table.extension<FileAccessLog>(kCategory, "envoy.access_loggers.file").all_fields();
  table.extension<StdoutAccessLog>(kCategory, "envoy.access_loggers.stdout").all_fields();
  table.extension<StderrAccessLog>(kCategory, "envoy.access_loggers.stderr").all_fields();

  table.message<v3::AccessLogFilter>().fields(
      {"status_code_filter", "duration_filter", "not_health_check_filter", "traceable_filter", "runtime_filter", "and_filter",
       "or_filter", "header_filter", "response_flag_filter", "grpc_status_filter", "metadata_filter", "log_type_filter"});
  table.message<v3::StatusCodeFilter>().all_fields();
  table.message<v3::DurationFilter>().all_fields();
  table.message<v3::ComparisonFilter>().all_fields();
  table.message<envoy::config::core::v3::RuntimeUInt32>().all_fields();
  table.message<v3::NotHealthCheckFilter>();
  table.message<v3::TraceableFilter>();
  table.message<v3::RuntimeFilter>().all_fields();
  table.message<envoy::type::v3::FractionalPercent>().all_fields();
  table.message<v3::AndFilter>().all_fields();
  table.message<v3::OrFilter>().all_fields();
  format::declare_matcher_trees(table);
  table.message<v3::HeaderFilter>().all_fields();
  table.message<v3::ResponseFlagFilter>().all_fields();
  table.message<v3::GrpcStatusFilter>().all_fields();
  table.message<v3::MetadataFilter>().all_fields();
  table.message<v3::LogTypeFilter>().all_fields();
}

}  // namespace weir::observe
