// weir check-routes: tests of a route configuration, in the format of Envoy's router check tool.
#pragma once

namespace weir::main {

/// The command line `weir check-routes -c ROUTES -t TESTS`; returns the exit status: 1 if a test fails, if fewer routes are
/// covered than asked for, or if a file cannot be read.
int run_check_routes(int argc, char** argv);

}  // namespace weir::main
