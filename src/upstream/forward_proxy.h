// Which host a request wants to be forwarded to, in a dynamic forward proxy.
#pragma once

#include <string>
#include <string_view>

#include "upstream/pick_context.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// "name:port", as DNS caches know it: `host` with the default port where it says none; what is none belongs to the name. An IPv6
/// address is in brackets.
std::string with_port(std::string_view host, uint16_t default_port);

/// What the request's filter state (envoy.upstream.dynamic_host and _port), else its host, else its connection's SNI says; "" for
/// nothing.
std::string wanted_name(const ForwardProxySpec& spec, PickContext& context);

struct HostPort {
  std::string host;  // an IPv6 address without brackets
  uint16_t port = 0;
};
/// What a Host header says, or "name:port". A port that is none belongs to the host.
HostPort host_and_port(std::string_view text, uint16_t default_port);
/// Of the cluster that a dynamic forward proxy has for it.
std::string sub_cluster_name(const HostPort& target);

}  // namespace weir::upstream
