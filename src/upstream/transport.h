// Transport: how connections to an endpoint are made: plain or with TLS, and to which name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/byte_stream.h"
#include "net/tls/tls_source.h"
#include "net/tls/tls_stream.h"

namespace weir::upstream {

struct PoolContext;
struct Endpoint;

/// A `transport_socket`.
struct Transport {
  std::string name;
  net::TlsSourcePtr tls;  // null: plain
};

/// Texts by key, as in the metadata `envoy.transport_socket_match`; values are compared as they are serialized.
using MatchValues = std::vector<std::pair<std::string, std::string>>;

/// One of `transport_socket_matches`.
struct TransportMatch {
  MatchValues criteria;  // all of them must be among the endpoint's
  Transport transport;
};

/// What one request wants of its connection beside what the cluster says.
struct ConnectionWishes {
  std::string server_name;   // SNI instead of the configured one; "" for that
  std::string expected_san;  // must be in the peer's certificate; "" for no such check
  friend bool operator==(const ConnectionWishes&, const ConnectionWishes&) = default;
};

/// Begins to connect; the handler's on_connected() comes when TLS is done too. `alpn` (as TlsContext::alpn_wire() makes it) is
/// offered unless the configuration offers something else.
std::unique_ptr<net::ByteStream> connect_to(const PoolContext& context, const Endpoint& endpoint, const Transport& transport,
                                            const ConnectionWishes& wishes, std::string_view alpn);

}  // namespace weir::upstream
