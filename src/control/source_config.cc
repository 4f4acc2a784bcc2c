// envoy.config.core.v3.ConfigSource becomes a FileSource.
#include <unistd.h>

#include "control/subscription.h"

namespace weir::control {

bool check_exists(const std::string& path, const config::FieldPath& at, config::Diagnostics& diagnostics) {
  if (access(path.c_str(), F_OK) == 0) return true;
  diagnostics.error(
      {{}, at.text(), "the file " + config::quoted(path) + " does not exist", "create it, if only with empty resources"});
  return false;
}

std::optional<FileSource> read_source(const envoy::config::core::v3::ConfigSource& source, const config::FieldPath& at,
                                      config::Diagnostics& diagnostics) {
  using envoy::config::core::v3::ConfigSource;
  const config::FieldPath inner{&at, "path_config_source"};
  FileSource result;
  switch (source.config_source_specifier_case()) {
    case ConfigSource::kPathConfigSource:
      result = {source.path_config_source().path(), source.path_config_source().watched_directory().path()};
      if (!check_exists(result.path, config::FieldPath{&inner, "path"}, diagnostics)) return std::nullopt;
      return result;
    case ConfigSource::kPath:
      result.path = source.path();
      if (!check_exists(result.path, config::FieldPath{&at, "path"}, diagnostics)) return std::nullopt;
      return result;
    default:
      diagnostics.error({{}, at.text(), "only files are implemented yet as sources of configuration", "give path_config_source"});
      return std::nullopt;
  }
}

}  // namespace weir::control
