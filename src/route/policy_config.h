// Reading the policies of a forwarding route: retries, hashing, mirroring, hedging, upgrades, internal redirects.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <vector>

#include "config/support.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "route/config_reader.h"

namespace weir::route {

/// Fills the policies of `forward`; what the route does not say is inherited.
void read_policies(ConfigReader& reader, const envoy::config::route::v3::RouteAction& config, const InheritedPolicies& inherited,
                   const config::FieldPath& at, Forward& forward);

/// The policies that all routes of a virtual host inherit. `from` are the route configuration's.
InheritedPolicies inherited_policies(ConfigReader& reader, const envoy::config::route::v3::VirtualHost& config,
                                     const InheritedPolicies& from, const config::FieldPath& at);

std::vector<MirrorPolicy> mirror_policies(
    ConfigReader& reader,
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::RequestMirrorPolicy>& config,
    const config::FieldPath& at);

/// The older place of what the filter cors is told now. Nobody asks it, but its expressions must be right.
void check_cors(ConfigReader& reader, const envoy::config::route::v3::CorsPolicy& config, const config::FieldPath& at);

/// How much of a request's body may be kept, as a virtual host or a route says it.
template <class M>
Rare<BodyLimits> body_limits(const M& config) {
  BodyLimits result;
  if (config.has_request_body_buffer_limit()) result.beyond_connection = config.request_body_buffer_limit().value();
  if (config.has_per_request_buffer_limit_bytes()) result.within_connection = config.per_request_buffer_limit_bytes().value();
  return result == BodyLimits() ? Rare<BodyLimits>() : Rare(result);
}

/// Says which policies are implemented.
void declare_policies(config::SupportTable& table);

}  // namespace weir::route
