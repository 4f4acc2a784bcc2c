#include "upstream/forward_proxy.h"

#include "base/text.h"
#include "http/header_map.h"

namespace weir::upstream {

namespace {

/// Where the port's colon is; npos if the host says no port.
size_t port_colon(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return colon;
  const size_t bracket = host.rfind(']');
  if (bracket != std::string_view::npos) return colon > bracket ? colon : std::string_view::npos;
  return host.find(':') == colon ? colon : std::string_view::npos;  // several: an IPv6 address without brackets
}

}  // namespace

std::string with_port(std::string_view host, uint16_t default_port) {
  const size_t colon = port_colon(host);
  if (colon != std::string_view::npos && parse_number<uint16_t>(host.substr(colon + 1))) return std::string(host);
  return std::string(host) + ":" + std::to_string(default_port);
}

std::string wanted_name(const ForwardProxySpec& spec, PickContext& context) {
  const format::StreamInfo* info = context.info();
  std::string_view host;
  uint16_t port = spec.default_port;
  if (info != nullptr) {
    if (const auto* object = info->filter_state.find("envoy.upstream.dynamic_host")) host = object->text;
    if (const auto* object = info->filter_state.find("envoy.upstream.dynamic_port")) {
      if (const auto number = parse_number<uint16_t>(object->text)) port = *number;
    }
  }
  if (host.empty() && context.headers() != nullptr) host = context.headers()->authority();
  if (host.empty() && context.headers() == nullptr && info != nullptr && info->connection != nullptr) {
    host = info->connection->requested_server_name;
  }
  return host.empty() ? std::string() : with_port(host, port);
}

HostPort host_and_port(std::string_view text, uint16_t default_port) {
  uint16_t port = default_port;
  if (const size_t colon = port_colon(text); colon != std::string_view::npos) {
    if (const auto given = parse_number<uint16_t>(text.substr(colon + 1))) {
      port = *given;
      text = text.substr(0, colon);
    }
  }
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return {std::string(text), port};
}

std::string sub_cluster_name(const HostPort& target) { return "DFPCluster:" + target.host + ":" + std::to_string(target.port); }

}  // namespace weir::upstream
