// PROXY protocol: the header in front of a connection that says who it really is from (haproxy's proxy-protocol.txt, v1 and v2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/address.h"

namespace weir::net {

struct ProxyHeader {
  int version = 0;
  size_t size = 0;  // of the header, in bytes
  /// Null if the header says that the connection's own addresses are right (LOCAL, UNKNOWN).
  AddressPtr source, destination;
  std::vector<std::pair<uint8_t, std::string>> tlvs;
};

enum class ProxyHeaderFound : uint8_t { kMore, kYes, kNo, kBroken };

/// Looks at the first bytes of a connection. `header.version` is set as soon as it is known, also of a broken one.
ProxyHeaderFound read_proxy_header(std::string_view bytes, ProxyHeader& header);

}  // namespace weir::net
