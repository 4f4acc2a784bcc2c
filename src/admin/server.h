// The admin server: an HTTP server on the main thread's loop that answers with the pages of the catalogue.
#pragma once

#include <memory>
#include <string>

#include "admin/catalog.h"
#include "base/list.h"
#include "http/codec.h"
#include "loop/event_loop.h"
#include "net/address.h"
#include "proxy/http_stats.h"

namespace weir::admin {

class Connection;

/// What the server counts: http.admin.* and listener.admin.*.
struct ServerStats {
  ServerStats() : http(1), listener(1), listener_http(1) {}
  stats::Sharded<proxy::HttpStats> http;
  stats::Sharded<proxy::ListenerStats> listener;
  stats::Sharded<proxy::ListenerHttpStats> listener_http;
};

class Server final : private loop::Source {
 public:
  /// What `site` refers to must live longer.
  Server(loop::EventLoop& loop, Site site);
  ~Server();

  /// Binds and listens. Once.
  Result<> listen(const net::Address& address);
  /// Where it listens (with the port that the kernel chose for port 0).
  const net::Address& address() const { return *address_; }

 private:
  friend class Connection;
  static constexpr size_t kMaxConnections = 4096;

  void on_ready(uint32_t epoll_events) override;
  void accept_one(int fd, net::AddressPtr remote);
  void forget(Connection& connection);

  loop::EventLoop& loop_;
  Site site_;
  ServerStats stats_;
  stats::Registry::Registration registrations_[5];
  const http::Http1Options http1_;
  const http::Http2Options http2_;
  const http::CodecLimits limits_;
  net::AddressPtr address_;
  int fd_ = -1;
  size_t open_ = 0;
  List<Connection> connections_;
};

}  // namespace weir::admin
