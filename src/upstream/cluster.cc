#include "upstream/cluster.h"

#include <algorithm>

#include "base/text.h"

namespace weir::upstream {

namespace {
constexpr size_t kMostNamedPools = 64;  // of an endpoint, before unused ones are looked for
}

const Transport& ClusterSpec::transport_for(const MatchValues& values) const {
  for (const TransportMatch& match : transport_matches) {
    const bool fits =
        std::ranges::all_of(match.criteria, [&](const auto& each) { return std::ranges::find(values, each) != values.end(); });
    if (fits) return match.transport;
  }
  return transport;
}

Cluster::Cluster(loop::EventLoop& loop, ClusterStatePtr state, size_t worker, uint64_t& next_connection_id)
    : loop_(loop),
      state_(std::move(state)),
      stats_(state_->stats.mine(worker)),
      context_{loop, *state_, stats_, worker, next_connection_id} {
  update(state_->endpoints.load());
}

Cluster::~Cluster() = default;

void Cluster::update(EndpointSetPtr endpoints) {
  if (endpoints == endpoints_) return;
  std::unordered_map<const Endpoint*, std::unique_ptr<Host>> known;
  for (auto& host : hosts_) known.emplace(host->endpoint.get(), std::move(host));
  hosts_.clear();
  if (endpoints != nullptr) {
    for (const EndpointPtr& endpoint : endpoints->endpoints) {
      if (auto found = known.find(endpoint.get()); found != known.end()) {
        hosts_.push_back(std::move(found->second));
        known.erase(found);
      } else {
        hosts_.push_back(std::make_unique<Host>(endpoint, endpoint->stats.mine(context_.worker)));
      }
    }
  }
  std::erase_if(leaving_, [](const auto& host) { return host->idle(); });
  for (auto& [endpoint, host] : known) {
    host->for_each_pool([](Pool& pool) { pool.drain(); });
    leaving_.push_back(std::move(host));
  }
  endpoints_ = std::move(endpoints);
  rebuild_levels();
}

void Cluster::rebuild_levels() {
  levels_.clear();
  load_.clear();
  struct Count {
    std::vector<Host*> all, usable;
  };
  std::vector<Count> counts;
  for (auto& host : hosts_) {
    const uint32_t priority = host->endpoint->priority;
    if (counts.size() <= priority) counts.resize(priority + 1);
    if (host->endpoint->health != Health::kDraining) counts[priority].all.push_back(host.get());
    if (host->endpoint->usable()) counts[priority].usable.push_back(host.get());
  }
  std::vector<double> shares;
  for (const Count& count : counts) {
    shares.push_back(count.all.empty() ? 0 : static_cast<double>(count.usable.size()) / static_cast<double>(count.all.size()));
  }
  load_ = priority_load(shares, endpoints_ != nullptr ? endpoints_->overprovisioning_factor : 140);
  const bool nothing_available = std::ranges::all_of(load_, [](uint32_t l) { return l == 0; });
  for (size_t i = 0; i < counts.size(); ++i) {
    Level level;
    const double percent = shares[i] * 100;
    level.panic = spec().healthy_panic_percent > 0 && percent < spec().healthy_panic_percent && !counts[i].all.empty();
    level.hosts = level.panic ? counts[i].all : counts[i].usable;
    if (nothing_available && i == 0 && level.panic) load_[0] = 100;
    if (!level.hosts.empty()) {
      std::vector<const Endpoint*> endpoints;
      for (Host* host : level.hosts) endpoints.push_back(host->endpoint.get());
      level.balancer = make_balancer(spec(), std::move(endpoints), loop_.random());
    }
    levels_.push_back(std::move(level));
  }
}

Host* Cluster::choose() {
  if (levels_.empty()) return nullptr;
  size_t chosen = 0;
  if (load_[0] < 100) {
    uint64_t point = loop_.random().below(100);
    while (chosen < load_.size() && point >= load_[chosen]) point -= load_[chosen++];
    if (chosen == load_.size()) return nullptr;
  }
  Level& level = levels_[chosen];
  if (level.balancer == nullptr) return nullptr;
  if (level.panic) stats_.lb_healthy_panic.add();
  return level.hosts[level.balancer->pick()];
}

Pool& Cluster::pool(Host& host, http::Protocol downstream, Priority priority, const ConnectionWishes& wishes) {
  std::optional<http::Protocol> protocol = http::Protocol::kHttp11;
  if (spec().protocol == UpstreamProtocol::kByAlpn) protocol.reset();
  if (spec().protocol == UpstreamProtocol::kHttp2) protocol = http::Protocol::kHttp2;
  if (spec().protocol == UpstreamProtocol::kAsDownstream && downstream == http::Protocol::kHttp2)
    protocol = http::Protocol::kHttp2;
  const size_t kind = !protocol ? 2 : *protocol == http::Protocol::kHttp2 ? 1 : 0;
  if (!wishes.server_name.empty() || !wishes.expected_san.empty()) return named_pool(host, kind, protocol, priority, wishes);
  auto& place = host.pools[kind][static_cast<size_t>(priority)];
  if (place == nullptr) {
    place = std::make_unique<Pool>(context_, *host.endpoint, protocol, priority,
                                   spec().transport_for(host.endpoint->transport_match));
  }
  return *place;
}

/// Connections to different names are different connections, even to the same endpoint.
Pool& Cluster::named_pool(Host& host, size_t kind, std::optional<http::Protocol> protocol, Priority priority,
                          const ConnectionWishes& wishes) {
  std::string key = std::to_string(kind * kPriorities + static_cast<size_t>(priority));
  for (const std::string& wish : {wishes.server_name, wishes.expected_san}) (key += '\n') += lower(wish);
  // Clients choose the names: those that nobody uses any more must not pile up.
  if (host.named_pools.size() >= kMostNamedPools) {
    std::erase_if(host.named_pools, [&](const auto& item) { return item.first != key && item.second->unused(); });
  }
  auto& place = host.named_pools[key];
  if (place == nullptr) {
    place = std::make_unique<Pool>(context_, *host.endpoint, protocol, priority,
                                   spec().transport_for(host.endpoint->transport_match), wishes);
  }
  return *place;
}

void Cluster::drain() {
  for (auto& host : hosts_) host->for_each_pool([](Pool& pool) { pool.drain(); });
}

bool Cluster::idle() const {
  if (users != 0) return false;
  const auto host_idle = [](const auto& host) { return host->idle(); };
  return std::ranges::all_of(hosts_, host_idle) && std::ranges::all_of(leaving_, host_idle);
}

}  // namespace weir::upstream
