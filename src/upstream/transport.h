// Transport: how connections to an endpoint are made: plain or with TLS, and to which name.
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/byte_stream.h"
#include "net/proxy_protocol.h"
#include "net/tls/tls_source.h"
#include "net/tls/tls_stream.h"

namespace weir::upstream {

struct PoolContext;
struct Endpoint;

/// The PROXY header that every connection begins with.
struct ProxyHeaderSpec {
  int version = 1;
  std::bitset<256> passed;           // types of the client's TLVs that are passed on
  std::vector<net::ProxyTlv> added;  // ours
};

/// A `transport_socket`.
struct Transport {
  std::string name;
  net::TlsSourcePtr tls;                                          // null: plain
  std::shared_ptr<const ProxyHeaderSpec> proxy_header = nullptr;  // null: none
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
  std::string preamble;      // the PROXY header that tells of the client; "" for one that tells of nobody
  uint64_t client = 0;       // the downstream connection that alone may use it; 0: whoever
  net::AddressPtr source;    // where it comes from, though that may be another machine's address; null: the cluster decides
  uint32_t mark = 0;         // SO_MARK, for the way back of what goes to `source`; 0: none
  bool empty() const {
    return server_name.empty() && expected_san.empty() && preamble.empty() && client == 0 && source == nullptr;
  }
};

/// Begins to connect; the handler's on_connected() comes when TLS is done too. `alpn` (as TlsContext::alpn_wire() makes it) is
/// offered unless the configuration offers something else.
std::unique_ptr<net::ByteStream> connect_to(const PoolContext& context, const Endpoint& endpoint, const Transport& transport,
                                            const ConnectionWishes& wishes, std::string_view alpn);

}  // namespace weir::upstream
