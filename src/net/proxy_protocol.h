// PROXY protocol: the header in front of a connection that says who it really is from (haproxy's proxy-protocol.txt, v1 and v2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/address.h"

namespace weir::net {

/// A type and a value (version 2 only).
using ProxyTlv = std::pair<uint8_t, std::string>;

struct ProxyHeader {
  int version = 0;
  size_t size = 0;  // of the header, in bytes
  /// Null if the header says that the connection's own addresses are right (LOCAL, UNKNOWN).
  AddressPtr source, destination;
  std::vector<ProxyTlv> tlvs;
};

enum class ProxyHeaderFound : uint8_t { kMore, kYes, kNo, kBroken };

/// Looks at the first bytes of a connection. `header.version` is set as soon as it is known, also of a broken one.
ProxyHeaderFound read_proxy_header(std::string_view bytes, ProxyHeader& header);

/// Headers to be sent. Both addresses are IP addresses of one family.
std::string proxy_header1(const Address& source, const Address& destination);
/// TLVs for which there is no room (64 KiB) are left out.
std::string proxy_header2(const Address& source, const Address& destination, const std::vector<ProxyTlv>& tlvs);
/// Version 2, for a connection on nobody's behalf.
std::string proxy_header2_local();

}  // namespace weir::net
