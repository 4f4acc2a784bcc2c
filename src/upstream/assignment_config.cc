// ClusterLoadAssignment becomes Assignment.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "format/lb_criteria_config.h"
#include "format/static_metadata_config.h"
#include "net/address_config.h"
#include "upstream/cluster_config.h"
#include "upstream/match_values.h"

namespace weir::upstream {

namespace core = envoy::config::core::v3;
namespace endpoint = envoy::config::endpoint::v3;
using config::Diagnostics;
using config::FieldPath;

namespace {

bool is_dns(DiscoveryType discovery) { return discovery == DiscoveryType::kStrictDns || discovery == DiscoveryType::kLogicalDns; }

bool is_canary(const core::Metadata& metadata) {
  const auto lb = metadata.filter_metadata().find("envoy.lb");
  if (lb == metadata.filter_metadata().end()) return false;
  const auto canary = lb->second.fields().find("canary");
  return canary != lb->second.fields().end() && canary->second.bool_value();
}

LbMetadataPtr lb_metadata(const core::Metadata& metadata) {
  const auto lb = metadata.filter_metadata().find("envoy.lb");
  if (lb == metadata.filter_metadata().end()) return nullptr;
  auto result = std::make_shared<LbMetadata>();
  for (const auto& [name, value] : lb->second.fields()) {
    LbField& field = result->fields.emplace_back();
    field.name = name;
    field.value = format::canonical_value(value);
    field.is_list = value.has_list_value();
    for (const auto& item : value.list_value().values()) field.items.push_back(format::canonical_value(item));
    if (name == "hash_key") result->hash_key = value.string_value();
  }
  std::ranges::sort(result->fields, {}, &LbField::name);
  return result;
}

// The name and port to resolve. As in Envoy, an endpoint without a name is none that could ever be found.
bool read_name(const core::Address& address, const FieldPath& at, Diagnostics& diagnostics, EndpointSpec& result) {
  const FieldPath socket{&at, "socket_address"};
  const auto wrong = [&](const FieldPath& path, std::string message, std::string hint) {
    diagnostics.error({{}, path.text(), std::move(message), std::move(hint)});
    return false;
  };
  if (!address.has_socket_address()) {
    diagnostics.warning(
        {{}, at.text(), "the endpoint of a DNS cluster has no name, so it has no address", "give socket_address"});
    return true;
  }
  const core::SocketAddress& name = address.socket_address();
  if (!name.resolver_name().empty()) {
    return wrong(FieldPath{&socket, "resolver_name"}, "a DNS cluster must not have a custom resolver name", "remove it");
  }
  if (name.port_specifier_case() == core::SocketAddress::kNamedPort) {
    diagnostics.warning({{},
                         FieldPath{&socket, "named_port"}.text(),
                         "a DNS cluster cannot look up named ports, so the port is 0",
                         "give port_value"});
  }
  result.host = name.address();
  result.port = static_cast<uint16_t>(name.port_value());
  if (result.hostname.empty()) result.hostname = result.host;
  return true;
}

// Further addresses of the same endpoint. The main one may stand among them.
bool read_additional(const endpoint::Endpoint& from, const FieldPath& at, Diagnostics& diagnostics, EndpointSpec& result) {
  const FieldPath list{&at, "additional_addresses"};
  for (int i = 0; i < from.additional_addresses_size(); ++i) {
    const FieldPath item{&list, {}, i};
    net::AddressPtr address = net::read_address(from.additional_addresses(i).address(), FieldPath{&item, "address"}, diagnostics);
    if (address == nullptr) return false;
    if (!address->is_ip() || !result.address->is_ip()) {
      diagnostics.error({{}, item.text(), "only endpoints with IP addresses can have additional ones", "remove it"});
      return false;
    }
    if (!(*address == *result.address)) result.additional_addresses.push_back(std::move(address));
  }
  return true;
}

bool read_endpoint(const endpoint::LbEndpoint& from, DiscoveryType discovery, const FieldPath& at, Diagnostics& diagnostics,
                   EndpointSpec& result) {
  const FieldPath inner{&at, "endpoint"};
  const FieldPath address{&inner, "address"};
  if (!from.endpoint().has_address() && !is_dns(discovery)) {
    diagnostics.error({{}, address.text(), "an address must be set", "give socket_address or pipe"});
    return false;
  }
  result.hostname = from.endpoint().hostname();
  result.weight = from.has_load_balancing_weight() ? from.load_balancing_weight().value() : 1;
  result.health = health_of(from.health_status());
  result.canary = is_canary(from.metadata());
  result.lb_metadata = lb_metadata(from.metadata());
  result.metadata = format::read_static_metadata(from.metadata());
  const auto match = from.metadata().filter_metadata().find("envoy.transport_socket_match");
  if (match != from.metadata().filter_metadata().end()) result.transport_match = match_values(match->second);
  const endpoint::Endpoint::HealthCheckConfig& check = from.endpoint().health_check_config();
  result.no_active_check = check.disable_active_health_check();
  result.check_hostname = check.hostname();
  result.check_port = static_cast<uint16_t>(check.port_value());
  if (check.has_address()) {
    const FieldPath config{&inner, "health_check_config"};
    result.check_address = net::read_address(check.address(), FieldPath{&config, "address"}, diagnostics, "give an IP address");
    if (result.check_address == nullptr) return false;
    if (result.check_port != 0) {
      result.check_address = std::make_shared<const net::Address>(result.check_address->with_port(result.check_port));
    }
  }
  if (is_dns(discovery)) return read_name(from.endpoint().address(), address, diagnostics, result);
  result.address = net::read_address(from.endpoint().address(), address, diagnostics,
                                     "give an IP address, or set the cluster's type to STRICT_DNS or LOGICAL_DNS");
  if (result.address == nullptr) return false;
  if (result.check_port != 0 && result.check_address == nullptr && result.address->is_ip()) {
    result.check_address = std::make_shared<const net::Address>(result.address->with_port(result.check_port));
  }
  return read_additional(from.endpoint(), inner, diagnostics, result);
}

}  // namespace

MatchValues match_values(const google::protobuf::Struct& fields) {
  MatchValues result;
  for (const auto& [name, value] : fields.fields()) result.emplace_back(name, value.SerializeAsString());
  std::ranges::sort(result);
  return result;
}

Health health_of(core::HealthStatus status) {
  switch (status) {
    case core::UNHEALTHY:
      return Health::kUnhealthy;
    case core::DRAINING:
      return Health::kDraining;
    case core::TIMEOUT:
      return Health::kTimeout;
    case core::DEGRADED:
      return Health::kDegraded;
    default:
      return Health::kHealthy;
  }
}

bool read_assignment(const endpoint::ClusterLoadAssignment& assignment, DiscoveryType discovery, const FieldPath& at,
                     Diagnostics& diagnostics, Assignment& result) {
  bool good = true;
  const auto wrong = [&](const FieldPath& path, std::string message, std::string hint) {
    diagnostics.error({{}, path.text(), std::move(message), std::move(hint)});
    good = false;
  };
  const FieldPath policy{&at, "policy"}, drops{&policy, "drop_overloads"};
  if (assignment.policy().drop_overloads_size() > 1) wrong(drops, "there is more than one category to drop", "keep one");
  for (const auto& drop : assignment.policy().drop_overloads()) {
    constexpr double kUnits[] = {100, 10'000, 1'000'000};
    const auto& share = drop.drop_percentage();
    result.drop_share = share.numerator() / kUnits[std::min<size_t>(share.denominator(), 2)];
    result.drop_category = drop.category();
    if (result.drop_share <= 1) continue;
    const FieldPath first{&drops, {}, 0};
    wrong(FieldPath{&first, "drop_percentage"}, "is more than all", "");
  }
  result.weighted_priority_health = assignment.policy().weighted_priority_health();
  if (assignment.policy().has_overprovisioning_factor()) {
    result.overprovisioning_factor = assignment.policy().overprovisioning_factor().value();
  }
  const FieldPath localities{&at, "endpoints"};
  if (discovery == DiscoveryType::kLogicalDns &&
      (assignment.endpoints_size() != 1 || assignment.endpoints(0).lb_endpoints_size() != 1)) {
    wrong(localities, "a LOGICAL_DNS cluster must have exactly one locality with exactly one endpoint",
          "use STRICT_DNS for several names");
    return false;
  }
  std::map<uint32_t, uint64_t> weights;  // by priority
  for (int i = 0; i < assignment.endpoints_size(); ++i) {
    const endpoint::LocalityLbEndpoints& from = assignment.endpoints(i);
    const FieldPath locality{&localities, {}, i};
    LocalityEndpoints& place = result.localities.emplace_back();
    place.locality = {from.locality().region(), from.locality().zone(), from.locality().sub_zone()};
    place.has_locality = from.has_locality();
    place.priority = from.priority();
    place.weight = from.load_balancing_weight().value();
    place.endpoints.reserve(static_cast<size_t>(from.lb_endpoints_size()));
    const FieldPath endpoints{&locality, "lb_endpoints"};
    for (int j = 0; j < from.lb_endpoints_size(); ++j) {
      good = read_endpoint(from.lb_endpoints(j), discovery, FieldPath{&endpoints, {}, j}, diagnostics,
                           place.endpoints.emplace_back()) &&
             good;
    }
    if ((weights[place.priority] += place.weight) > std::numeric_limits<uint32_t>::max()) {
      wrong(FieldPath{&locality, "load_balancing_weight"},
            "the weights of all localities of priority " + std::to_string(place.priority) + " exceed 4294967295", "");
    }
  }
  return good;
}

}  // namespace weir::upstream
