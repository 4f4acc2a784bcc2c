// weir check: everything that is wrong or doubtful in configuration files, at once, for people, editors and CI.
#pragma once

namespace weir::main {

/// The command line `weir check FILE…`; returns the exit status: 0, or 1 if there are errors.
int run_check(int argc, char** argv);

}  // namespace weir::main
