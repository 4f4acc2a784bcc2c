// weir features: what of Envoy's API is implemented, told by the code that implements it.
#pragma once

#include "config/support.h"

namespace weir::main {

/// Everything that is implemented, gathered from those who read configuration. The visible list.
void declare_all(config::SupportTable& table);

/// The command line `weir features`; returns the exit status.
int run_features();

}  // namespace weir::main
