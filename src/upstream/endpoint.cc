#include "upstream/endpoint.h"

#include <unordered_map>

namespace weir::upstream {

namespace {

bool same(const Endpoint& have, const EndpointSpec& want, const LocalityEndpoints& place) {
  return have.hostname == want.hostname && have.weight == want.weight && have.health == want.health &&
         have.canary == want.canary && have.transport_match == want.transport_match && have.priority == place.priority &&
         have.locality == place.locality;
}

}  // namespace

EndpointSetPtr make_endpoint_set(const Assignment& assignment, size_t workers, const EndpointSet* previous) {
  std::unordered_map<std::string_view, EndpointPtr> known;
  if (previous != nullptr) {
    for (const EndpointPtr& endpoint : previous->endpoints) known.emplace(endpoint->address->text(), endpoint);
  }
  auto set = std::make_shared<EndpointSet>();
  set->overprovisioning_factor = assignment.overprovisioning_factor;
  for (const LocalityEndpoints& place : assignment.localities) {
    for (const EndpointSpec& spec : place.endpoints) {
      if (spec.address == nullptr) continue;  // a name that has not been resolved
      if (auto found = known.find(spec.address->text()); found != known.end() && same(*found->second, spec, place)) {
        set->endpoints.push_back(found->second);
        continue;
      }
      auto endpoint = std::make_shared<Endpoint>(workers, spec.address);
      endpoint->hostname = spec.hostname;
      endpoint->locality = place.locality;
      endpoint->priority = place.priority;
      endpoint->weight = spec.weight;
      endpoint->health = spec.health;
      endpoint->canary = spec.canary;
      endpoint->transport_match = spec.transport_match;
      set->endpoints.push_back(std::move(endpoint));
    }
  }
  return set;
}

}  // namespace weir::upstream
