// Server: the process: reads the bootstrap, opens the listeners, runs the workers, and ends in good order.
#pragma once

#include <functional>
#include <memory>

#include "main/options.h"

namespace weir::main {

class Server {
 public:
  /// Signals that the server handles are blocked for the calling thread and those it starts; call it before starting any.
  static void block_signals();
};

/// Runs until a signal or the admin ends it; returns the exit status. `on_listening` is called once everything listens.
int run_server(const Options& options, const std::function<void()>& on_listening = {});

}  // namespace weir::main
