#include "proxy/connection_wishes.h"

#include "net/address.h"

namespace weir::proxy {

upstream::ConnectionWishes connection_wishes(const upstream::ClusterSpec& cluster, const http::HeaderMap& request) {
  if (!cluster.auto_sni && !cluster.auto_san_validation) return {};
  std::string_view host = request.authority();
  if (!cluster.auto_sni_header.empty() && cluster.auto_sni_header != ":authority" && cluster.auto_sni_header != "host") {
    if (const std::string_view value = request.get_joined(cluster.auto_sni_header); !value.empty()) host = value;
  }
  const bool bracketed = host.starts_with('[');
  const size_t end = bracketed ? host.find(']') : host.rfind(':');
  if (bracketed) {
    host = host.substr(1, end == std::string_view::npos ? std::string_view::npos : end - 1);
  } else if (end != std::string_view::npos) {
    host = host.substr(0, end);
  }
  upstream::ConnectionWishes wishes;
  // An address is no name (RFC 6066 §3), but may stand in a certificate.
  if (cluster.auto_sni && !net::Address::from_ip(host, 0)) wishes.server_name = host;
  if (cluster.auto_san_validation) wishes.expected_san = host;
  return wishes;
}

}  // namespace weir::proxy
