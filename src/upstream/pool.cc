#include "upstream/pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace weir::upstream {

namespace {
constexpr int kMostPreconnects = 3;  // at a time, as in Envoy
}

Pool::Pool(const PoolContext& context, EndpointPtr endpoint, std::optional<http::Protocol> protocol, Priority priority,
           const Transport& transport, ConnectionWishes wishes)
    : context_(context),
      endpoint_(std::move(endpoint)),
      endpoint_stats_(endpoint_->stats.mine(context.worker)),
      protocol_(protocol),
      transport_(transport),
      wishes_(std::move(wishes)),
      expected_(protocol.value_or(http::Protocol::kHttp11)),
      breakers_(context.cluster.breakers_for(priority)),
      most_connections_per_host_(context.cluster.spec->thresholds[static_cast<size_t>(priority)].max_connections_per_host) {}

Pool::~Pool() {
  ending_ = true;
  while (!waiters_.empty()) take_first(waiters_).on_pool_failure({http::Reset::kConnectionTermination, ""});
  auto close_all = [](List<ClientConnection>& list) {
    while (!list.empty()) list.front().close();
  };
  close_all(ready_);
  close_all(others_);
}

ClientConnection* Pool::acquire(PoolWaiter& waiter, bool& overflow) {
  overflow = false;
  if (!ready_.empty()) [[likely]] {
    if (breakers_.requests.open()) {
      overflow = true;
      context_.stats.upstream_rq_pending_overflow.add();
      return nullptr;
    }
    if (spec().preconnect_ratio > 1) maybe_connect(1);
    return &ready_.front();
  }
  if (breakers_.pending_requests.open()) {
    use();  // it counts as a pool although nobody may wait in it
    overflow = true;
    context_.stats.upstream_rq_pending_overflow.add();
    return nullptr;
  }
  context_.stats.upstream_rq_pending_total.add();
  waiter.pending_lease_ = breakers_.pending_requests.take();
  waiter.pending_hold_ = stats::GaugeHold(context_.stats.upstream_rq_pending_active);
  waiters_.push_back(waiter);
  ++waiting_;
  use();
  maybe_connect();
  return nullptr;
}

void Pool::withdraw(PoolWaiter& waiter) {
  if (!waiter.linked()) return;
  waiter.unlink();
  stop_counting(waiter);
  context_.stats.upstream_rq_cancelled.add();
  rest();
}

/// A pool that nobody uses does not count: its like may be made elsewhere.
void Pool::use() {
  if (!pool_lease_.held()) pool_lease_ = breakers_.pools.take();
}
void Pool::rest() {
  if (unused()) pool_lease_.give_back();
}

PoolWaiter& Pool::take_first(List<PoolWaiter>& waiters) {
  PoolWaiter& waiter = waiters.pop_front();
  stop_counting(waiter);
  return waiter;
}

void Pool::stop_counting(PoolWaiter& waiter) {
  --waiting_;
  waiter.pending_lease_.give_back();
  waiter.pending_hold_ = {};
}

/// Opens as many connections as those who wait can use: an HTTP/2 connection will serve many, an HTTP/1 connection one.
void Pool::maybe_connect(size_t arriving) {
  const double ratio = spec().preconnect_ratio;
  if (ratio > 1 && !leaving_ && endpoint_->health == Health::kHealthy) [[unlikely]] {
    for (int i = 0; i < kMostPreconnects && load().wants_connection(ratio, arriving) && connect(); ++i) {
    }
  }
  while (waiting_ > connecting_ * streams_of_new_connection() && connect()) {
  }
}

/// False if that is forbidden.
bool Pool::connect() {
  if (ending_) return false;
  // With the limit reached one connection is still allowed to a pool that has none.
  const bool host_full =
      static_cast<uint32_t>(std::max(endpoint_->connections.load(std::memory_order_relaxed), 0)) >= most_connections_per_host_;
  if (breakers_.connections.open() || host_full) {
    bool place_comes = false;  // at the end of this turn; on_connection_gone() asks again then
    others_.for_each([&](ClientConnection& other) {
      place_comes = place_comes || (other.state() == ClientConnection::State::kDraining && other.active_streams() == 0);
    });
    if (place_comes) return false;
    context_.stats.upstream_cx_overflow.add();
    if (connections_ != 0) return false;
  }
  ++connections_;
  ++connecting_;
  use();
  auto connection = std::make_unique<ClientConnection>(*this, context_.next_connection_id++, breakers_.connections.take());
  others_.push_back(*connection.release());  // owned by the list: on_connection_gone() and _failed() dispose of it
  return true;
}

Pool::Load Pool::load() {
  Load load{.waiting = waiting_, .active = 0, .capacity = connecting_ * streams_of_new_connection()};
  const auto add = [&](ClientConnection& connection) {
    load.active += connection.active_streams();
    if (connection.state() == ClientConnection::State::kReady) load.capacity += connection.free_streams();
  };
  ready_.for_each(add);
  others_.for_each(add);
  return load;
}

bool Pool::preconnect(double ratio) {
  return !leaving_ && endpoint_->health == Health::kHealthy && load().wants_connection(ratio, 1) && connect();
}

void Pool::on_connection_connected(ClientConnection& connection) {
  --connecting_;
  expected_ = connection.protocol();
}

void Pool::on_connection_ready(ClientConnection& connection) {
  serve_waiters();
  if (leaving_ && connection.state() == ClientConnection::State::kReady) connection.drain();
}

void Pool::serve_waiters() {
  while (!waiters_.empty() && !ready_.empty()) {
    PoolWaiter& waiter = take_first(waiters_);
    if (breakers_.requests.open()) {  // other pools of the cluster took what was left; nobody would tell this one
      context_.stats.upstream_rq_pending_overflow.add();
      waiter.on_pool_failure({http::Reset::kOverflow, ""});
    } else {
      waiter.on_pool_ready(ready_.front());
    }
  }
  if (waiting_ != 0) maybe_connect();
}

void Pool::on_connection_failed(ClientConnection& connection, const PoolFailure& failure) {
  connection.ListNode<ClientConnection>::unlink();
  --connections_;
  --connecting_;
  context_.loop.dispose(std::unique_ptr<loop::Disposable>(&connection));
  // As in Envoy, everybody who waits fails with the connection; retries are the callers' affair.
  List<PoolWaiter> failed;
  failed.take_all(waiters_);
  if (failed.empty()) rest();
  while (!failed.empty()) {  // each may withdraw others, or ask anew
    PoolWaiter& waiter = take_first(failed);
    context_.stats.upstream_rq_pending_failure_eject.add();
    if (failed.empty()) rest();  // before the last one is told: it may ask for another pool in place of this one
    waiter.on_pool_failure(failure);
  }
}

void Pool::on_connection_gone(ClientConnection& connection) {
  if (connection.state() == ClientConnection::State::kConnecting) --connecting_;
  connection.ListNode<ClientConnection>::unlink();
  --connections_;
  context_.loop.dispose(std::unique_ptr<loop::Disposable>(&connection));
  if (waiting_ != 0) maybe_connect();
  rest();
}

void Pool::drain() {
  leaving_ = true;
  while (!ready_.empty()) ready_.front().drain();
}

void Pool::drain_existing() {
  while (!ready_.empty()) ready_.front().drain();
  List<ClientConnection> busy;
  busy.take_all(others_);
  while (!busy.empty()) {
    ClientConnection& connection = busy.pop_front();
    others_.push_back(connection);
    if (connection.state() == ClientConnection::State::kBusy) connection.drain();
  }
}

}  // namespace weir::upstream
