#include "proxy/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "net/internal_address.h"
#include "proxy/http_connection.h"

namespace weir::proxy {

namespace {
constexpr int64_t kSweepIntervalMs = 1000;
}

Worker::Worker(size_t index, uint64_t random_seed, const LocalIdentity& identity, observe::LogFiles& logs,
               const Overload& overload, std::atomic<int64_t>& connections)
    : index_(index),
      identity_(identity),
      logs_(logs),
      overload_(overload),
      connection_count_(connections),
      loop_(random_seed),
      random_(random_seed ^ 0x5bf03635f0b8a1c5),
      log_timer_(loop::Timer::calling<&Worker::flush_logs>(loop_.timers(), *this)),
      sweep_timer_(loop::Timer::calling<&Worker::sweep>(loop_.timers(), *this)) {}

Worker::~Worker() { stop(); }

void Worker::start(int64_t log_flush_interval_ms) {
  log_flush_interval_ms_ = log_flush_interval_ms;
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  const std::string name = "wrk:worker_" + std::to_string(index_);
  pthread_setname_np(pthread_self(), name.c_str());
  log_timer_.arm(log_flush_interval_ms_);
  loop_.run();

  for (auto& listener : listeners_) listener->stop(false);
  while (!connections_.empty()) connections_.front().close();  // which tell their listeners
  while (!mirrors_.empty()) mirrors_.front().abandon();
  loop_.turn(0);
  listeners_.clear();
  clusters_.clear();
  retired_.clear();
  loop_.turn(0);
  logs_.flush(index_);
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

// --- configuration ---

void Worker::adopt(SnapshotPtr snapshot) {
  latest_.store(std::move(snapshot));
  loop_.post([this] { take_latest_snapshot(); });
}

void Worker::take_latest_snapshot() {
  SnapshotPtr snapshot = latest_.load();
  if (snapshot == snapshot_) return;
  const size_t count = std::max(clusters_.size(), snapshot->clusters.size());
  clusters_.resize(count);
  for (size_t id = 0; id < count; ++id) {
    const upstream::ClusterState* next = id < snapshot->clusters.size() ? snapshot->clusters[id].get() : nullptr;
    if (clusters_[id] != nullptr && clusters_[id]->state().get() != next) retire(std::move(clusters_[id]));
  }
  cluster_ids_.clear();
  dns_caches_.clear();
  snapshot_ = std::move(snapshot);
}

void Worker::adopt_endpoints(uint32_t cluster_id, upstream::EndpointSetPtr endpoints) {
  loop_.post([this, cluster_id, endpoints = std::move(endpoints)]() mutable {
    // A cluster that was not used yet finds its endpoints when it is.
    if (cluster_id < clusters_.size() && clusters_[cluster_id] != nullptr) clusters_[cluster_id]->update(std::move(endpoints));
  });
}

upstream::Cluster* Worker::cluster(uint32_t id) {
  if (id < clusters_.size() && clusters_[id] != nullptr) [[likely]]
    return clusters_[id].get();
  // A route table is seen at once, the snapshot with its clusters only with the next mail: it may be on its way.
  const auto known = [&] {
    return snapshot_ != nullptr && id < snapshot_->clusters.size() && snapshot_->clusters[id] != nullptr;
  };
  if (!known()) take_latest_snapshot();
  if (!known()) return nullptr;
  upstream::InternalListeners* const listeners = this;
  clusters_[id] = std::make_unique<upstream::Cluster>(loop_, snapshot_->clusters[id], index_, next_upstream_connection_id_,
                                                      listeners, [this](uint32_t member) { return cluster(member); });
  return clusters_[id].get();
}

upstream::Cluster* Worker::cluster(std::string_view name) {
  if (snapshot_ == nullptr) return nullptr;
  if (cluster_ids_.empty()) {
    for (const auto& state : snapshot_->clusters) {
      if (state != nullptr) cluster_ids_.emplace(state->spec->name, state->spec->id);
    }
  }
  const auto found = cluster_ids_.find(name);
  return found == cluster_ids_.end() ? nullptr : cluster(found->second);
}

std::shared_ptr<upstream::DnsCache> Worker::dns_cache(std::string_view name) {
  if (snapshot_ == nullptr) return nullptr;
  if (dns_caches_.empty()) {
    for (const auto& state : snapshot_->clusters) {
      if (state != nullptr && state->dns_cache != nullptr)
        dns_caches_.emplace(state->spec->forward_proxy->cache.name, state->dns_cache);
    }
  }
  const auto found = dns_caches_.find(name);
  return found == dns_caches_.end() ? nullptr : found->second;
}

/// The cluster finishes the requests that use it; then it goes.
void Worker::retire(std::unique_ptr<upstream::Cluster> cluster) {
  cluster->drain();
  retired_.push_back(std::move(cluster));
  sweep_later();
}

void Worker::sweep_later() {
  if (!sweep_timer_.armed()) sweep_timer_.arm(kSweepIntervalMs);
}

/// Lets go of clusters and listeners that were replaced, once nothing uses them any more.
void Worker::sweep() {
  std::erase_if(retired_, [](const auto& cluster) { return cluster->idle(); });
  std::erase_if(listeners_, [](const auto& listener) { return listener->finished(); });
  if (!retired_.empty() || std::ranges::any_of(listeners_, [](const auto& l) { return l->stopped(); })) sweep_later();
}

// --- listeners and connections ---

void Worker::listen(ListenerStatePtr listener) {
  loop_.post([this, listener = std::move(listener)]() mutable {
    listeners_.push_back(std::make_unique<ActiveListener>(*this, std::move(listener)));
    listeners_.back()->start();
  });
}

ActiveListener* Worker::listener_at(const net::Address& destination) {
  for (const bool any : {false, true}) {
    const auto found = std::ranges::find_if(listeners_, [&](const auto& each) { return each->serves(destination, any); });
    if (found != listeners_.end()) return found->get();
  }
  return nullptr;
}

void Worker::stop_listening(ListenerStatePtr listener, std::optional<Drain> drain, bool close_sockets) {
  loop_.post([this, listener = std::move(listener), drain, close_sockets] {
    for (auto& active : listeners_) {
      if (active->state() != listener) continue;
      active->stop(close_sockets);
      sweep_later();
      if (!drain) continue;
      active->drain(*drain);
      if (drain->spread > 0) continue;  // their next responses tell them
      connections_.for_each([&](Connection& connection) {
        if (&connection.listener() == active.get()) connection.drain();
      });
    }
  });
}

/// To a listener of this worker that has no socket.
std::unique_ptr<net::ByteStream> Worker::connect(const net::AddressPtr& address) {
  for (auto& active : listeners_) {
    if (active->spec().internal && active->spec().name == net::internal_listener(*address) && !active->stopped()) {
      return active->connect_internal(address);
    }
  }
  return nullptr;
}

void Worker::take_balanced(ListenerStatePtr listener, int fd) {
  loop_.post([this, listener = std::move(listener), fd] {
    for (auto& active : listeners_) {
      if (active->state() != listener) continue;
      active->take_socket(fd);
      return;
    }
    ::close(fd);
  });
}

void Worker::close_connections(ListenerStatePtr listener) {
  loop_.post([this, listener = std::move(listener)] {
    connections_.for_each([&](Connection& connection) {
      if (connection.listener().state() == listener) connection.close();
    });
  });
}

void Worker::set_accepting(bool accepting) {
  loop_.post([this, accepting] {
    accepting_ = accepting;
    if (!accepting) return;
    for (auto& listener : listeners_) listener->accept_all();
  });
}

void Worker::set_draining(bool draining) {
  loop_.post([this, draining] {
    fails_health_checks_ = draining;
    draining_ = draining ? std::optional(Drain{}) : std::nullopt;
  });
}

void Worker::drain(Drain drain) {
  loop_.post([this, drain] {
    draining_ = drain;
    if (drain.spread > 0) return;  // their next responses tell them
    connections_.for_each([](Connection& connection) { connection.drain(); });
  });
}

void Worker::add(std::unique_ptr<Connection> connection) {
  connection_count_.fetch_add(1, std::memory_order_relaxed);
  connections_.push_back(*connection.release());  // remove() takes it back
}

void Worker::remove(Connection& connection) {
  connection.ListNode<Connection>::unlink();
  connection_count_.fetch_sub(1, std::memory_order_relaxed);
  loop_.dispose(std::unique_ptr<loop::Disposable>(&connection));
}

Mirror& Worker::add(std::unique_ptr<Mirror> mirror) {
  mirrors_.push_back(*mirror);
  return *mirror.release();  // remove() takes it back
}

void Worker::remove(Mirror& mirror) {
  mirror.ListNode<Mirror>::unlink();
  loop_.dispose(std::unique_ptr<loop::Disposable>(&mirror));
}

// --- the stock ---

Pipeline& Worker::take_pipeline() {
  if (free_pipelines_.empty()) {
    pipelines_.push_back(std::make_unique<Pipeline>(*this));
    return *pipelines_.back();
  }
  Pipeline& pipeline = *free_pipelines_.back();
  free_pipelines_.pop_back();
  return pipeline;
}

void Worker::give_back_pipeline(Pipeline& pipeline) { free_pipelines_.push_back(&pipeline); }

std::string_view Worker::date() {
  constexpr size_t kDateSize = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  const int64_t second = loop_.wall() / kNsPerSecond;
  if (second != date_second_) {
    date_second_ = second;
    const time_t time = second;
    tm parts;
    gmtime_r(&time, &parts);
    strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return {date_, kDateSize};
}

void Worker::flush_logs() {
  logs_.flush(index_);
  log_timer_.arm(log_flush_interval_ms_);
}

}  // namespace weir::proxy
