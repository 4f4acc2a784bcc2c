// Options: the command line, which is Envoy's, so that what launches Envoy can launch Weir.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::main {

enum class Mode : uint8_t { kServe, kValidate, kInitOnly };

struct Options {
  std::string config_path;
  std::string config_yaml;
  Mode mode = Mode::kServe;
  std::optional<uint32_t> concurrency;  // absent: as many as there are processors
  bool cpuset_threads = false;

  std::string log_level = "info";
  std::string component_log_level;
  std::string log_format;
  bool log_format_escaped = false;
  bool log_format_given = false;
  std::string log_path;
  bool skip_deprecated_logs = false;

  std::string service_cluster, service_node, service_zone;
  std::vector<std::string> stats_tags;  // "name:value"

  uint32_t drain_time_s = 600;
  bool drain_immediately = false;  // --drain-strategy immediate
  uint32_t parent_shutdown_time_s = 900;
  bool disable_hot_restart = false;
  uint32_t base_id = 0;
  bool use_dynamic_base_id = false;
  std::string base_id_path;
  uint32_t restart_epoch = 0;

  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  bool ignore_unknown_dynamic_fields = false;
  bool local_address_v6 = false;  // --local-address-ip-version v6
  std::string admin_address_path;
  uint32_t file_flush_interval_ms = 10'000;
  uint32_t file_flush_min_size_kb = 64;
};

/// What the command line asks for: to run with options, or to end with a status (help, version, a mistake; already printed).
struct ParsedOptions {
  Options options;
  std::optional<int> exit_status;
};
ParsedOptions parse_options(int argc, char** argv);

/// "weir  version: <version>/<build>".
std::string version_text();

}  // namespace weir::main
