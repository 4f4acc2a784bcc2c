#include "upstream/transport.h"

#include <algorithm>

#include "net/internal_address.h"
#include "net/refused_stream.h"
#include "net/tcp_stream.h"
#include "upstream/connect_within.h"
#include "upstream/pool.h"
#include "upstream/prepare_socket.h"

namespace weir::upstream {

namespace {

/// The addresses of an endpoint, its families by turns (RFC 8305 §4).
std::vector<net::AddressPtr> in_order(const Endpoint& endpoint, const ClusterSpec& spec) {
  std::vector<net::AddressPtr> all{endpoint.address};
  all.insert(all.end(), endpoint.additional_addresses.begin(), endpoint.additional_addresses.end());
  int leading = endpoint.address->family();
  if (spec.v4_first) leading = AF_INET;
  if (spec.v6_first) leading = AF_INET6;
  const auto middle =
      std::ranges::stable_partition(all, [&](const net::AddressPtr& address) { return address->family() == leading; }).begin();
  std::vector<net::AddressPtr> result;
  auto first = all.begin(), other = middle;
  while (first != middle || other != all.end()) {
    for (uint32_t i = 0; i < spec.first_family_count && first != middle; ++i) result.push_back(*first++);
    if (other != all.end()) result.push_back(*other++);
  }
  return result;
}

/// The PROXY header for a connection on nobody's behalf. Version 1 cannot say so; it tells of ourselves then.
std::string own_proxy_header(const ProxyHeaderSpec& spec, const net::ByteStream& stream) {
  if (spec.version == 2) return net::proxy_header2_local();
  const auto* tcp = dynamic_cast<const net::TcpStream*>(&stream);
  if (tcp == nullptr || tcp->fd() < 0) return "PROXY UNKNOWN\r\n";
  const net::Address own = net::Address::local_of(tcp->fd());
  const net::Address& other = *stream.remote_address();
  if (!own.is_ip() || own.family() != other.family()) return "PROXY UNKNOWN\r\n";
  return net::proxy_header1(own, other);
}

}  // namespace

std::unique_ptr<net::ByteStream> connect_to(const PoolContext& context, const Endpoint& endpoint, const Transport& transport,
                                            const ConnectionWishes& wishes, std::string_view alpn) {
  return connect_within(context.cluster.spec->connect_timeout_ms, context, endpoint, transport, wishes, alpn);
}

std::unique_ptr<net::ByteStream> connect_within(int64_t timeout_ms, const PoolContext& context, const Endpoint& endpoint,
                                                const Transport& transport, const ConnectionWishes& wishes,
                                                std::string_view alpn) {
  const ClusterSpec& spec = *context.cluster.spec;
  net::TlsContextPtr tls;
  if (transport.tls != nullptr) {
    tls = transport.tls->context();
    if (tls == nullptr) {
      transport.tls->count_not_ready();
      return std::make_unique<net::RefusedStream>(
          context.loop, endpoint.address,
          net::StreamFailure{net::StreamFailure::Kind::kTransport, "TLS error: Secret is not supplied by SDS"});
    }
  }
  std::unique_ptr<net::ByteStream> stream;
  if (net::is_internal(*endpoint.address)) {
    if (context.internal_listeners != nullptr) stream = context.internal_listeners->connect(endpoint.address);
    if (stream == nullptr) {
      return std::make_unique<net::RefusedStream>(
          context.loop, endpoint.address,
          net::StreamFailure{net::StreamFailure::Kind::kTransport,
                             "immediate connect error: Invalid argument|remote address:" + endpoint.address->text()});
    }
  } else {
    // Of several addresses one may go where the source fits; they are asked one after the other, also later.
    const auto refused = std::make_shared<std::optional<std::string>>();
    const auto prepare = [&spec, &cluster = context.cluster, refused, source = wishes.source, mark = wishes.mark](int fd) {
      *refused = prepare_socket(fd, spec, source, mark, cluster.membership.bind_errors);
      return !*refused;
    };
    if (endpoint.additional_addresses.empty()) {
      stream = net::TcpStream::connect(context.loop, endpoint.address, timeout_ms, prepare);
    } else {
      // Whoever asks counts one connection; as in Envoy, every further address that is tried is another.
      const auto prepare_and_count = [=, &context_stats = context.stats, &stats = endpoint.stats.mine(context.worker),
                                      further = false](int fd) mutable {
        if (std::exchange(further, true)) {
          context_stats.upstream_cx_total.add();
          stats.cx_total.add();
        }
        return prepare(fd);
      };
      stream = net::TcpStream::connect_any(context.loop, in_order(endpoint, spec), timeout_ms, prepare_and_count);
    }
    if (*refused) {
      stream->close();
      return std::make_unique<net::RefusedStream>(context.loop, endpoint.address,
                                                  net::StreamFailure{net::StreamFailure::Kind::kLocal, **refused});
    }
  }
  if (transport.proxy_header != nullptr) {
    stream->out().append(wishes.preamble.empty() ? own_proxy_header(*transport.proxy_header, *stream) : wishes.preamble);
  }
  if (tls == nullptr) return stream;
  net::TlsTarget target;
  target.server_name = wishes.server_name.empty() ? tls->client_spec().sni : wishes.server_name;
  if (tls->client_spec().auto_host_sni && wishes.server_name.empty() && !endpoint.hostname.empty()) {
    target.server_name = endpoint.hostname;
  }
  if (tls->client_spec().auto_sni_san_validation && !target.server_name.empty()) {
    target.expected_sans.push_back(target.server_name);
  }
  if (!wishes.expected_san.empty()) target.expected_sans.push_back(wishes.expected_san);
  if (tls->common().alpn.empty()) target.alpn = alpn;
  return net::TlsStream::connect(context.loop, std::move(stream), std::move(tls), target,
                                 context.cluster.counts->tls->mine(context.worker), timeout_ms);
}

}  // namespace weir::upstream
