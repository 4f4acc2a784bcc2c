#include "upstream/endpoint.h"

#include <algorithm>
#include <unordered_map>

namespace weir::upstream {

const LbField* LbMetadata::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(fields, name, {}, &LbField::name);
  return found != fields.end() && found->name == name ? &*found : nullptr;
}

namespace {

bool same_metadata(const LbMetadataPtr& a, const LbMetadataPtr& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool same_address(const net::AddressPtr& a, const net::AddressPtr& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool same(const Endpoint& have, const EndpointSpec& want, const LocalityEndpoints& place) {
  const auto equal = [](const net::AddressPtr& a, const net::AddressPtr& b) { return *a == *b; };
  return std::ranges::equal(have.additional_addresses, want.additional_addresses, equal) && have.hostname == want.hostname &&
         have.weight == want.weight && have.health == want.health && have.canary == want.canary &&
         have.no_active_check == want.no_active_check && have.check_hostname == want.check_hostname &&
         same_address(have.check_address, want.check_address) && have.transport_match == want.transport_match &&
         same_metadata(have.lb_metadata, want.lb_metadata) && have.priority == place.priority && have.locality == place.locality;
}

}  // namespace

std::shared_ptr<EndpointSet> make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous) {
  std::unordered_map<std::string_view, EndpointPtr> known;
  if (previous != nullptr) {
    for (const EndpointPtr& endpoint : previous->endpoints) known.emplace(endpoint->address->text(), endpoint);
  }
  auto set = std::make_shared<EndpointSet>();
  set->overprovisioning_factor = assignment.overprovisioning_factor;
  set->weighted_priority_health = assignment.weighted_priority_health;
  set->drop_share = assignment.drop_share;
  for (const LocalityEndpoints& place : assignment.localities) {
    if (place.weight != 0 && place.has_locality) set->locality_weights.push_back({place.locality, place.priority, place.weight});
    for (const EndpointSpec& spec : place.endpoints) {
      if (spec.address == nullptr) continue;  // a name that has not been resolved
      if (auto found = known.find(spec.address->text()); found != known.end() && same(*found->second, spec, place)) {
        set->endpoints.push_back(found->second);
        continue;
      }
      auto endpoint = std::make_shared<Endpoint>(workers, spec.address);
      endpoint->additional_addresses = spec.additional_addresses;
      endpoint->hostname = spec.hostname;
      endpoint->locality = place.locality;
      endpoint->priority = place.priority;
      endpoint->weight = spec.weight;
      endpoint->health = spec.health;
      endpoint->canary = spec.canary;
      endpoint->no_active_check = spec.no_active_check;
      endpoint->check_address = spec.check_address;
      endpoint->check_hostname = spec.check_hostname;
      endpoint->transport_match = spec.transport_match;
      endpoint->lb_metadata = spec.lb_metadata;
      endpoint->healthy_since = monotonic_now();
      set->endpoints.push_back(std::move(endpoint));
    }
  }
  return set;
}

}  // namespace weir::upstream
