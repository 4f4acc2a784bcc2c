// Which families of addresses DNS is asked for, and in which order.
#pragma once

#include "net/resolver.h"
#include "upstream/spec.h"

namespace weir::upstream {

inline net::AddressFamily first_family(DnsFamily family) {
  switch (family) {
    case DnsFamily::kV4Only:
    case DnsFamily::kV4Preferred:
      return net::AddressFamily::kV4;
    case DnsFamily::kAll:
      return net::AddressFamily::kAny;
    case DnsFamily::kV6Only:
    case DnsFamily::kAuto:
      return net::AddressFamily::kV6;
  }
  return net::AddressFamily::kAny;
}

/// Whether another family is asked when the first one has nothing, and which.
inline bool has_second_family(DnsFamily family) { return family == DnsFamily::kAuto || family == DnsFamily::kV4Preferred; }
inline net::AddressFamily second_family(DnsFamily family) {
  return family == DnsFamily::kAuto ? net::AddressFamily::kV4 : net::AddressFamily::kV6;
}

}  // namespace weir::upstream
