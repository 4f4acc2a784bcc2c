#include "proxy/connection_gate.h"

#include "base/arena.h"
#include "filter/descriptors.h"
#include "filter/rate_limit.h"
#include "loop/timer.h"
#include "proxy/connection.h"
#include "proxy/connection_notes.h"
#include "proxy/grpc_call.h"
#include "proxy/worker.h"

namespace weir::proxy {

using Kind = ConnectionGate::Kind;

/// One gate after the other; what has to be given back when the connection ends is remembered.
class Entrances::Way final : public loop::Disposable, private filter::CallEvents {
 public:
  Way(Worker& worker, Connection& connection, const std::vector<ConnectionGatePtr>& gates, std::function<void()> let_in)
      : worker_(worker), connection_(connection), gates_(gates), let_in_(std::move(let_in)) {
    info_.connection = &connection.info();
    info_.start = worker.loop().now();
    info_.start_wall = worker.loop().wall();
    for (const ConnectionGatePtr& gate : gates) {
      if (gate->kind == Kind::kRules) guard_with(*gate->rules);
    }
    if (guard_ != nullptr) guard_->start();
  }
  ~Way() override {
    for (const ConnectionGate* gate : counted_) {
      gate->connections->fetch_sub(1, std::memory_order_relaxed);
      stats(*gate).active_connections.subtract();
    }
    if (call_ != nullptr) stats(*gates_[next_ - 1]).active.subtract();
  }

  void go_on() {
    while (next_ < gates_.size()) {
      if (!pass(*gates_[next_++])) return;
    }
    std::exchange(let_in_, nullptr)();
  }

  const format::StreamInfo* info() { return connection_.session() == nullptr ? &info_ : nullptr; }

 private:
  void guard_with(const ConnectionRules& rules) {
    format::StreamInfo* session = connection_.session();
    if (guard_ == nullptr) {
      const format::ConnectionExtras* extras = info_.connection->extras.get();
      if (session == nullptr && extras != nullptr) add_notes(extras->notes, memory_, info_.metadata);
      guard_ = std::make_unique<ConnectionGuard>(worker_, connection_, session != nullptr ? *session : info_);
    }
    guard_->add(rules);
  }

  ConnectionGateStats& stats(const ConnectionGate& gate) const { return gate.stats->mine(worker_.index()); }

  /// False: it waits, or was closed.
  bool pass(const ConnectionGate& gate) {
    if (gate.kind == Kind::kRateLimit) return ask(gate);
    if (gate.kind == Kind::kRules) return true;  // its time comes with the first bytes
    if (!gate.enabled_key.flag(gate.enabled)) return true;
    if (gate.kind == Kind::kConnectionLimit) return count(gate);
    if (gate.bucket->take(1, worker_.loop().now())) return true;
    stats(gate).rate_limited.add();
    connection_.close();
    return false;
  }

  bool count(const ConnectionGate& gate) {
    stats(gate).active_connections.add();
    counted_.push_back(&gate);
    const int64_t before = gate.connections->fetch_add(1, std::memory_order_relaxed);
    if (static_cast<uint64_t>(before) < gate.most_connections) return true;
    stats(gate).limited_connections.add();
    if (gate.delay_ms > 0) {
      delay_timer_ = loop::Timer::make<&Way::on_delayed>(worker_.loop().timers(), *this);
      delay_timer_->arm(gate.delay_ms);
    } else {
      connection_.close();
    }
    return false;
  }
  void on_delayed() { connection_.close(); }

  bool ask(const ConnectionGate& gate) {
    if (!gate.tcp_enabled.holds(worker_.random().next(), {100, 100})) return true;
    Arena memory;
    const format::FormatContext context{nullptr, nullptr, nullptr, info_};
    std::vector<filter::Descriptor> descriptors;
    for (const std::vector<ConnectionGate::Entry>& from : gate.descriptors) {
      auto* entries = memory.allocate_array<filter::Descriptor::Entry>(from.size());
      for (size_t i = 0; i < from.size(); ++i) entries[i] = {from[i].key, from[i].value.evaluate(memory, context)};
      filter::Descriptor& descriptor = descriptors.emplace_back();
      descriptor.entries = {entries, from.size()};
    }
    stats(gate).active.add();
    stats(gate).total.add();
    filter::CallEvents& events = *this;
    call_ = start_grpc_call(worker_, gate.service, filter::encode_rate_limit_request(gate.domain, descriptors), context, events);
    return false;
  }

  void on_answer(std::string_view message) override {
    const auto answer = filter::decode_rate_limit_answer(message);
    if (!answer) return on_call_failed(13, "");
    const ConnectionGate& gate = answered();
    (answer->over_limit ? stats(gate).over_limit : stats(gate).ok).add();
    if (answer->over_limit && gate.tcp_enforcing.holds(worker_.random().next(), {100, 100})) return refuse(gate);
    go_on();
  }
  void on_call_failed(int, std::string_view) override {
    const ConnectionGate& gate = answered();
    stats(gate).error.add();
    if (gate.failure_mode_deny) return refuse(gate);
    stats(gate).failure_mode_allowed.add();
    go_on();
  }
  const ConnectionGate& answered() {
    const ConnectionGate& gate = *gates_[next_ - 1];
    stats(gate).active.subtract();
    call_ = nullptr;
    return gate;
  }
  void refuse(const ConnectionGate& gate) {
    stats(gate).cx_closed.add();
    connection_.close();
  }

  Worker& worker_;
  Connection& connection_;
  const std::vector<ConnectionGatePtr>& gates_;
  std::function<void()> let_in_;
  size_t next_ = 0;
  format::StreamInfo info_;
  std::vector<const ConnectionGate*> counted_;
  std::unique_ptr<loop::Timer> delay_timer_;
  std::unique_ptr<filter::Call> call_;
  Arena memory_;
  std::unique_ptr<ConnectionGuard> guard_;
};

Entrances::Entrances() = default;
Entrances::~Entrances() = default;

void Entrances::begin(Worker& worker, Connection& connection, const std::vector<ConnectionGatePtr>& gates,
                      std::function<void()> let_in) {
  Way& way = *(ways_[&connection] = std::make_unique<Way>(worker, connection, gates, std::move(let_in)));
  way.go_on();
}

const format::StreamInfo* Entrances::info_of(const Connection& connection) const {
  const auto found = ways_.find(&connection);
  return found == ways_.end() ? nullptr : found->second->info();
}

void Entrances::end(Worker& worker, const Connection& connection) {
  const auto found = ways_.find(&connection);
  if (found == ways_.end()) return;
  worker.loop().dispose(std::move(found->second));  // it may have ended the connection itself
  ways_.erase(found);
}

}  // namespace weir::proxy
