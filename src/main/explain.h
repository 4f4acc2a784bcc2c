// weir explain: what would become of one request, and why.
#pragma once

namespace weir::main {

/// The command line `weir explain -c BOOTSTRAP 'GET http://host/path'`; returns the exit status: 0 if the request can be told
/// about, whatever becomes of it, else 1.
int run_explain(int argc, char** argv);

}  // namespace weir::main
