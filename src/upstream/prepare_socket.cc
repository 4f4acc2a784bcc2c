#include "upstream/prepare_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace weir::upstream {

namespace {

/// Lets the socket have an address that is another machine's, and its port only when it is known where it goes.
bool allow_any_source(int fd, const net::Address& source, uint32_t mark) {
  const int one = 1;
  const bool v6 = source.family() == AF_INET6;
  const int transparent = v6 ? setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &one, sizeof one)
                             : setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof one);
  if (transparent != 0) return false;
  setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  return mark == 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
}

bool keep_alive(int fd, const TcpKeepalive& keepalive) {
  const int one = 1;
  const auto set = [fd](int name, uint32_t value) {
    return value == 0 || setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value) == 0;
  };
  return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) == 0 && set(TCP_KEEPCNT, keepalive.probes) &&
         set(TCP_KEEPIDLE, keepalive.time_s) && set(TCP_KEEPINTVL, keepalive.interval_s);
}

}  // namespace

std::optional<std::string> prepare_socket(int fd, const ClusterSpec& spec, const net::AddressPtr& source, uint32_t mark,
                                          stats::Counter& bind_errors) {
  if (spec.keepalive.enabled && !keep_alive(fd, spec.keepalive)) return "";
  for (const SocketOption& option : spec.socket_options) {
    const auto size = static_cast<socklen_t>(option.value.size());
    if (setsockopt(fd, option.level, option.name, option.value.data(), size) != 0) return "";
  }
  if (source != nullptr && !allow_any_source(fd, *source, mark)) return "";
  const net::AddressPtr& from = source != nullptr ? source : spec.bind_source;
  if (from == nullptr || bind(fd, from->get(), from->size()) == 0) return std::nullopt;
  bind_errors.add();
  return "failed to bind to " + from->text() + ": " + std::strerror(errno);
}

}  // namespace weir::upstream
