// ResolverSpec: whom to ask for addresses, and how.
#pragma once

#include <cstdint>
#include <vector>

#include "net/address.h"

namespace weir::net {

struct ResolverSpec {
  std::vector<AddressPtr> servers;    // none: those of /etc/resolv.conf
  bool servers_are_fallback = false;  // only used where /etc/resolv.conf names none
  bool tcp_only = false;
  bool no_search = false;  // the name as it is, without the search domains of /etc/resolv.conf
};

}  // namespace weir::net
