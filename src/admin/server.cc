#include "admin/server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "admin/connection.h"
#include "net/tcp_stream.h"
#include "proxy/http_stat_tables.h"

namespace weir::admin {

Server::Server(loop::EventLoop& loop, Site site) : loop_(loop), site_(site) {
  stats_.http.mine(0);
  registrations_[0] = site_.stats.add("http.admin.", [this](stats::StatVisitor& visitor) { proxy::visit(visitor, stats_.http); });
  registrations_[1] = site_.stats.add("listener.admin.", [this](stats::StatVisitor& visitor) {
    proxy::visit(visitor, stats_.listener);
    const auto main_thread = visitor.scope("main_thread.");
    proxy::visit_worker(visitor, stats_.listener.mine(0));
  });
  registrations_[2] = site_.stats.add("listener.admin.http.admin.",
                                      [this](stats::StatVisitor& visitor) { proxy::visit(visitor, stats_.listener_http); });
  registrations_[3] =
      site_.stats.add("http1.", [this](stats::StatVisitor& visitor) { proxy::visit_http1(visitor, stats_.http); });
  registrations_[4] =
      site_.stats.add("http2.", [this](stats::StatVisitor& visitor) { proxy::visit_http2(visitor, stats_.http); });
}

Server::~Server() {
  while (!connections_.empty()) delete &connections_.pop_front();
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

Result<> Server::listen(const net::Address& address) {
  const auto refused = [&](const char* what) {
    return failure(std::string("cannot ") + what + " the admin address " + address.text() + ": " + strerror(errno));
  };
  fd_ = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return refused("open a socket for");
  const int on = 1;
  setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_UNIX && !address.text().starts_with('@')) ::unlink(address.text().c_str());
  if (bind(fd_, address.get(), address.size()) != 0) return refused("bind");
  if (::listen(fd_, SOMAXCONN) != 0) return refused("listen on");
  address_ = std::make_shared<const net::Address>(net::Address::local_of(fd_));
  loop_.watch(fd_, *this, EPOLLIN | EPOLLET);
  return {};
}

void Server::on_ready(uint32_t) {
  for (uint64_t accepted = 0;; ++accepted) {
    sockaddr_storage remote{};
    socklen_t size = sizeof remote;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&remote), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) site_.log.warning("admin", "cannot accept a connection: {}", strerror(errno));
      if (accepted != 0) stats_.listener.mine(0).connections_accepted_per_socket_event.record(accepted);
      return;
    }
    accept_one(fd, std::make_shared<const net::Address>(net::Address::from_sockaddr(remote, size)));
  }
}

void Server::accept_one(int fd, net::AddressPtr remote) {
  if (open_ >= kMaxConnections) {
    stats_.listener.mine(0).downstream_cx_overflow.add();
    ::close(fd);
    return;
  }
  const int on = 1;
  if (remote->is_ip()) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++open_;
  connections_.push_back(*new Connection(*this, std::make_unique<net::TcpStream>(loop_, fd, address_, std::move(remote))));
}

void Server::forget(Connection& connection) {
  --open_;
  connection.ListNode<Connection>::unlink();
  loop_.dispose(std::unique_ptr<loop::Disposable>(&connection));
}

}  // namespace weir::admin
