// Data sources: reading them.
#include "config/data_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "envoy/config/core/v3/base.pb.h"

namespace weir::config {

namespace {

/// At most one byte more than `max_size`, which tells that there is too much.
std::string read_file(const std::string& name, size_t max_size, const FieldPath& at, Diagnostics& diagnostics) {
  struct stat status {};
  std::ifstream file(name, std::ios::binary);
  if (stat(name.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || !file) {
    diagnostics.error({{}, at.text(), "cannot read the file '" + name + "'", "it must exist, be readable and be a regular file"});
    return {};
  }
  std::string result(std::min<size_t>(static_cast<size_t>(status.st_size), max_size + 1), '\0');
  file.read(result.data(), static_cast<std::streamsize>(result.size()));
  result.resize(static_cast<size_t>(file.gcount()));
  return result;
}

}  // namespace

std::string read_data_source(const envoy::config::core::v3::DataSource& source, size_t max_size, const FieldPath& at,
                             Diagnostics& diagnostics) {
  using DataSource = envoy::config::core::v3::DataSource;
  std::string result;
  switch (source.specifier_case()) {
    case DataSource::kInlineString:
      result = source.inline_string();
      break;
    case DataSource::kInlineBytes:
      result = source.inline_bytes();
      break;
    case DataSource::kEnvironmentVariable: {
      const char* value = std::getenv(source.environment_variable().c_str());
      if (value != nullptr) {
        result = value;
      } else {
        diagnostics.error({{},
                           FieldPath{&at, "environment_variable"}.text(),
                           "the variable '" + source.environment_variable() + "' is not set",
                           "set it before Weir is started"});
      }
      break;
    }
    case DataSource::kFilename:
      result = read_file(source.filename(), max_size, FieldPath{&at, "filename"}, diagnostics);
      break;
    case DataSource::SPECIFIER_NOT_SET:
      break;
  }
  if (result.size() <= max_size) return result;
  diagnostics.error({{}, at.text(), "is larger than the " + std::to_string(max_size) + " bytes that are allowed here", ""});
  return {};
}

}  // namespace weir::config
