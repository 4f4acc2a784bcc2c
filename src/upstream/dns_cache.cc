#include "upstream/dns_cache.h"

#include <algorithm>
#include <utility>

#include "stats/table.h"
#include "upstream/dns_families.h"
#include "upstream/forward_proxy.h"

namespace weir::upstream {

namespace {

constexpr auto kStats = stats::table<DnsCacheStats>({
    {"cache_load", &DnsCacheStats::cache_load},
    {"dns_query_attempt", &DnsCacheStats::dns_query_attempt},
    {"dns_query_failure", &DnsCacheStats::dns_query_failure},
    {"dns_query_success", &DnsCacheStats::dns_query_success},
    {"dns_query_timeout", &DnsCacheStats::dns_query_timeout},
    {"host_added", &DnsCacheStats::host_added},
    {"host_address_changed", &DnsCacheStats::host_address_changed},
    {"host_removed", &DnsCacheStats::host_removed},
    {"num_hosts", &DnsCacheStats::num_hosts},
});
constexpr auto kWorkerStats = stats::table<DnsCacheWorkerStats>({
    {"dns_rq_pending_overflow", &DnsCacheWorkerStats::dns_rq_pending_overflow},
    {"host_overflow", &DnsCacheWorkerStats::host_overflow},
});

}  // namespace

/// Shared by the worker that waits and main, which only carries it back.
struct DnsCache::Waiting {
  loop::EventLoop& loop;
  DnsWaiter* waiter;  // of the worker; null: it wants no more
};

class DnsCache::Wait {
 public:
  explicit Wait(std::shared_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  ~Wait() { waiting_->waiter = nullptr; }

 private:
  const std::shared_ptr<Waiting> waiting_;
};

void DnsCache::WaitDeleter::operator()(Wait* wait) const { delete wait; }

/// One host: ask ─▶ wait for the answer ─▶ wait for its time to live ─▶ ask …, until nobody uses it any more.
struct DnsCache::Entry {
  Entry(DnsCache& cache, std::string name)
      : cache(cache),
        name(std::move(name)),
        used(std::make_shared<std::atomic<MonotonicNs>>(cache.loop_.now())),
        refresh_timer(loop::Timer::calling<&Entry::on_refresh>(cache.loop_.timers(), *this)),
        timeout_timer(loop::Timer::calling<&Entry::on_timeout>(cache.loop_.timers(), *this)) {}
  void on_refresh() { cache.on_refresh(*this); }
  void on_timeout() { cache.on_timeout(*this); }

  DnsCache& cache;
  const std::string name;
  const std::shared_ptr<std::atomic<MonotonicNs>> used;
  CachedHostPtr known;  // null before the first answer
  bool second_family = false;
  uint32_t failures = 0;  // in a row
  net::Resolver::QueryPtr query;
  std::vector<std::shared_ptr<Waiting>> waiting;
  loop::Timer refresh_timer, timeout_timer;
};

DnsCache::DnsCache(loop::EventLoop& loop, net::Resolver& resolver, DnsCacheSpec spec, stats::Registry& registry, size_t workers)
    : loop_(loop), resolver_(resolver), spec_(std::move(spec)), worker_stats_(workers), pending_(spec_.max_pending_requests) {
  const std::string prefix = "dns_cache." + (spec_.name.empty() ? "" : stats::sanitize(spec_.name) + ".");
  registrations_.push_back(registry.add(prefix, [this](stats::StatVisitor& visitor) {
    stats::visit(visitor, kStats, stats_);
    stats::visit(visitor, kWorkerStats, worker_stats_);
    if (!visitor.wants(stats::StatKind::kGauge)) return;
    const auto scope = visitor.scope("circuit_breakers.");
    visitor.gauge("rq_pending_open", pending_.open() ? 1 : 0);
    visitor.gauge("rq_pending_remaining", pending_.remaining());
  }));
}

DnsCache::~DnsCache() = default;

bool DnsCache::has_room(size_t worker) {
  if (!pending_.open()) return true;
  worker_stats_.mine(worker).dns_rq_pending_overflow.add();
  return false;
}

DnsCache::Found DnsCache::look_up(const std::string& name, loop::EventLoop& loop, size_t worker, DnsWaiter& waiter) {
  if (const std::shared_ptr<const Known> known = known_.load()) {
    if (const auto found = known->find(name); found != known->end()) {
      found->second->used->store(loop.now(), std::memory_order_relaxed);
      return {found->second, nullptr};
    }
  }
  if (count_.load(std::memory_order_relaxed) >= spec_.max_hosts) {
    worker_stats_.mine(worker).host_overflow.add();
    return {};
  }
  auto waiting = std::make_shared<Waiting>(loop, &waiter);
  loop_.post([self = weak_from_this(), name, waiting] {
    if (const DnsCachePtr cache = self.lock()) cache->want(name, waiting);
  });
  return {nullptr, WaitPtr(new Wait(std::move(waiting)))};
}

// --- main ---

void DnsCache::start() {
  for (const std::string& name : spec_.preresolved) want(name, nullptr);
}

void DnsCache::want(const std::string& name, std::shared_ptr<Waiting> waiting) {
  std::unique_ptr<Entry>& place = entries_[name];
  const bool is_new = place == nullptr;
  if (is_new) {
    place = std::make_unique<Entry>(*this, name);
    count_.store(entries_.size(), std::memory_order_relaxed);
    stats_.host_added.add();
    stats_.num_hosts.set(static_cast<int64_t>(entries_.size()));
  }
  Entry& entry = *place;
  if (waiting != nullptr) entry.waiting.push_back(std::move(waiting));
  if (is_new) return ask(entry);
  if (entry.known != nullptr) tell(entry);  // it was answered while the question was on its way
}

void DnsCache::tell(Entry& entry) {
  for (std::shared_ptr<Waiting>& each : std::exchange(entry.waiting, {})) {
    each->loop.post([each, host = entry.known] {
      if (each->waiter != nullptr) each->waiter->on_resolved(*host);
    });
  }
}

void DnsCache::ask(Entry& entry) {
  stats_.dns_query_attempt.add();
  entry.second_family = false;
  entry.timeout_timer.arm(spec_.query_timeout_ms);
  start_query(entry, first_family(spec_.family));
}

void DnsCache::start_query(Entry& entry, net::AddressFamily family) {
  const std::string host = entry.name.substr(0, entry.name.rfind(':'));
  entry.query = resolver_.resolve(host, family, [this, &entry](auto answer) { on_answer(entry, std::move(answer)); });
}

void DnsCache::on_answer(Entry& entry, Result<net::Resolver::Answer> answer) {
  const bool nothing = !answer || answer->addresses.empty();
  if (nothing && !entry.second_family && has_second_family(spec_.family)) {
    entry.second_family = true;
    return start_query(entry, second_family(spec_.family));
  }
  entry.query.reset();
  entry.timeout_timer.cancel();
  (answer ? stats_.dns_query_success : stats_.dns_query_failure).add();
  if (!answer) return settle(entry, nullptr, "cares_failure:" + answer.error().message, failed_again_ms(entry));
  entry.failures = 0;
  const int64_t next_ms = std::max(answer->ttl_s ? int64_t{*answer->ttl_s} * 1000 : spec_.refresh_ms, spec_.least_refresh_ms);
  if (nothing) return settle(entry, nullptr, "cares_norecords:" + std::string(answer->why_none), next_ms);
  const auto port = static_cast<uint16_t>(std::stoul(entry.name.substr(entry.name.rfind(':') + 1)));
  settle(entry, std::make_shared<const net::Address>(answer->addresses.front().with_port(port)), "", next_ms);
}

void DnsCache::on_timeout(Entry& entry) {
  entry.query.reset();
  stats_.dns_query_timeout.add();
  stats_.dns_query_failure.add();
  settle(entry, nullptr, "resolve_timeout", failed_again_ms(entry));
}

int64_t DnsCache::failed_again_ms(Entry& entry) {
  ++entry.failures;
  if (spec_.failure_refresh_max_ms == 0) return spec_.failure_refresh_ms;
  const int64_t doubled = spec_.failure_refresh_ms << std::min<uint32_t>(entry.failures - 1, 20);
  return static_cast<int64_t>(1 + loop_.random().below(static_cast<uint64_t>(std::min(doubled, spec_.failure_refresh_max_ms))));
}

/// An address that was known stays while DNS has none.
void DnsCache::settle(Entry& entry, net::AddressPtr address, std::string details, int64_t next_ms) {
  entry.refresh_timer.arm(next_ms);
  const bool first = entry.known == nullptr;
  const net::AddressPtr before = first ? nullptr : entry.known->address;
  const bool moved = address != nullptr && (before == nullptr || !(*before == *address));
  if (moved) stats_.host_address_changed.add();
  if (!first && !moved) return;
  entry.known = std::make_shared<const CachedHost>(entry.name, std::move(address), std::move(details), entry.used);
  publish(moved);
  tell(entry);
}

void DnsCache::on_refresh(Entry& entry) {
  if (loop_.now() - entry.used->load(std::memory_order_relaxed) < spec_.host_ttl_ms * kNsPerMs) return ask(entry);
  const bool had_address = entry.known != nullptr && entry.known->address != nullptr;
  const std::string name = entry.name;
  entries_.erase(name);
  count_.store(entries_.size(), std::memory_order_relaxed);
  stats_.host_removed.add();
  stats_.num_hosts.set(static_cast<int64_t>(entries_.size()));
  publish(had_address);
}

/// Whoever has endpoints of these hosts gets them first, so that they are there when those who wait go on.
void DnsCache::publish(bool moved) {
  auto known = std::make_shared<Known>();
  for (const auto& [name, entry] : entries_) {
    if (entry->known != nullptr) known->emplace(name, entry->known);
  }
  std::erase_if(subscribers_, [](const auto& each) { return each.expired(); });
  for (const auto& each : moved ? std::vector(subscribers_) : std::vector<std::weak_ptr<std::function<void()>>>()) {
    if (const Subscription on_change = each.lock()) (*on_change)();
  }
  known_.store(std::move(known));
}

DnsCache::Subscription DnsCache::subscribe(std::function<void()> on_change) {
  auto result = std::make_shared<std::function<void()>>(std::move(on_change));
  subscribers_.push_back(result);
  return result;
}

std::vector<CachedHostPtr> DnsCache::hosts() const {
  std::vector<CachedHostPtr> result;
  for (const auto& [name, entry] : entries_) {
    if (entry->known != nullptr && entry->known->address != nullptr) result.push_back(entry->known);
  }
  return result;
}

}  // namespace weir::upstream
