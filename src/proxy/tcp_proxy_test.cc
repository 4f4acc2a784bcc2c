// tcp_proxy over real sockets: the test is both the client and the backend; a worker in between runs on its own thread.
#include "proxy/tcp_proxy.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include "observe/access_log.h"
#include "observe/log_file.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

namespace weir::proxy {
namespace {

/// A blocking socket that gives up after some seconds.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const timeval limit{5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() { close(); }

  static Socket listening() {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    const net::Address any = *net::Address::from_ip("127.0.0.1", 0);
    EXPECT_EQ(bind(socket.fd_, any.get(), any.size()), 0);
    EXPECT_EQ(listen(socket.fd_, 16), 0);
    return socket;
  }
  static Socket connected(const net::Address& to) {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(connect(socket.fd_, to.get(), to.size()), 0);
    return socket;
  }
  Socket accept() { return Socket(::accept(fd_, nullptr, nullptr)); }
  net::AddressPtr address() const { return std::make_shared<const net::Address>(net::Address::local_of(fd_)); }

  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// How much goes out before the other side stops taking it.
  size_t send_until_stuck() {
    const std::string block(64 * 1024, 'x');
    size_t sent = 0;
    for (pollfd ready{fd_, POLLOUT, 0}; poll(&ready, 1, 300) == 1 && sent < (64u << 20);) {
      const ssize_t took = ::send(fd_, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (took > 0) sent += static_cast<size_t>(took);
    }
    return sent;
  }
  std::string receive(size_t size) {
    std::string text(size, '\0');
    text.resize(std::max<ssize_t>(recv(fd_, text.data(), size, MSG_WAITALL), 0));
    return text;
  }
  /// All until the other side says that no more comes; "…!" if it broke instead.
  std::string receive_all() {
    std::string text;
    char block[65536];
    ssize_t got;
    while ((got = recv(fd_, block, sizeof block, 0)) > 0) text.append(block, static_cast<size_t>(got));
    return got == 0 ? text : text + "!";
  }
  void say_end() { shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  int fd_;
};

class TcpProxyTest : public testing::Test {
 protected:
  TcpProxyTest() {
    upstream::LocalityEndpoints place;
    place.endpoints.push_back({.address = backend_.address()});
    cluster_.assignment.localities.push_back(place);
    cluster_.name = cluster_.stat_name = "c";
    proxy_.stat_prefix = "t";
    proxy_.clusters.push_back({"c", 0, 1});
    proxy_.stats = std::make_shared<stats::Sharded<TcpProxyStats>>(1);
    std::remove(log_path_.c_str());
    proxy_.access_logs.push_back(std::make_shared<observe::AccessLog>(
        observe::LogFilter{},
        format::FormatString(
            *format::Formatter::compile("%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n")),
        **logs_->open(log_path_)));
  }
  ~TcpProxyTest() override {
    worker_->stop();
    logs_.reset();
    std::remove(log_path_.c_str());
  }

  void start() {
    state_ = std::make_shared<upstream::ClusterState>(std::make_shared<const upstream::ClusterSpec>(cluster_), 1);
    state_->endpoints = upstream::make_endpoint_set(cluster_.assignment, 1, nullptr);
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->clusters.push_back(state_);
    auto listener = std::make_shared<ListenerSpec>();
    listener->name = "l";
    listener->addresses.push_back(std::make_shared<const net::Address>(*net::Address::from_ip("127.0.0.1", 0)));
    listener->chains.push_back({"", {}, std::make_shared<const TcpProxySpec>(proxy_)});
    listener->index = *FilterChainIndex::build({{}}, FilterChainIndex::kNone);
    listener->buffer_limit = 64 * 1024;
    auto sockets = ListenSockets::open(*listener, 1);
    ASSERT_TRUE(sockets) << sockets.error().message;
    address_ = (*sockets)->addresses()[0];
    worker_ = std::make_unique<Worker>(0, 1, identity_, *logs_, overload_, connections_);
    worker_->adopt(snapshot);
    worker_->listen(std::make_shared<ListenerState>(listener, *sockets, 1));
    worker_->start(10'000);
  }
  Socket connect() { return Socket::connected(*address_); }
  TcpProxyStats& stats() { return proxy_.stats->mine(0); }
  upstream::ClusterStats& cluster_stats() { return state_->stats.mine(0); }
  /// Waits until the worker has come so far.
  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
  }
  /// The access log; ends the worker.
  std::string log() {
    soon([&] { return connections_ == 0; });
    worker_->stop();
    logs_.reset();
    std::ifstream file(log_path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string log_path_ = testing::TempDir() + "tcp_proxy_test." + std::to_string(getpid()) + ".log";
  Socket backend_ = Socket::listening();
  upstream::ClusterSpec cluster_;
  TcpProxySpec proxy_;
  std::unique_ptr<observe::LogFiles> logs_ = std::make_unique<observe::LogFiles>(observe::LogFileOptions{});
  LocalIdentity identity_;
  std::atomic<int64_t> connections_ = 0;
  upstream::ClusterStatePtr state_;
  net::AddressPtr address_;
  Overload overload_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(TcpProxyTest, BytesGoBothWaysAndEachSideMayEndItsOwnFirst) {
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  client.send("hello");
  EXPECT_EQ(server.receive(5), "hello");
  client.say_end();
  EXPECT_EQ(server.receive_all(), "");
  server.send("still here");
  server.close();
  EXPECT_EQ(client.receive_all(), "still here");
  EXPECT_EQ(log(), "- 5 10 1\n");
  EXPECT_EQ(stats().downstream_cx_rx_bytes_total.value(), 5u);
  EXPECT_EQ(stats().downstream_cx_tx_bytes_total.value(), 10u);
  EXPECT_EQ(cluster_stats().upstream_rq_total.value(), 1u);
  EXPECT_EQ(cluster_stats().upstream_cx_active.value(), 0);
  EXPECT_EQ(cluster_stats().upstream_cx_destroy_remote.value(), 1u);
}

TEST_F(TcpProxyTest, AServerMaySpeakFirst) {
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  server.send("220 ready");
  EXPECT_EQ(client.receive(9), "220 ready");
}

TEST_F(TcpProxyTest, ASlowReaderStopsTheSenderInsteadOfFillingMemory) {
  cluster_.buffer_limit = 64 * 1024;
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  const size_t sent = client.send_until_stuck();
  EXPECT_LT(sent, 32u << 20) << "kernel buffers and ours, but no more";
  EXPECT_GE(stats().downstream_flow_control_paused_reading_total.value(), 1u);
  EXPECT_EQ(server.receive(sent).size(), sent);
  EXPECT_TRUE(soon([&] { return stats().downstream_flow_control_resumed_reading_total.value() >= 1; }));
  client.send("more");
  EXPECT_EQ(server.receive(4), "more");
}

TEST_F(TcpProxyTest, WhatTheServerSentBeforeItBrokeStillArrives) {
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  server.send("last words");
  EXPECT_EQ(client.receive(10), "last words");
  server.reset();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(log(), "- 0 10 1\n");
}

TEST_F(TcpProxyTest, AClientThatBreaksEndsTheUpstreamConnectionToo) {
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  client.send("x");
  EXPECT_EQ(server.receive(1), "x");
  client.reset();
  EXPECT_EQ(server.receive_all(), "");
  log();
  EXPECT_EQ(cluster_stats().upstream_cx_destroy_local.value(), 1u);
}

TEST_F(TcpProxyTest, ARefusedConnectionIsTriedAsOftenAsAllowed) {
  backend_.close();
  proxy_.max_connect_attempts = 3;
  start();
  Socket client = connect();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(log(), "UF,URX 0 0 3\n");
  EXPECT_EQ(cluster_stats().upstream_cx_connect_fail.value(), 3u);
  EXPECT_EQ(cluster_stats().upstream_rq_pending_failure_eject.value(), 3u);
  EXPECT_EQ(cluster_stats().upstream_cx_connect_attempts_exceeded.value(), 1u);
  EXPECT_EQ(cluster_stats().upstream_rq_pending_active.value(), 0);
}

TEST_F(TcpProxyTest, WithoutAnEndpointTheConnectionCloses) {
  cluster_.assignment = {};
  start();
  Socket client = connect();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(log(), "UH 0 0 0\n");
  EXPECT_EQ(cluster_stats().upstream_cx_none_healthy.value(), 1u);
}

TEST_F(TcpProxyTest, AnUnknownClusterIsNoRoute) {
  proxy_.clusters[0].id = 7;
  start();
  Socket client = connect();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(log(), "NC 0 0 0\n");
  EXPECT_EQ(stats().downstream_cx_no_route.value(), 1u);
}

TEST_F(TcpProxyTest, TheCircuitBreakerRefusesConnectionsOverItsLimit) {
  cluster_.thresholds[0].max_connections = 1;
  start();
  Socket first = connect();
  Socket server = backend_.accept();
  Socket second = connect();
  EXPECT_EQ(second.receive_all(), "");
  EXPECT_EQ(cluster_stats().upstream_cx_overflow.value(), 1u);
  first.close();
  server.close();
  EXPECT_EQ(log(), "UO 0 0 0\n- 0 0 1\n");
}

TEST_F(TcpProxyTest, SilenceEndsAConnectionAfterItsIdleTimeout) {
  proxy_.idle_timeout_ms = 50;
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(server.receive_all(), "");
  EXPECT_EQ(stats().idle_timeout.value(), 1u);
}

TEST_F(TcpProxyTest, NoConnectionLastsLongerThanItMay) {
  proxy_.max_connection_duration_ms = 50;
  start();
  Socket client = connect();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(log(), "DT 0 0 1\n");
}

TEST_F(TcpProxyTest, ConnectionsAreSharedOutByWeight) {
  proxy_.clusters.insert(proxy_.clusters.begin(), {"unknown", 9, 0});
  proxy_.clusters[1].weight = 2;
  proxy_.total_weight = 2;
  start();
  for (int i = 0; i < 5; ++i) {
    Socket client = connect();
    Socket server = backend_.accept();
    server.send("y");
    EXPECT_EQ(client.receive(1), "y");
  }
  EXPECT_EQ(stats().downstream_cx_no_route.value(), 0u);
}

TEST_F(TcpProxyTest, OpenConnectionsEndWithTheWorker) {
  start();
  Socket client = connect();
  Socket server = backend_.accept();
  client.send("x");
  EXPECT_EQ(server.receive(1), "x");
  worker_->stop();
  EXPECT_EQ(client.receive_all(), "");
  EXPECT_EQ(connections_, 0);
}

}  // namespace
}  // namespace weir::proxy
