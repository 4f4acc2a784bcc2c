#include "main/signals.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace weir::main {

Signals::Signals(loop::EventLoop& loop, std::initializer_list<int> signals, std::function<void(int)> handler)
    : loop_(loop), handler_(std::move(handler)) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0);
  loop_.watch(fd_, *this, EPOLLIN);
}

Signals::~Signals() {
  loop_.unwatch(fd_, *this);
  close(fd_);
}

void Signals::on_ready(uint32_t) {
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof info) == sizeof info) handler_(static_cast<int>(info.ssi_signo));
}

}  // namespace weir::main
