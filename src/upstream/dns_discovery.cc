#include "upstream/dns_discovery.h"

#include <algorithm>

#include "upstream/dns_families.h"

namespace weir::upstream {

DnsDiscovery::Name::Name(DnsDiscovery& owner, size_t locality, const EndpointSpec& spec)
    : owner(owner), locality(locality), spec(spec), timer(loop::Timer::calling<&Name::refresh>(owner.loop_.timers(), *this)) {}

DnsDiscovery::DnsDiscovery(loop::EventLoop& loop, net::Resolver& resolver, ClusterState& cluster, OnEndpoints on_endpoints,
                           std::function<void()> on_warm)
    : loop_(loop),
      resolver_(resolver),
      cluster_(cluster),
      spec_(*cluster.spec),
      on_endpoints_(std::move(on_endpoints)),
      on_warm_(std::move(on_warm)) {
  const auto& localities = spec_.assignment.localities;
  for (size_t i = 0; i < localities.size(); ++i) {
    for (const EndpointSpec& endpoint : localities[i].endpoints) names_.push_back(std::make_unique<Name>(*this, i, endpoint));
  }
  if (names_.empty()) warm_ = true;
  for (auto& name : names_) name->timer.arm(0);
}

void DnsDiscovery::ask(Name& name) {
  cluster_.membership.update_attempt.add();
  name.second_family = false;
  start_query(name, first_family(spec_.dns_family));
}

void DnsDiscovery::start_query(Name& name, net::AddressFamily family) {
  if (name.spec.host.empty()) return on_answer(name, failure("there is no name to look up"));
  name.query = resolver_.resolve(name.spec.host, family, [this, &name](auto answer) { on_answer(name, std::move(answer)); });
}

void DnsDiscovery::on_answer(Name& name, Result<net::Resolver::Answer> answer) {
  const bool nothing = !answer || answer->addresses.empty();
  if (nothing && !name.second_family && has_second_family(spec_.dns_family)) {
    name.second_family = true;
    return start_query(name, second_family(spec_.dns_family));
  }
  name.query.reset();
  name.answered = true;
  // A strict name that is gone has no endpoints; a logical one keeps its address, as if nobody had answered.
  if (nothing && spec_.discovery == DiscoveryType::kLogicalDns) answer = failure("no address");
  if (answer) {
    name.failures = 0;
    cluster_.membership.update_success.add();
    take(name, *answer);
  } else {
    ++name.failures;
    cluster_.membership.update_failure.add();
  }
  name.timer.arm(next_refresh_ms(name, answer));
  become_warm(!nothing);
}

void DnsDiscovery::take(Name& name, const net::Resolver::Answer& answer) {
  if (spec_.discovery == DiscoveryType::kLogicalDns) {
    // One endpoint, whose connections last. As long as DNS names its address it stays, or every turn of a rotating answer
    // would take the connections down.
    const auto named = [&](const net::AddressPtr& known) {
      return std::ranges::find(answer.addresses, known->with_port(0)) != answer.addresses.end();
    };
    if (name.addresses.empty() || !named(name.addresses.front())) {
      name.addresses = {std::make_shared<const net::Address>(answer.addresses.front().with_port(name.spec.port))};
    }
  } else {
    name.addresses.clear();
    for (const net::Address& address : answer.addresses) {
      name.addresses.push_back(std::make_shared<const net::Address>(address.with_port(name.spec.port)));
    }
    // A rotated answer is no change.
    std::ranges::sort(name.addresses, {}, [](const net::AddressPtr& address) -> const std::string& { return address->text(); });
  }
  publish();
}

void DnsDiscovery::publish() {
  Assignment assignment;
  assignment.overprovisioning_factor = spec_.assignment.overprovisioning_factor;
  assignment.drop_share = spec_.assignment.drop_share;
  assignment.drop_category = spec_.assignment.drop_category;
  assignment.weighted_priority_health = spec_.assignment.weighted_priority_health;
  for (const LocalityEndpoints& place : spec_.assignment.localities) {
    assignment.localities.push_back({place.locality, place.priority, place.weight, place.has_locality, {}});
  }
  for (const auto& name : names_) {
    for (const net::AddressPtr& address : name->addresses) {
      EndpointSpec& endpoint = assignment.localities[name->locality].endpoints.emplace_back(name->spec);
      endpoint.address = address;
      if (endpoint.check_port != 0 && endpoint.check_address == nullptr) {
        endpoint.check_address = std::make_shared<const net::Address>(address->with_port(endpoint.check_port));
      }
    }
  }
  if (update_endpoints(cluster_, assignment)) {
    on_endpoints_(cluster_.endpoints.load());
  } else {
    cluster_.membership.update_no_rebuild.add();
  }
}

void DnsDiscovery::become_warm(bool found) {
  if (warm_) return;
  warm_ = found || std::ranges::all_of(names_, [](const auto& name) { return name->answered; });
  if (warm_) on_warm_();
}

int64_t DnsDiscovery::next_refresh_ms(const Name& name, const Result<net::Resolver::Answer>& answer) {
  int64_t wait = spec_.dns_refresh_ms;
  if (!answer) {
    wait = spec_.dns_failure_refresh_ms;
    if (spec_.dns_failure_refresh_max_ms > 0) {
      const int64_t doubled = wait << std::min<uint32_t>(name.failures - 1, 20);
      wait = static_cast<int64_t>(
          1 + loop_.random().below(static_cast<uint64_t>(std::min(doubled, spec_.dns_failure_refresh_max_ms))));
    }
  } else if (spec_.respect_dns_ttl && answer->ttl_s) {
    wait = std::max<int64_t>(*answer->ttl_s, 1) * 1000;
  }
  return wait + static_cast<int64_t>(loop_.random().below(static_cast<uint64_t>(spec_.dns_jitter_ms)));
}

}  // namespace weir::upstream
