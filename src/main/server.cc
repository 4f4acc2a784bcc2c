#include "main/server.h"

#include <csignal>

#include "main/process.h"

namespace weir::main {

void Server::block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int run_server(const Options& options, const std::function<void()>& on_listening) {
  Server::block_signals();
  Process process(options);
  return process.run(on_listening);
}

}  // namespace weir::main
