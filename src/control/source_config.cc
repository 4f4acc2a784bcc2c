// envoy.config.core.v3.ConfigSource becomes a FileSource.
#include <unistd.h>

#include "control/subscription.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::core::v3::ConfigSource;

namespace {

FieldPath path_field(const ConfigSource& source, const FieldPath& at) {
  return source.config_source_specifier_case() == ConfigSource::kPath ? FieldPath{&at, "path"}
                                                                      : FieldPath{&at, "path_config_source"};
}

}  // namespace

bool check_exists(const std::string& path, const FieldPath& at, config::Diagnostics& diagnostics) {
  if (access(path.c_str(), F_OK) == 0) return true;
  diagnostics.error(
      {{}, at.text(), "the file " + config::quoted(path) + " does not exist", "create it, if only with empty resources"});
  return false;
}

bool check_node(const Context& context, const FieldPath& at, config::Diagnostics& diagnostics) {
  if (context.has_node) return true;
  diagnostics.error({{},
                     at.text(),
                     "whoever takes configuration from elsewhere must say who he is: node.id and node.cluster are not both set",
                     "set them in node, or give --service-node and --service-cluster"});
  return false;
}

std::optional<FileSource> read_source_without_file(const ConfigSource& source, const FieldPath& at,
                                                   config::Diagnostics& diagnostics) {
  switch (source.config_source_specifier_case()) {
    case ConfigSource::kPathConfigSource:
      return FileSource{source.path_config_source().path(), source.path_config_source().watched_directory().path()};
    case ConfigSource::kPath:
      return FileSource{source.path(), ""};
    default:
      diagnostics.error({{}, at.text(), "only files are implemented yet as sources of configuration", "give path_config_source"});
      return std::nullopt;
  }
}

std::optional<FileSource> read_source(const Context& context, const ConfigSource& source, const FieldPath& at,
                                      config::Diagnostics& diagnostics) {
  auto result = read_source_without_file(source, at, diagnostics);
  if (!result) return std::nullopt;
  const FieldPath field = path_field(source, at);
  const bool known = check_node(context, at, diagnostics);
  const bool old = source.config_source_specifier_case() == ConfigSource::kPath;
  if (!check_exists(result->path, old ? field : FieldPath{&field, "path"}, diagnostics) || !known) return std::nullopt;
  return result;
}

}  // namespace weir::control
