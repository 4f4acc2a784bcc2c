// Weir's entry: a subcommand, or the proxy itself.
#include <iostream>
#include <string_view>

#include "main/check.h"
#include "main/check_routes.h"
#include "main/demo.h"
#include "main/echo.h"
#include "main/explain.h"
#include "main/features.h"
#include "main/options.h"
#include "main/server.h"
#include "net/tls/openssl_memory.h"

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "check") return weir::main::run_check(argc - 1, argv + 1);
  if (command == "check-routes") return weir::main::run_check_routes(argc - 1, argv + 1);
  if (command == "echo") return weir::main::run_echo(argc - 1, argv + 1);
  if (command == "demo") return weir::main::run_demo(argc - 1, argv + 1);
  if (command == "explain") return weir::main::run_explain(argc - 1, argv + 1);
  if (command == "features") return weir::main::run_features();

  const weir::main::ParsedOptions parsed = weir::main::parse_options(argc, argv);
  if (parsed.exit_status) return *parsed.exit_status;
  weir::net::keep_record_buffers();
  return weir::main::run_server(parsed.options);
}
