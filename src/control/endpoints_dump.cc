// What /config_dump?include_eds shows: the endpoints in use, in the form of their configuration.
#include <algorithm>
#include <cmath>

#include "control/clusters.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "format/metadata_config.h"
#include "google/protobuf/struct.pb.h"
#include "net/address_config.h"

namespace weir::control {

namespace {

namespace core = envoy::config::core::v3;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::endpoint::v3::LocalityLbEndpoints;
using upstream::Health;

core::HealthStatus health(Health health) {
  switch (health) {
    case Health::kHealthy:
      return core::HEALTHY;
    case Health::kDegraded:
      return core::DEGRADED;
    case Health::kUnhealthy:
      return core::UNHEALTHY;
    case Health::kDraining:
      return core::DRAINING;
    case Health::kTimeout:
      return core::TIMEOUT;
  }
  return core::UNKNOWN;
}

void fill(const upstream::Endpoint& endpoint, LocalityLbEndpoints& place) {
  auto& into = *place.add_lb_endpoints();
  net::write_address(*endpoint.address, *into.mutable_endpoint()->mutable_address());
  for (const net::AddressPtr& more : endpoint.additional_addresses) {
    net::write_address(*more, *into.mutable_endpoint()->add_additional_addresses()->mutable_address());
  }
  auto& check = *into.mutable_endpoint()->mutable_health_check_config();
  check.set_hostname(endpoint.check_hostname);
  if (endpoint.check_address != nullptr && endpoint.check_address->port() != endpoint.address->port()) {
    check.set_port_value(endpoint.check_address->port());
  }
  into.mutable_endpoint()->set_hostname(endpoint.hostname);
  if (endpoint.metadata != nullptr) {
    for (const auto& [filter, note] : endpoint.metadata->notes()) {
      format::write_metadata(note, (*into.mutable_metadata()->mutable_filter_metadata())[std::string(filter)]);
    }
  }
  into.set_health_status(health(endpoint.health));
  into.mutable_load_balancing_weight()->set_value(endpoint.weight);
}

/// That of its locality.
uint32_t weight_of(const upstream::EndpointSet& set, const upstream::Endpoint& endpoint) {
  const auto found = std::ranges::find_if(set.locality_weights, [&](const upstream::EndpointSet::LocalityWeight& each) {
    return each.priority == endpoint.priority && each.locality == endpoint.locality;
  });
  return found == set.locality_weights.end() ? 0 : found->weight;
}

ClusterLoadAssignment assignment(const upstream::ClusterState& cluster) {
  ClusterLoadAssignment result;
  result.set_cluster_name(cluster.spec->discovery == upstream::DiscoveryType::kEds ? cluster.spec->eds_service_name
                                                                                   : cluster.spec->name);
  const upstream::EndpointSetPtr set = cluster.endpoints.load();
  if (set == nullptr) return result;
  std::vector<upstream::EndpointPtr> endpoints = set->endpoints;
  std::ranges::stable_sort(endpoints, {}, &upstream::Endpoint::priority);
  std::vector<const upstream::Endpoint*> firsts;  // one for each place, in the order of the places
  for (const upstream::EndpointPtr& endpoint : endpoints) {
    auto first = std::ranges::find_if(firsts, [&](const upstream::Endpoint* other) {
      return other->priority == endpoint->priority && other->locality == endpoint->locality;
    });
    if (first == firsts.end()) {
      first = firsts.insert(first, endpoint.get());
      LocalityLbEndpoints& place = *result.add_endpoints();
      place.mutable_locality()->set_region(endpoint->locality.region);
      place.mutable_locality()->set_zone(endpoint->locality.zone);
      place.mutable_locality()->set_sub_zone(endpoint->locality.sub_zone);
      place.set_priority(endpoint->priority);
      place.mutable_load_balancing_weight()->set_value(weight_of(*set, *endpoint));
    }
    fill(*endpoint, *result.mutable_endpoints(static_cast<int>(first - firsts.begin())));
  }
  if (set->drop_share != 0) {
    auto& drop = *result.mutable_policy()->add_drop_overloads();
    drop.set_category(set->drop_category);
    drop.mutable_drop_percentage()->set_numerator(static_cast<uint32_t>(std::lround(set->drop_share * 1'000'000)));
    drop.mutable_drop_percentage()->set_denominator(envoy::type::v3::FractionalPercent::MILLION);
  }
  result.mutable_policy()->mutable_overprovisioning_factor()->set_value(set->overprovisioning_factor);
  return result;
}

}  // namespace

void Clusters::dump(envoy::admin::v3::EndpointsConfigDump& dump) const {
  for (const auto& [name, entry] : active_) {
    const ClusterLoadAssignment endpoints = assignment(*entry->state);
    if (entry->state->spec->added_via_api) {
      dump.add_dynamic_endpoint_configs()->mutable_endpoint_config()->PackFrom(endpoints);
    } else {
      dump.add_static_endpoint_configs()->mutable_endpoint_config()->PackFrom(endpoints);
    }
  }
}

}  // namespace weir::control
