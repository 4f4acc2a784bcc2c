#include "main/options.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "base/text.h"
#include "main/version.h"

namespace weir::main {

namespace {

constexpr const char* kCommands =
    "Other commands (weir COMMAND --help):\n"
    "  check         everything that is wrong or doubtful in configuration files\n"
    "  explain       what would become of a request, and why\n"
    "  check-routes  tests a route configuration, with Envoy's test files\n"
    "  features      lists the extensions and fields that are implemented\n"
    "  echo          an HTTP server that answers with what it was asked\n"
    "  demo          Weir in front of two echo upstreams, to try it out";

CLI::Validator one_of(std::vector<std::string> words) { return CLI::IsMember(std::move(words)); }

/// "\n" in a log format becomes a line break, "\\" a backslash.
std::string unescape(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      result += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'n':
        result += '\n';
        break;
      case 't':
        result += '\t';
        break;
      default:
        result += text[i];
        break;
    }
  }
  return result;
}

}  // namespace

std::string version_text() { return std::string("weir  version: ") + kVersion + "/" + kBuildType; }

ParsedOptions parse_options(int argc, char** argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("Weir: a service-mesh data-plane proxy that reads Envoy's configuration", "weir");
  app.footer(kCommands);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);

  // What to run.
  app.add_option("-c,--config-path", options.config_path, "The bootstrap: .yaml, .json, .pb or .pb_text");
  app.add_option("--config-yaml", options.config_yaml, "A bootstrap as YAML text, merged over the file");
  std::string mode = "serve";
  app.add_option("--mode", mode, "serve, validate (check the configuration and exit) or init_only")
      ->check(one_of({"serve", "validate", "init_only"}));
  uint32_t concurrency = 0;
  CLI::Option* concurrency_option =
      app.add_option("--concurrency", concurrency, "Worker threads (0: one; default: one a processor)");
  app.add_flag("--cpuset-threads", options.cpuset_threads, "Count the processors of the cpuset only");

  // What it says.
  app.add_option("-l,--log-level", options.log_level, "trace, debug, info, warning, error, critical or off");
  app.add_option("--component-log-level", options.component_log_level,
                 "Levels for single components: upstream:debug,config:trace");
  CLI::Option* log_format = app.add_option("--log-format", options.log_format, "Log lines in spdlog's pattern language");
  app.add_flag("--log-format-escaped", options.log_format_escaped, "Escape line breaks inside log messages");
  app.add_option("--log-path", options.log_path, "Log to this file instead of stderr");
  app.add_flag("--skip-deprecated-logs", options.skip_deprecated_logs, "No warnings about deprecated fields");

  // Who it is.
  app.add_option("--service-cluster", options.service_cluster, "node.cluster, unless the bootstrap says it");
  app.add_option("--service-node", options.service_node, "node.id, unless the bootstrap says it");
  app.add_option("--service-zone", options.service_zone, "node.locality.zone, unless the bootstrap says it");
  app.add_option("--stats-tag", options.stats_tags, "A tag (name:value) for every statistic; may be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  // How it ends.
  app.add_option("--drain-time-s", options.drain_time_s, "Seconds that draining connections may take");
  std::string drain_strategy = "gradual";
  app.add_option(
         "--drain-strategy", drain_strategy,
         "immediate, or gradual: the connections of a drained listener are told little by little until the drain time is over")
      ->check(one_of({"gradual", "immediate"}));
  app.add_option("--parent-shutdown-time-s", options.parent_shutdown_time_s,
                 "Accepted for compatibility; there is no hot restart");
  app.add_flag("--disable-hot-restart", options.disable_hot_restart, "Accepted for compatibility; there is no hot restart");
  app.add_option("--base-id", options.base_id, "Accepted for compatibility; there is no hot restart");
  app.add_flag("--use-dynamic-base-id", options.use_dynamic_base_id, "Accepted for compatibility; there is no hot restart");
  app.add_option("--base-id-path", options.base_id_path, "Write the base id to this file");
  app.add_option("--restart-epoch", options.restart_epoch, "Only 0: there is no hot restart");

  // How strict it is.
  app.add_flag("--allow-unknown-static-fields,--allow-unknown-fields", options.allow_unknown_static_fields,
               "Warn of unknown fields in the bootstrap instead of refusing it");
  app.add_flag("--reject-unknown-dynamic-fields", options.reject_unknown_dynamic_fields,
               "Refuse unknown fields in dynamic resources");
  app.add_flag("--ignore-unknown-dynamic-fields", options.ignore_unknown_dynamic_fields,
               "No warning of unknown fields in them either");

  // Where things are.
  std::string ip_version = "v4";
  app.add_option("--local-address-ip-version", ip_version, "v4 or v6: which of the machine's addresses stands for it")
      ->check(one_of({"v4", "v6"}));
  app.add_option("--admin-address-path", options.admin_address_path, "Write the admin address to this file");
  app.add_option("--file-flush-interval-msec", options.file_flush_interval_ms, "How often access logs are written");
  app.add_option("--file-flush-min-size-kb", options.file_flush_min_size_kb,
                 "Access logs are written earlier if they reach this size");
  bool show_version = false, hot_restart_version = false;
  app.add_flag("--version", show_version, "Print the version");
  app.add_flag("--hot-restart-version", hot_restart_version, "Prints that there is none");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    parsed.exit_status = status == 0 ? 0 : 1;
    return parsed;
  }
  if (show_version) {
    std::cout << version_text() << "\n";
    parsed.exit_status = 0;
  } else if (hot_restart_version) {
    std::cout << "disabled\n";
    parsed.exit_status = 0;
  } else if (options.restart_epoch != 0) {
    std::cerr << "--restart-epoch " << options.restart_epoch << ": Weir has no hot restart; start it with epoch 0\n";
    parsed.exit_status = 1;
  }
  options.mode = mode == "validate" ? Mode::kValidate : mode == "init_only" ? Mode::kInitOnly : Mode::kServe;
  if (concurrency_option->count() != 0) options.concurrency = std::max<uint32_t>(concurrency, 1);
  options.drain_immediately = drain_strategy == "immediate";
  options.local_address_v6 = ip_version == "v6";
  options.log_format_given = log_format->count() != 0;
  if (options.log_format_given) options.log_format = unescape(options.log_format);
  return parsed;
}

}  // namespace weir::main
