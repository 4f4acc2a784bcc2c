// weir demo: Weir in front of two echo upstreams, v1 and v2, with routing by header and a 95/5 canary split.
#pragma once

#include <cstdint>
#include <string>

namespace weir::main {

/// The demo's bootstrap (YAML), for the given ports.
std::string demo_bootstrap(uint16_t port, uint16_t admin_port, uint16_t v1_port, uint16_t v2_port);

/// The command line `weir demo …`; returns the exit status.
int run_demo(int argc, char** argv);

}  // namespace weir::main
