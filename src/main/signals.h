// Signals: delivered as ordinary events of a loop.
#pragma once

#include <functional>
#include <initializer_list>

#include "loop/event_loop.h"

namespace weir::main {

/// Blocks the signals for the process (make it before any thread starts) and calls `handler` on the loop's thread for each that
/// comes.
class Signals final : private loop::Source {
 public:
  Signals(loop::EventLoop& loop, std::initializer_list<int> signals, std::function<void(int)> handler);
  ~Signals();

 private:
  void on_ready(uint32_t) override;
  loop::EventLoop& loop_;
  std::function<void(int)> handler_;
  int fd_;
};

}  // namespace weir::main
