#include "upstream/transport.h"

#include "net/refused_stream.h"
#include "net/tcp_stream.h"
#include "upstream/pool.h"
#include "upstream/prepare_socket.h"

namespace weir::upstream {

std::unique_ptr<net::ByteStream> connect_to(const PoolContext& context, const Endpoint& endpoint, const Transport& transport,
                                            const ConnectionWishes& wishes, std::string_view alpn) {
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
  std::unique_ptr<net::ByteStream> stream =
      net::TcpStream::connect(context.loop, endpoint.address, spec.connect_timeout_ms,
                              [&](int fd) { prepare_socket(fd, spec, context.cluster.membership.bind_errors); });
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
                                 context.cluster.counts->tls->mine(context.worker), spec.connect_timeout_ms);
}

}  // namespace weir::upstream
