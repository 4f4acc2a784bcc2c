#include "upstream/cluster.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "upstream/endpoint_changes.h"
#include "upstream/tcp_connection.h"

namespace weir::upstream {

namespace {
constexpr size_t kMostNamedPools = 64;  // of an endpoint, before unused ones are looked for

/// What is known of its health, in the words of discovery (Envoy's Host::healthStatus).
Health status_of(const Endpoint& endpoint) {
  const uint32_t flags = endpoint.flags();
  if ((flags & (HealthFlag::kFailedActiveCheck | HealthFlag::kFailedOutlierCheck)) != 0) return Health::kUnhealthy;
  const bool said_well = endpoint.health == Health::kHealthy || endpoint.health == Health::kDegraded;
  return said_well && (flags & HealthFlag::kDegradedActiveCheck) != 0 ? Health::kDegraded : endpoint.health;
}
}  // namespace

const Transport& ClusterSpec::transport_for(const MatchValues& values) const {
  for (const TransportMatch& match : transport_matches) {
    const bool fits =
        std::ranges::all_of(match.criteria, [&](const auto& each) { return std::ranges::find(values, each) != values.end(); });
    if (fits) return match.transport;
  }
  return transport;
}

Cluster::Cluster(loop::EventLoop& loop, ClusterStatePtr state, size_t worker, uint64_t& next_connection_id,
                 InternalListeners* internal_listeners, Find find)
    : loop_(loop),
      state_(std::move(state)),
      stats_(state_->stats.mine(worker)),
      context_{loop, *state_, stats_, worker, next_connection_id, internal_listeners},
      find_(std::move(find)),
      balancer_(make_balancer({spec().balancing, *state_, stats_, loop.random()})) {
  update(state_->endpoints.load());
}

Cluster::~Cluster() = default;

void Cluster::update(EndpointSetPtr endpoints) {
  if (endpoints == endpoints_) return leave_failed();
  if (spec().original_dst) return;  // it has hosts of its own, for those that requests name
  std::erase_if(leaving_, [](const auto& host) { return host->idle(); });
  const EndpointList nobody;
  follow(endpoints_ != nullptr ? endpoints_->endpoints : nobody, endpoints != nullptr ? endpoints->endpoints : nobody);
  by_address_.clear();
  by_name_.clear();
  peeked_.clear();
  // What the balancer looks at must not go before it has the new.
  const EndpointSetPtr before = std::exchange(endpoints_, std::move(endpoints));
  const BalancingPlanPtr plan_before = plan_;
  if (endpoints_ == nullptr) return;
  leave_failed();
  if (spec().drains_on_change) {
    for (auto& host : hosts_) host->for_each_pool([](Pool& pool) { pool.drain_existing(); });
  }
  plan_ =
      endpoints_->plan != nullptr ? endpoints_->plan : make_whole_plan(spec().balancing, *endpoints_, spec().own_locality.get());
  balancer_->adopt(*endpoints_, *plan_);
}

/// Connections to what has failed since this was asked last end.
void Cluster::leave_failed() {
  std::vector<TcpConnection*> ending;
  for (auto& host : hosts_) {
    const bool failed = (host->endpoint->flags() & (HealthFlag::kFailedActiveCheck | HealthFlag::kFailedOutlierCheck)) != 0;
    if (failed && !host->failed) {
      host->for_each_pool([](Pool& pool) { pool.drain_existing(); });
      end_with_endpoints_.for_each([&](TcpConnection& connection) {
        if (connection.goes_to(*host->endpoint)) ending.push_back(&connection);
      });
    }
    host->failed = failed;
  }
  // None is destroyed while this goes on: whoever hears of the end is still on the stack then.
  for (TcpConnection* connection : ending) connection->end();
}

void Cluster::watch_for_failure(TcpConnection& connection) {
  if (spec().closes_at_failure) end_with_endpoints_.push_back(connection);
}

/// Hosts whose endpoints live on stay; those of others drain. The hosts are those of `before`, in its order.
void Cluster::follow(const std::vector<EndpointPtr>& before, const std::vector<EndpointPtr>& endpoints) {
  std::vector<std::unique_ptr<Host>> hosts(endpoints.size());
  std::vector<std::unique_ptr<Host>> others;
  std::vector<size_t> missing;
  walk_both(
      before, endpoints, [&](size_t i, size_t j) { hosts[j] = std::move(hosts_[i]); },
      [&](size_t i) { others.push_back(std::move(hosts_[i])); }, [&](size_t j) { missing.push_back(j); });
  std::unordered_map<const EndpointLife*, std::unique_ptr<Host>> known;
  for (std::unique_ptr<Host>& host : others) {
    if (!known.try_emplace(host->endpoint->life.get(), std::move(host)).second) leave(std::move(host));
  }
  for (const size_t j : missing) {
    const EndpointPtr& endpoint = endpoints[j];
    AnswerStats* const zone = zone_stats(endpoint->locality.zone);
    if (const auto found = known.find(endpoint->life.get()); found != known.end()) {
      hosts[j] = std::move(found->second);
      hosts[j]->endpoint = endpoint;
      hosts[j]->zone = zone;
      known.erase(found);
    } else {
      hosts[j] = std::make_unique<Host>(*this, endpoint, endpoint->stats.mine(context_.worker), zone);
    }
  }
  for (auto& [life, host] : known) leave(std::move(host));
  hosts_ = std::move(hosts);
}

void Cluster::leave(std::unique_ptr<Host> host) {
  host->for_each_pool([](Pool& pool) { pool.drain(); });
  leaving_.push_back(std::move(host));
}

Host* Cluster::choose(PickContext& context) {
  if (spec().original_dst) return dial(context);
  if (!spec().member_ids.empty()) return choose_of_members(context);
  if (spec().forward_proxy) return choose_by_name(context);
  if (const std::optional<WantedHost> wanted = context.wanted()) {
    Host* host = host_at(wanted->address);
    if (host != nullptr && (spec().wanted_health >> static_cast<unsigned>(status_of(*host->endpoint)) & 1) != 0) return host;
    if (wanted->strict) return nullptr;
  }
  if (hosts_.empty()) {
    if (!spec().balancing.subsets && spec().balancing.healthy_panic_percent != 0) stats_.lb_healthy_panic.add();
    return nullptr;
  }
  if (Host* host = overridden(context)) return host;
  if (!peeked_.empty() && context.criteria() == nullptr) [[unlikely]] {
    Host* host = peeked_.front();
    peeked_.pop_front();
    return host;
  }
  const std::optional<uint32_t> chosen = balancer_->pick(context);
  return chosen ? hosts_[*chosen].get() : nullptr;
}

Pool* Cluster::pool(Host& host, http::Protocol downstream, Priority priority, const ConnectionWishes& wishes) {
  std::optional<http::Protocol> protocol = http::Protocol::kHttp11;
  if (spec().protocol == UpstreamProtocol::kByAlpn) protocol.reset();
  if (spec().protocol == UpstreamProtocol::kHttp2) protocol = http::Protocol::kHttp2;
  if (spec().protocol == UpstreamProtocol::kAsDownstream && downstream == http::Protocol::kHttp2)
    protocol = http::Protocol::kHttp2;
  const size_t kind = !protocol ? 2 : *protocol == http::Protocol::kHttp2 ? 1 : 0;
  if (!wishes.empty()) return named_pool(host, kind, protocol, priority, wishes);
  auto& place = host.pools[kind][static_cast<size_t>(priority)];
  if (place == nullptr || !place->counted()) {
    if (!may_use_another_pool(priority)) return nullptr;
    if (place == nullptr) {
      place = std::make_unique<Pool>(context_, host.endpoint, protocol, priority,
                                     spec().transport_for(host.endpoint->transport_match));
    }
  }
  if (spec().predictive_preconnect_ratio > 1 && !spec().balancing.hashes() && !preconnecting_) [[unlikely]]
    preconnect(downstream, priority);
  return place.get();
}

bool Cluster::may_use_another_pool(Priority priority) {
  if (!state_->breakers_for(priority).pools.open()) return true;
  stats_.upstream_cx_pool_overflow.add();
  return false;
}

/// Connects to the endpoints that will be chosen next, while the cluster has too little for what is to come.
void Cluster::preconnect(http::Protocol downstream, Priority priority) {
  constexpr int kMost = 3;  // at a time, as in Envoy
  const double ratio = spec().predictive_preconnect_ratio;
  preconnecting_ = true;
  for (int i = 0; i < kMost && peeked_.size() < hosts_.size(); ++i) {
    Pool::Load total;
    for (auto& host : hosts_) {
      host->for_each_pool([&](Pool& pool) {
        const Pool::Load load = pool.load();
        total.waiting += load.waiting;
        total.active += load.active;
        total.capacity += load.capacity;
      });
    }
    if (!total.wants_connection(ratio, 1)) break;
    AnyEndpoint anybody;
    const std::optional<uint32_t> next = balancer_->pick(anybody);
    if (!next) break;
    peeked_.push_back(hosts_[*next].get());
    Pool* const next_pool = pool(*peeked_.back(), downstream, priority);
    if (next_pool == nullptr || !next_pool->preconnect(ratio)) break;
  }
  preconnecting_ = false;
}

/// Connections to different names are different connections, even to the same endpoint.
Pool* Cluster::named_pool(Host& host, size_t kind, std::optional<http::Protocol> protocol, Priority priority,
                          const ConnectionWishes& wishes) {
  std::string key = std::to_string(kind * kPriorities + static_cast<size_t>(priority));
  for (const std::string& wish : {wishes.server_name, wishes.expected_san}) (key += '\n') += lower(wish);
  if (wishes.client != 0) (key += '\n') += std::to_string(wishes.client);
  if (wishes.source != nullptr) ((key += "\nfrom ") += wishes.source->text()) += std::to_string(wishes.mark);
  (key += '\n') += wishes.preamble;
  // Clients choose the names: those that nobody uses any more must not pile up.
  if (host.named_pools.size() >= kMostNamedPools) {
    std::erase_if(host.named_pools, [&](const auto& item) { return item.first != key && item.second->unused(); });
  }
  auto& place = host.named_pools[key];
  if ((place == nullptr || !place->counted()) && !may_use_another_pool(priority)) {
    if (place == nullptr) host.named_pools.erase(key);
    return nullptr;
  }
  if (place == nullptr) {
    place = std::make_unique<Pool>(context_, host.endpoint, protocol, priority,
                                   spec().transport_for(host.endpoint->transport_match), wishes);
  }
  return place.get();
}

void Cluster::drain() {
  for (auto& host : hosts_) host->for_each_pool([](Pool& pool) { pool.drain(); });
  for (auto& [address, dialled] : dialled_) dialled.host->for_each_pool([](Pool& pool) { pool.drain(); });
}

bool Cluster::idle() const {
  if (users != 0) return false;
  const auto host_idle = [](const auto& host) { return host->idle(); };
  const auto dialled_idle = [](const auto& each) { return each.second.host->idle(); };
  return std::ranges::all_of(hosts_, host_idle) && std::ranges::all_of(dialled_, dialled_idle) &&
         std::ranges::all_of(leaving_, host_idle);
}

}  // namespace weir::upstream
