// Round robin, least request and random: first a list of endpoints is chosen (priority, health, locality), then one of it.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "upstream/balancer.h"
#include "upstream/edf.h"
#include "upstream/zone_routing.h"

namespace weir::upstream {

namespace {

/// A list to choose from, and how far the choosing has come.
struct Source {
  const HostList* hosts = nullptr;  // null: not looked at since the last plan
  Edf edf;                          // filled if endpoints do not count alike
  uint64_t turn = 0;
  bool has_turn = false;
};

/// The sources of one priority.
struct Level {
  Source all, healthy, degraded;
  std::vector<Source> healthy_places, degraded_places;  // by locality
  /// Localities that take turns by their weights; made when first needed.
  struct Turns {
    bool made = false;
    Edf edf;
    std::vector<double> weights;
  };
  Turns healthy_turns, degraded_turns;
};

class ListBalancer : public Balancer {
 public:
  explicit ListBalancer(const BalancerWorld& world) : world_(world), seed_(world.random.next()) {}

  void adopt(const EndpointSet& endpoints, const BalancingPlan& plan) override {
    endpoints_ = &endpoints;
    plan_ = &plan;
    levels_.resize(plan.sets.levels.size());
    for (size_t i = 0; i < levels_.size(); ++i) {
      Level& level = levels_[i];
      const size_t places = plan.sets.levels[i].localities.size();
      level.healthy_places.resize(places);
      level.degraded_places.resize(places);
      for (Source* source : {&level.all, &level.healthy, &level.degraded}) forget(*source);
      for (Source& source : level.healthy_places) forget(source);
      for (Source& source : level.degraded_places) forget(source);
      level.healthy_turns = level.degraded_turns = {};
    }
    own_version_ = 0;
    zones_ = {};
    newest_ = 0;
    if (world_.spec.slow_start.window_ms == 0) return;
    for (const EndpointPtr& endpoint : endpoints.endpoints) {
      if (endpoint->availability() == Availability::kHealthy) {
        newest_ = std::max(newest_, endpoint->healthy_since.load(std::memory_order_relaxed));
      }
    }
  }

  std::optional<uint32_t> pick(PickContext& context) override {
    std::optional<uint32_t> chosen = pick_once(context);
    for (uint32_t i = 0; i < context.more_choices() && chosen && context.rejects(endpoint(*chosen)); ++i) {
      chosen = pick_once(context);
    }
    return chosen;
  }

 protected:
  const Endpoint& endpoint(uint32_t host) const { return *endpoints_->endpoints[host]; }
  int32_t active(uint32_t host) const { return endpoint(host).active_requests.load(std::memory_order_relaxed); }

  /// One of a list in which all count alike; it is not empty. `random` also chose the list.
  virtual uint32_t take(Source& source, uint64_t random) = 0;
  /// How often the endpoint should come round, where endpoints do not count alike.
  virtual double weight(uint32_t host) const = 0;
  virtual bool weighs() const { return true; }
  /// Where these are alike, so are the endpoints.
  virtual uint32_t given_weight(uint32_t host) const { return endpoint(host).weight; }
  size_t endpoint_count() const { return endpoints_ == nullptr ? 0 : endpoints_->endpoints.size(); }
  /// Weights are others now: what was prepared by the old ones is not used any more.
  void forget_sources() {
    for (Level& level : levels_) {
      for (Source* source : {&level.all, &level.healthy, &level.degraded}) forget(*source);
      for (Source& source : level.healthy_places) forget(source);
      for (Source& source : level.degraded_places) forget(source);
    }
  }

  /// The weight of an endpoint that is not healthy for long.
  double slowly(double weight, uint32_t host) const {
    const SlowStart& slow = world_.spec.slow_start;
    if (slow.window_ms == 0 || endpoint(host).availability() != Availability::kHealthy) return weight;
    const int64_t healthy_ms = (monotonic_now() - endpoint(host).healthy_since.load(std::memory_order_relaxed)) / kNsPerMs;
    if (healthy_ms >= slow.window_ms) return weight;
    double aggression = slow.aggression_key.number(slow.aggression);
    if (!(aggression > 0)) aggression = 1;
    const double elapsed = static_cast<double>(std::max<int64_t>(healthy_ms, 1)) / static_cast<double>(slow.window_ms);
    return weight * std::max(aggression == 1 ? elapsed : std::pow(elapsed, 1 / aggression), slow.least_share);
  }

  const BalancerWorld world_;

 private:
  static void forget(Source& source) {
    source.hosts = nullptr;
    source.edf = {};
  }

  std::optional<uint32_t> pick_once(PickContext& context) {
    const uint64_t random = world_.random.next();
    Source* source = choose_source(random, context);
    if (source == nullptr || source->hosts->empty()) return std::nullopt;
    if (!source->edf.empty()) return source->edf.next([this](uint32_t host) { return weight(host); });
    return take(*source, random);
  }

  Source* choose_source(uint64_t random, PickContext& context) {
    const PriorityChoice choice = choose_priority(*plan_, random, context);
    if (choice.priority >= levels_.size()) return nullptr;
    const HostLevel& hosts = plan_->sets.levels[choice.priority];
    Level& level = levels_[choice.priority];
    if (plan_->load.panic[choice.priority]) {
      world_.stats.lb_healthy_panic.add();
      if (world_.spec.zones.fail_traffic_on_panic) return nullptr;
      return prepared(level.all, hosts.all);
    }
    if (world_.spec.locality_weighted) {
      if (const std::optional<uint32_t> place =
              next_place(choice.degraded ? level.degraded_turns : level.healthy_turns, hosts, choice.degraded)) {
        return choice.degraded ? prepared(level.degraded_places[*place], hosts.localities[*place].degraded)
                               : prepared(level.healthy_places[*place], hosts.localities[*place].healthy);
      }
    }
    if (choice.priority == 0 && world_.cluster.local != nullptr && zones().kind != ZoneRouting::Kind::kOff) {
      const ZoneAware& spec = world_.spec.zones;
      if (spec.enabled_percent >= 100 || world_.random.below(100) < spec.enabled_percent) {
        if (zones_.own_cluster_in_panic) {
          world_.stats.lb_local_cluster_not_ok.add();
          if (spec.fail_traffic_on_panic) return nullptr;
        } else {
          const uint32_t place = zones_.choose(world_.random, world_.stats);
          return choice.degraded ? prepared(level.degraded_places[place], hosts.localities[place].degraded)
                                 : prepared(level.healthy_places[place], hosts.localities[place].healthy);
        }
      }
    }
    return choice.degraded ? prepared(level.degraded, hosts.degraded) : prepared(level.healthy, hosts.healthy);
  }

  /// They depend on the cluster that the proxy belongs to, which changes, too.
  const ZoneRouting& zones() {
    const ClusterState& own = *world_.cluster.local;
    const uint64_t version = own.endpoints_version.load(std::memory_order_acquire);
    if (version == own_version_) return zones_;
    own_version_ = version;
    zones_ = {};
    if (const EndpointSetPtr set = own.endpoints.load()) {
      const HostSets sets = make_host_sets(*set, world_.cluster.spec->own_locality.get());
      zones_ = make_zone_routing(world_.spec, plan_->sets, *endpoints_, sets, *set, world_.stats);
    }
    return zones_;
  }

  /// The locality whose turn it is; nothing if none has a weight.
  std::optional<uint32_t> next_place(Level::Turns& turns, const HostLevel& hosts, bool degraded) {
    if (!turns.made) make_turns(turns, hosts, degraded);
    if (turns.edf.empty()) return std::nullopt;
    return turns.edf.next([&](uint32_t place) { return turns.weights[place]; });
  }

  void make_turns(Level::Turns& turns, const HostLevel& hosts, bool degraded) {
    turns.made = true;
    if (!hosts.has_locality_weights) return;
    const double factor = plan_->sets.overprovisioning_factor / 100.0;
    for (uint32_t i = 0; i < hosts.localities.size(); ++i) {
      const LocalityHosts& place = hosts.localities[i];
      const size_t counted = place.all.size() - place.excluded;
      const size_t usable = degraded ? place.degraded.size() : place.healthy.size();
      const double share = counted == 0 ? 0 : static_cast<double>(usable) / static_cast<double>(counted);
      turns.weights.push_back(place.weight * std::min(1.0, factor * share));
      if (turns.weights.back() > 0) turns.edf.add(i, turns.weights.back());
    }
    start_anywhere(turns.edf, [&](uint32_t place) { return turns.weights[place]; });
  }

  /// Workers and proxies start at different places, so that they do not all send their first request to the same endpoint: the
  /// first turn begins anywhere, and some turns have been taken.
  template <class F>
  void start_anywhere(Edf& edf, F&& weight) {
    constexpr uint64_t kMostTurns = 64;
    if (edf.empty()) return;
    for (uint64_t turns = (seed_ >> 32) % kMostTurns; turns > 0; --turns) edf.next(weight);
  }

  Source* prepared(Source& source, const HostList& hosts) {
    if (source.hosts == &hosts) return &source;
    source.hosts = &hosts;
    if (!source.has_turn) source.turn = seed_;
    source.has_turn = true;
    if (hosts.size() < 2 || !weighs()) return &source;
    const uint32_t first = given_weight(hosts.front());
    const bool alike = std::ranges::all_of(hosts, [&](uint32_t host) { return given_weight(host) == first; });
    if (alike && !starts_slowly()) return &source;
    for (size_t i = 0; i < hosts.size(); ++i) {
      const uint32_t host = hosts[(seed_ % hosts.size() + i) % hosts.size()];
      source.edf.add(host, weight(host));
    }
    start_anywhere(source.edf, [this](uint32_t host) { return weight(host); });
    return &source;
  }

  bool starts_slowly() const {
    const int64_t window_ms = world_.spec.slow_start.window_ms;
    return window_ms > 0 && (monotonic_now() - newest_) / kNsPerMs <= window_ms;
  }

  const uint64_t seed_;
  const EndpointSet* endpoints_ = nullptr;
  const BalancingPlan* plan_ = nullptr;
  std::vector<Level> levels_;
  ZoneRouting zones_;
  uint64_t own_version_ = 0;  // of the own cluster's endpoints that zones_ was made of; 0: none
  MonotonicNs newest_ = 0;    // when the last endpoint became healthy
};

class RoundRobin final : public ListBalancer {
 public:
  using ListBalancer::ListBalancer;

 private:
  uint32_t take(Source& source, uint64_t) override { return (*source.hosts)[source.turn++ % source.hosts->size()]; }
  double weight(uint32_t host) const override { return slowly(endpoint(host).weight, host); }
};

/// Round robin by weights that endpoints give themselves: those that said nothing lately get the median.
class ClientWeightedRoundRobin final : public ListBalancer {
 public:
  using ListBalancer::ListBalancer;

  void adopt(const EndpointSet& endpoints, const BalancingPlan& plan) override {
    ListBalancer::adopt(endpoints, plan);
    weights_.clear();
    update(monotonic_now());
  }
  std::optional<uint32_t> pick(PickContext& context) override {
    if (const MonotonicNs now = monotonic_now(); now >= next_update_) update(now);
    return ListBalancer::pick(context);
  }

 private:
  uint32_t take(Source& source, uint64_t) override { return (*source.hosts)[source.turn++ % source.hosts->size()]; }
  double weight(uint32_t host) const override { return slowly(weights_[host], host); }
  uint32_t given_weight(uint32_t host) const override { return weights_[host]; }

  void update(MonotonicNs now) {
    const ClientWeighted& spec = *world_.spec.client_weighted;
    next_update_ = now + spec.update_ms * kNsPerMs;
    std::vector<uint32_t> weights(endpoint_count()), known;
    for (uint32_t host = 0; host < weights.size(); ++host) {
      weights[host] = reported(*endpoint(host).life, now);
      if (weights[host] != 0) known.push_back(weights[host]);
    }
    const uint32_t usual = known.empty() ? 1 : median(known);
    for (uint32_t& weight : weights) {
      if (weight == 0) weight = usual;
    }
    if (weights == weights_) return;
    weights_ = std::move(weights);
    forget_sources();
  }
  /// 0 if nothing counts.
  uint32_t reported(EndpointLife& life, MonotonicNs now) const {
    const ClientWeighted& spec = *world_.spec.client_weighted;
    const MonotonicNs first = life.reported_first.load(std::memory_order_relaxed);
    if (first == 0) return 0;
    if (life.reported_last.load(std::memory_order_relaxed) < now - spec.expiry_ms * kNsPerMs) {
      life.reported_first.store(0, std::memory_order_relaxed);
      return 0;
    }
    return first > now - spec.blackout_ms * kNsPerMs ? 0 : life.reported_weight.load(std::memory_order_relaxed);
  }
  static uint32_t median(std::vector<uint32_t>& of) {
    const auto middle = of.begin() + static_cast<ptrdiff_t>(of.size() / 2);
    std::ranges::nth_element(of, middle);
    if (of.size() % 2 == 1) return *middle;
    return static_cast<uint32_t>((uint64_t{*middle} + *std::max_element(of.begin(), middle)) / 2);
  }

  std::vector<uint32_t> weights_;
  MonotonicNs next_update_ = 0;
};

class LeastRequest final : public ListBalancer {
 public:
  using ListBalancer::ListBalancer;

 private:
  uint32_t take(Source& source, uint64_t) override {
    return world_.spec.full_scan ? least_of_all(*source.hosts) : least_of_some(*source.hosts);
  }

  uint32_t least_of_some(const HostList& hosts) {
    uint32_t best = hosts[world_.random.below(hosts.size())];
    for (uint32_t choice = 1; choice < world_.spec.choice_count; ++choice) {
      const uint32_t other = hosts[world_.random.below(hosts.size())];
      if (active(other) < active(best)) best = other;
    }
    return best;
  }

  uint32_t least_of_all(const HostList& hosts) {
    uint32_t best = hosts.front();
    uint64_t tied = 1;
    for (size_t i = 1; i < hosts.size(); ++i) {
      if (active(hosts[i]) < active(best)) {
        best = hosts[i];
        tied = 1;
      } else if (active(hosts[i]) == active(best) && world_.random.below(++tied) == 0) {
        best = hosts[i];
      }
    }
    return best;
  }

  double weight(uint32_t host) const override {
    double bias = world_.spec.active_request_bias_key.number(world_.spec.active_request_bias);
    if (!(bias >= 0)) bias = 1;
    const double requests = active(host) + 1;
    const double load = bias == 1 ? requests : bias == 0 ? 1 : std::pow(requests, bias);
    return slowly(endpoint(host).weight / load, host);
  }
};

class RandomPick final : public ListBalancer {
 public:
  using ListBalancer::ListBalancer;

 private:
  uint32_t take(Source& source, uint64_t random) override { return (*source.hosts)[random % source.hosts->size()]; }
  double weight(uint32_t) const override { return 1; }
  bool weighs() const override { return false; }  // weights of endpoints do not count here
};

}  // namespace

std::unique_ptr<Balancer> make_list_balancer(const BalancerWorld& world) {
  switch (world.spec.kind) {
    case BalancerKind::kLeastRequest:
      return std::make_unique<LeastRequest>(world);
    case BalancerKind::kRandom:
      return std::make_unique<RandomPick>(world);
    case BalancerKind::kClientWeighted:
      return std::make_unique<ClientWeightedRoundRobin>(world);
    default:
      return std::make_unique<RoundRobin>(world);
  }
}

}  // namespace weir::upstream
