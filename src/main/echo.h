// weir echo: an HTTP/1.1 and HTTP/2 server that answers with what it was asked. The demo's upstreams are two of these.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/event_loop.h"

namespace weir::main {

class EchoServer {
 public:
  /// `version` is shown in every answer. Port 0 takes a free one.
  static Result<std::unique_ptr<EchoServer>> open(loop::EventLoop& loop, uint16_t port, std::string version);
  virtual ~EchoServer() = default;
  virtual uint16_t port() const = 0;
};

/// The command line `weir echo …`; returns the exit status.
int run_echo(int argc, char** argv);

}  // namespace weir::main
