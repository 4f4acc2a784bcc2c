#include "proxy/connection_wishes.h"

#include <algorithm>

#include "net/address.h"

namespace weir::proxy {

namespace {

void wish_names(const upstream::ClusterSpec& cluster, const http::HeaderMap& request, upstream::ConnectionWishes& wishes) {
  std::string_view host = request.authority();
  if (!cluster.auto_sni_header.empty() && cluster.auto_sni_header != ":authority" && cluster.auto_sni_header != "host") {
    const http::Header* named = request.find(cluster.auto_sni_header);
    if (named != nullptr && !named->value.empty()) host = named->value;
  }
  const bool bracketed = host.starts_with('[');
  const size_t end = bracketed ? host.find(']') : host.rfind(':');
  if (bracketed) {
    host = host.substr(1, end == std::string_view::npos ? std::string_view::npos : end - 1);
  } else if (end != std::string_view::npos) {
    host = host.substr(0, end);
  }
  // An address is no name (RFC 6066 §3), but may stand in a certificate.
  if (cluster.auto_sni && !net::Address::from_ip(host, 0)) wishes.server_name = host;
  if (cluster.auto_san_validation) wishes.expected_san = host;
}

/// What was passed on to us may go further, one value of each type, and ours take the place of others of their type.
std::vector<net::ProxyTlv> tlvs_for(const upstream::ProxyHeaderSpec& spec, const format::ConnectionExtras* extras) {
  std::vector<net::ProxyTlv> result = spec.added;
  if (extras == nullptr) return result;
  for (const net::ProxyTlv& tlv : extras->tlvs) {
    const bool taken = std::ranges::any_of(result, [&](const net::ProxyTlv& other) { return other.first == tlv.first; });
    if (!taken && spec.passed.test(tlv.first)) result.push_back(tlv);
  }
  return result;
}

}  // namespace

std::string proxy_header(const upstream::ProxyHeaderSpec& spec, const format::ConnectionInfo& client) {
  const net::Address &source = *client.remote_address, &destination = *client.local_address;
  if (!source.is_ip() || !destination.is_ip() || source.family() != destination.family()) return {};
  if (spec.version == 1) return net::proxy_header1(source, destination);
  return net::proxy_header2(source, destination, tlvs_for(spec, client.extras.get()));
}

upstream::ConnectionWishes connection_wishes(const upstream::ClusterSpec& cluster, const upstream::Endpoint& endpoint,
                                             const http::HeaderMap* request, const format::ConnectionInfo* client) {
  upstream::ConnectionWishes wishes;
  if (request != nullptr && (cluster.auto_sni || cluster.auto_san_validation)) wish_names(cluster, *request, wishes);
  if (cluster.writes_proxy_headers && client != nullptr && client->client_told) {
    const upstream::Transport& transport = cluster.transport_for(endpoint.transport_match);
    if (transport.proxy_header != nullptr) wishes.preamble = proxy_header(*transport.proxy_header, *client);
  }
  if (cluster.pool_per_client && client != nullptr) wishes.client = client->id;
  if (client != nullptr && client->extras != nullptr) {
    wishes.source = client->extras->source;
    wishes.mark = client->extras->source_mark;
  }
  return wishes;
}

}  // namespace weir::proxy
