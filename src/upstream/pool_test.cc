// How requests come by their connections: over real sockets, with an HTTP/1 server that the test plays by hand.
#include "upstream/pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

/// One request: waits, sends a GET, and hears what comes.
struct Request final : PoolWaiter, http::StreamEvents {
  void on_pool_ready(ClientConnection& with) override {
    connection = &with;
    connection_id = with.id();
    ++served;
    stream = &with.open_stream(*this);
    http::HeaderMap request(arena);
    request.set_pseudo(http::HeaderId::kMethod, "GET");
    request.set_pseudo(http::HeaderId::kPath, "/");
    request.set_pseudo(http::HeaderId::kAuthority, "a");
    stream->send_headers(request, true);
  }
  void on_pool_failure(const PoolFailure& failure) override {
    ++failed;
    reason = failure.reason;
    text = failure.transport_reason;
    if (when_failed) when_failed();
  }
  http::HeaderMap& incoming_headers() override { return headers; }
  http::HeaderMap& incoming_trailers() override { return trailers; }
  void on_headers(bool end) override { done = end; }
  void on_body(std::string_view, bool end) override { done = end; }
  void on_trailers() override { done = true; }
  void on_reset(http::Reset why, std::string_view) override {
    was_reset = true;
    reason = why;
  }

  Arena arena;
  http::HeaderMap headers{arena}, trailers{arena};
  http::Stream* stream = nullptr;
  ClientConnection* connection = nullptr;
  uint64_t connection_id = 0;
  int served = 0, failed = 0;
  bool done = false, was_reset = false;
  http::Reset reason{};
  std::string text;
  std::function<void()> when_failed;
};

class Pools : public testing::Test {
 protected:
  Pools() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const net::Address any = *net::Address::from_ip("127.0.0.1", 0);
    EXPECT_EQ(bind(listener_, any.get(), any.size()), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    address_ = std::make_shared<const net::Address>(net::Address::local_of(listener_));
  }
  ~Pools() override {
    pool_.reset();
    loop_.turn(0);
    for (const int fd : accepted_) close(fd);
    if (listener_ >= 0) close(listener_);
    // Whatever happened: what was held is given back, what was active has ended.
    if (cluster_ == nullptr) return;
    for (CircuitBreakers* breakers : {&cluster_->breakers[0], &cluster_->breakers[1]}) {
      EXPECT_EQ(breakers->connections.used(), 0);
      EXPECT_EQ(breakers->pending_requests.used(), 0);
    }
    EXPECT_EQ(stats().upstream_cx_active.value(), 0);
    EXPECT_EQ(stats().upstream_rq_pending_active.value(), 0);
    EXPECT_EQ(stats().upstream_cx_total.value(), stats().upstream_cx_destroy.value());
  }

  Pool& pool() {
    if (pool_ == nullptr) {
      cluster_ = std::make_unique<ClusterState>(spec_, 1);
      endpoint_ = std::make_shared<const Endpoint>(1, address_);
      pool_ = std::make_unique<Pool>(PoolContext{loop_, *cluster_, cluster_->stats.mine(0), 0, next_id_}, endpoint_,
                                     http::Protocol::kHttp11, Priority::kDefault, plain_);
    }
    return *pool_;
  }
  ClusterStats& stats() { return cluster_->stats.mine(0); }

  /// Asks for a connection; false if a limit forbade it.
  bool ask(Request& request) {
    bool overflow = false;
    if (ClientConnection* ready = pool().acquire(request, overflow)) request.on_pool_ready(*ready);
    return !overflow;
  }
  void turns_until(const std::function<bool()>& done) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (!done() && monotonic_now() < deadline) turn();
    ASSERT_TRUE(done());
  }
  void turn() {
    loop_.turn(5);
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) accepted_.push_back(fd);
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) turn();
  }
  static constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
  /// The server answers whatever requests have come.
  void answer(std::string_view response = kOk) {
    for (const int fd : accepted_) answer_on(fd, response);
  }
  void answer_on(int fd, std::string_view response = kOk) {
    char buffer[4096];
    if (recv(fd, buffer, sizeof buffer, 0) <= 0) return;
    EXPECT_EQ(send(fd, response.data(), response.size(), MSG_NOSIGNAL), static_cast<ssize_t>(response.size()));
  }
  void answered(Request& request) {
    turns_until([&] {
      answer();
      return request.done;
    });
  }
  void nobody_listens() { close(std::exchange(listener_, -1)); }

  loop::EventLoop loop_{1};
  std::shared_ptr<ClusterSpec> spec_ = std::make_shared<ClusterSpec>();
  std::unique_ptr<ClusterState> cluster_;
  EndpointPtr endpoint_;
  const Transport plain_;
  std::unique_ptr<Pool> pool_;
  uint64_t next_id_ = 1;
  int listener_ = -1;
  net::AddressPtr address_;
  std::vector<int> accepted_;
};

TEST_F(Pools, ARequestWaitsForItsConnectionAndIsCountedWhileItDoes) {
  Request request;
  ASSERT_TRUE(ask(request));
  EXPECT_EQ(request.served, 0);
  EXPECT_EQ(stats().upstream_rq_pending_active.value(), 1);
  EXPECT_EQ(cluster_->breakers[0].pending_requests.used(), 1);
  answered(request);
  EXPECT_EQ(request.served, 1);
  EXPECT_EQ(stats().upstream_rq_pending_active.value(), 0);
  EXPECT_EQ(stats().upstream_rq_pending_total.value(), 1u);
  EXPECT_EQ(stats().upstream_cx_total.value(), 1u);
}

TEST_F(Pools, AConnectionThatIsFreeServesTheNextRequestAtOnce) {
  Request first, second;
  ask(first);
  answered(first);
  ask(second);
  EXPECT_EQ(second.served, 1);
  EXPECT_EQ(second.connection_id, first.connection_id);
  answered(second);
  EXPECT_EQ(stats().upstream_cx_total.value(), 1u);
  EXPECT_EQ(stats().upstream_rq_pending_total.value(), 1u) << "the second did not wait";
}

TEST_F(Pools, RequestsAtTheSameTimeGetConnectionsOfTheirOwn) {
  Request requests[3];
  for (Request& request : requests) ask(request);
  for (Request& request : requests) answered(request);
  EXPECT_EQ(stats().upstream_cx_total.value(), 3u);
  EXPECT_NE(requests[0].connection_id, requests[1].connection_id);
}

TEST_F(Pools, TheConnectionUsedLastIsUsedAgainFirst) {
  Request first, second, third;
  ask(first);
  ask(second);
  turns_until([&] { return first.served == 1 && second.served == 1 && accepted_.size() == 2; });
  answer_on(accepted_[1]);
  turns_until([&] { return first.done || second.done; });
  const uint64_t last = first.done ? second.connection_id : first.connection_id;
  answer_on(accepted_[0]);
  turns_until([&] { return first.done && second.done; });
  ask(third);
  EXPECT_EQ(third.connection_id, last);
  answered(third);
}

TEST_F(Pools, BeyondTheLimitOfConnectionsRequestsWaitForOneToBecomeFree) {
  spec_->thresholds[0].max_connections = 1;
  Request first, second;
  ask(first);
  ask(second);
  turns_until([&] { return first.served == 1; });
  turns(3);
  EXPECT_EQ(second.served, 0);
  EXPECT_GE(stats().upstream_cx_overflow.value(), 1u);
  answered(first);
  answered(second);
  EXPECT_EQ(second.connection_id, first.connection_id);
  EXPECT_EQ(stats().upstream_cx_total.value(), 1u);
}

TEST_F(Pools, BeyondTheLimitOfWaitingRequestsOneIsTurnedAway) {
  spec_->thresholds[0].max_pending_requests = 1;
  Request first, second;
  EXPECT_TRUE(ask(first));
  EXPECT_FALSE(ask(second));
  EXPECT_EQ(stats().upstream_rq_pending_overflow.value(), 1u);
  EXPECT_FALSE(second.linked());
  answered(first);
}

TEST_F(Pools, BeyondTheLimitOfRequestsAFreeConnectionIsNotGiven) {
  Request first, second;
  spec_->thresholds[0].max_requests = 1;
  ask(first);
  answered(first);
  Budget::Lease held = cluster_->breakers[0].requests.take();
  EXPECT_FALSE(ask(second));
  EXPECT_EQ(stats().upstream_rq_pending_overflow.value(), 1u);
  held.give_back();
  EXPECT_TRUE(ask(second));
  answered(second);
}

TEST_F(Pools, ARequestThatWaitedIsTurnedAwayIfTheLimitOfRequestsIsReachedMeanwhile) {
  Request request;
  spec_->thresholds[0].max_requests = 1;
  ask(request);
  Budget::Lease held = cluster_->breakers[0].requests.take();  // by a request to another endpoint of the cluster
  turns_until([&] { return request.served + request.failed > 0; });
  EXPECT_EQ(request.failed, 1);
  EXPECT_EQ(request.reason, http::Reset::kOverflow);
  EXPECT_EQ(stats().upstream_rq_pending_overflow.value(), 1u);
}

TEST_F(Pools, AConnectionThatFailsFailsAllWhoWaitedForOne) {
  nobody_listens();
  Request requests[3];
  for (Request& request : requests) ask(request);
  EXPECT_EQ(requests[0].failed, 0) << "not from inside acquire()";
  turns_until([&] { return requests[2].failed == 1; });
  for (Request& request : requests) {
    EXPECT_EQ(request.failed, 1);
    EXPECT_EQ(request.reason, http::Reset::kConnectFailure);
    EXPECT_EQ(request.text, "delayed connect error: Connection refused");
  }
  turns_until([&] { return pool().empty(); });
  EXPECT_EQ(stats().upstream_cx_connect_fail.value(), 3u);
  EXPECT_EQ(stats().upstream_rq_pending_failure_eject.value(), 3u);
}

TEST_F(Pools, ARequestMayGiveUpAnotherWhileItHearsOfTheFailure) {
  nobody_listens();
  Request first, second, third;
  for (Request* request : {&first, &second, &third}) ask(*request);
  first.when_failed = [&] { pool().withdraw(second); };
  turns_until([&] { return third.failed == 1; });
  EXPECT_EQ(second.failed, 0);
  turns_until([&] { return pool().empty(); });
  EXPECT_EQ(stats().upstream_cx_total.value(), 3u) << "nobody waits, so no further connection is opened";
}

TEST_F(Pools, ARequestMayAskAnewWhileItHearsOfTheFailure) {
  nobody_listens();
  Request first, second;
  first.when_failed = [&] { ask(second); };
  ask(first);
  turns_until([&] { return second.failed == 1; });
  turns_until([&] { return pool().empty(); });
  EXPECT_EQ(stats().upstream_cx_total.value(), 2u);
}

TEST_F(Pools, AConnectionThatTakesTooLongIsATimeout) {
  // A listener whose queue is full leaves further connections unanswered.
  ASSERT_EQ(listen(listener_, 0), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 3; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    (void)connect(fillers.back(), address_->get(), address_->size());
  }
  usleep(10'000);
  spec_->connect_timeout_ms = 50;
  Request request;
  ask(request);
  for (int i = 0; i < 400 && request.failed == 0; ++i) loop_.turn(5);
  EXPECT_EQ(request.failed, 1);
  EXPECT_EQ(request.reason, http::Reset::kConnectTimeout);
  EXPECT_EQ(stats().upstream_cx_connect_timeout.value(), 1u);
  for (const int fd : fillers) close(fd);
}

TEST_F(Pools, AWithdrawnRequestIsNotServedAndItsConnectionWaitsForTheNext) {
  Request first, second;
  ask(first);
  pool().withdraw(first);
  EXPECT_EQ(stats().upstream_rq_cancelled.value(), 1u);
  turns_until([&] { return stats().upstream_cx_connect_ms.used(); });
  EXPECT_EQ(first.served, 0);
  ask(second);
  EXPECT_EQ(second.served, 1);
  answered(second);
  EXPECT_EQ(stats().upstream_cx_total.value(), 1u);
}

TEST_F(Pools, AnIdleConnectionIsClosedAtItsTimeout) {
  spec_->idle_timeout_ms = 40;
  Request request;
  ask(request);
  answered(request);
  const MonotonicNs idle_since = loop_.now();
  turns_until([&] { return pool().empty(); });
  EXPECT_GE(loop_.now() - idle_since, 40 * kNsPerMs);
  EXPECT_EQ(stats().upstream_cx_idle_timeout.value(), 1u);
  EXPECT_EQ(stats().upstream_cx_destroy_local.value(), 1u);
}

TEST_F(Pools, ABusyConnectionIsNotIdleHoweverLongItsAnswerTakes) {
  spec_->idle_timeout_ms = 20;
  Request request;
  ask(request);
  turns_until([&] { return request.served == 1; });
  turns(20);
  EXPECT_EQ(stats().upstream_cx_idle_timeout.value(), 0u);
  answered(request);
  EXPECT_FALSE(request.was_reset);
}

TEST_F(Pools, AConnectionEndsAfterItsLastAllowedRequest) {
  spec_->max_requests_per_connection = 2;
  Request requests[3];
  for (Request& request : requests) {
    ask(request);
    answered(request);
    turns(2);
  }
  EXPECT_EQ(requests[0].connection_id, requests[1].connection_id);
  EXPECT_NE(requests[1].connection_id, requests[2].connection_id);
  EXPECT_EQ(stats().upstream_cx_max_requests.value(), 1u);
  EXPECT_EQ(stats().upstream_cx_total.value(), 2u);
}

TEST_F(Pools, AServerThatSaysCloseIsNotAskedAgainOnThatConnection) {
  Request first, second;
  ask(first);
  turns_until([&] {
    answer("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    return first.done;
  });
  ask(second);
  EXPECT_EQ(second.served, 0);
  answered(second);
  EXPECT_NE(first.connection_id, second.connection_id);
}

TEST_F(Pools, AServerThatHangsUpResetsTheRequestUnderWay) {
  Request request;
  ask(request);
  turns_until([&] { return request.served == 1 && !accepted_.empty(); });
  close(accepted_.back());
  accepted_.pop_back();
  turns_until([&] { return request.was_reset; });
  EXPECT_EQ(request.reason, http::Reset::kConnectionTermination);
  turns_until([&] { return pool().empty(); });
  EXPECT_EQ(stats().upstream_cx_destroy_remote_with_active_rq.value(), 1u);
}

TEST_F(Pools, AResponseThatLastsUntilTheEndOfItsConnectionIsNotCutOffByIt) {
  Request request;
  ask(request);
  turns_until([&] { return request.served == 1 && !accepted_.empty(); });
  turns(2);
  answer("HTTP/1.1 200 OK\r\n\r\nbody");
  close(accepted_.back());
  accepted_.pop_back();
  turns_until([&] { return request.done && pool().empty(); });
  EXPECT_FALSE(request.was_reset);
  EXPECT_EQ(stats().upstream_cx_destroy_remote.value(), 1u);
  EXPECT_EQ(stats().upstream_cx_destroy_with_active_rq.value(), 0u);
}

TEST_F(Pools, AConnectionLivesNoLongerThanItMay) {
  spec_->max_connection_duration_ms = 30;
  Request request;
  ask(request);
  answered(request);
  turns_until([&] { return pool().empty(); });
  EXPECT_EQ(stats().upstream_cx_max_duration_reached.value(), 1u);
}

TEST_F(Pools, DrainingClosesIdleConnectionsAndLetsBusyOnesFinish) {
  Request idle, busy;
  ask(busy);
  ask(idle);
  turns_until([&] { return busy.served == 1 && idle.served == 1 && accepted_.size() == 2; });
  answer_on(accepted_[1]);
  turns_until([&] { return idle.done || busy.done; });
  Request& other = idle.done ? busy : idle;
  pool().drain();
  turns(3);
  EXPECT_EQ(stats().upstream_cx_active.value(), 1);
  EXPECT_FALSE(other.was_reset);
  answered(other);
  turns_until([&] { return pool().empty(); });
  EXPECT_FALSE(other.was_reset);
}

TEST_F(Pools, ARequestThatWaitsWhenItsPoolDrainsIsStillServed) {
  Request request;
  ask(request);
  pool().drain();
  answered(request);
  turns_until([&] { return pool().empty(); });
}

TEST_F(Pools, APoolThatEndsFailsThoseWhoWaitAndResetsThoseUnderWay) {
  Request waiting, busy;
  ask(busy);
  turns_until([&] { return busy.served == 1; });
  ask(waiting);
  pool_.reset();
  EXPECT_EQ(waiting.failed, 1);
  EXPECT_TRUE(busy.was_reset);
}

}  // namespace
}  // namespace weir::upstream
