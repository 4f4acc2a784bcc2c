// Lint: what is legal in a configuration and yet probably not meant: dangerous, or without any effect.
#pragma once

#include "config/diagnostic.h"
#include "main/dry_run.h"

namespace weir::main {

/// Adds warnings, each with its place.
void lint(const DryRun& configuration, config::Diagnostics& diagnostics);

}  // namespace weir::main
