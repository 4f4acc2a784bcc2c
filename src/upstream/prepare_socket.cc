#include "upstream/prepare_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace weir::upstream {

void prepare_socket(int fd, const ClusterSpec& spec, stats::Counter& bind_errors) {
  if (spec.keepalive.enabled) {
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    auto set = [fd](int name, uint32_t value) {
      if (value != 0) setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
    };
    set(TCP_KEEPCNT, spec.keepalive.probes);
    set(TCP_KEEPIDLE, spec.keepalive.time_s);
    set(TCP_KEEPINTVL, spec.keepalive.interval_s);
  }
  for (const SocketOption& option : spec.socket_options) {
    setsockopt(fd, option.level, option.name, option.value.data(), static_cast<socklen_t>(option.value.size()));
  }
  if (spec.bind_source != nullptr && bind(fd, spec.bind_source->get(), spec.bind_source->size()) != 0) bind_errors.add();
}

}  // namespace weir::upstream
