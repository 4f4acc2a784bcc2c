#include "main/fleet.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/http_stat_tables.h"
#include "proxy/stat_names.h"

namespace weir::main {

namespace {

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace

Fleet::Fleet(size_t workers, const proxy::LocalIdentity& identity, observe::LogFiles& logs, const proxy::Overload& overload,
             stats::Registry& registry, int64_t drain_time, bool gradually)
    : registry_(registry), drain_time_(drain_time), drain_spread_(gradually ? drain_time : 0) {
  for (size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<proxy::Worker>(i, random_seed(), identity, logs, overload, connections_));
  }
  mirrors_registration_ = registry.add("http.async-client.", [this](stats::StatVisitor& visitor) {
    std::vector<proxy::HttpStats*> shares;
    bool used = false;
    for (const auto& worker : workers_) {
      shares.push_back(&worker->mirror_stats());
      used = used || worker->mirror_stats().rq_total.used();
    }
    if (!used) return;  // their names come with the first router
    visit_router(visitor, shares);
  });
}

Fleet::~Fleet() { stop(); }

void Fleet::start(int64_t log_flush_interval_ms) {
  for (auto& worker : workers_) worker->start(log_flush_interval_ms);
}

void Fleet::stop() {
  for (auto& worker : workers_) worker->stop();
}

/// A listener that replaces one on the same addresses takes over its sockets, and with them who waits to be accepted.
Result<> Fleet::prepare(const proxy::ListenerSpecPtr& listener) {
  for (const auto& state : listeners_) {
    if (state->spec->name == listener->name && state->sockets->fit(*listener)) {
      prepared_[listener] = state->sockets;
      return {};
    }
  }
  auto sockets = proxy::ListenSockets::open(*listener, workers_.size());
  if (!sockets) return std::unexpected(sockets.error());
  prepared_[listener] = std::move(*sockets);
  return {};
}

void Fleet::publish(proxy::SnapshotPtr snapshot) {
  // Clusters first: a new listener's routes may need them.
  for (auto& worker : workers_) worker->adopt(snapshot);
  for (size_t i = listeners_.size(); i-- > 0;) {
    if (std::ranges::find(snapshot->listeners, listeners_[i]->spec) == snapshot->listeners.end()) retire(i);
  }
  for (const proxy::ListenerSpecPtr& spec : snapshot->listeners) {
    const bool known = std::ranges::any_of(listeners_, [&](const auto& state) { return state->spec == spec; });
    if (!known) open(spec);
  }
  prepared_.clear();
}

void Fleet::open(const proxy::ListenerSpecPtr& spec) {
  const auto sockets = prepared_.find(spec);
  if (sockets == prepared_.end() || !listening_) return;
  auto state = std::make_shared<proxy::ListenerState>(spec, sockets->second, workers_.size());
  if (spec->exact_balance) {
    for (auto& worker : workers_) state->balance_among.push_back(worker.get());
  }
  for (auto& worker : workers_) worker->listen(state);
  registrations_.push_back(proxy::register_listener(registry_, state));
  listeners_.push_back(std::move(state));
}

void Fleet::retire(size_t index) {
  const bool taken_over =
      std::ranges::any_of(prepared_, [&](const auto& entry) { return entry.second == listeners_[index]->sockets; });
  const MonotonicNs now = monotonic_now();
  for (auto& worker : workers_) worker->stop_listening(listeners_[index], proxy::Drain{now, drain_spread_}, !taken_over);
  retired_.push_back({listeners_[index], now + drain_time_});
  stopped_.erase(listeners_[index]);
  registrations_.erase(registrations_.begin() + static_cast<ptrdiff_t>(index));
  listeners_.erase(listeners_.begin() + static_cast<ptrdiff_t>(index));
}

void Fleet::sweep(MonotonicNs now) {
  std::erase_if(retired_, [&](const Retired& retired) {
    if (now < retired.deadline && retired.state->connections.load() != 0) return false;
    for (auto& worker : workers_) worker->close_connections(retired.state);
    return true;
  });
}

void Fleet::accept_connections(bool accept) {
  for (auto& worker : workers_) worker->set_accepting(accept);
}

void Fleet::publish_endpoints(uint32_t cluster_id, upstream::EndpointSetPtr endpoints) {
  for (auto& worker : workers_) worker->adopt_endpoints(cluster_id, endpoints);
}

size_t Fleet::stop_listening(bool inbound_only) {
  size_t stopped = 0;
  for (const auto& state : listeners_) {
    if (inbound_only && !state->spec->inbound) continue;
    stopped += stopped_.insert(state).second;
    for (auto& worker : workers_) worker->stop_listening(state, std::nullopt, true);
  }
  if (!inbound_only) listening_ = false;
  return stopped;
}

void Fleet::set_draining(bool draining) {
  for (auto& worker : workers_) worker->set_draining(draining);
}

void Fleet::drain(bool at_once) {
  const proxy::Drain drain{monotonic_now(), at_once ? 0 : drain_spread_};
  for (auto& worker : workers_) worker->drain(drain);
}

}  // namespace weir::main
