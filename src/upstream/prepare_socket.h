// What a cluster's configuration asks of the sockets to its endpoints.
#pragma once

#include <optional>
#include <string>

#include "stats/cell.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Keep-alive, socket options and the source address, before connect(). `source` takes the place of the cluster's own; it may be
/// an address that is not this machine's (Linux, ip(7): IP_TRANSPARENT, CAP_NET_ADMIN). `mark`: SO_MARK; 0 for none. If the
/// socket cannot have its source or an option, it must not be used; the text says why, in Envoy's words (which may be none).
std::optional<std::string> prepare_socket(int fd, const ClusterSpec& spec, const net::AddressPtr& source, uint32_t mark,
                                          stats::Counter& bind_errors);

}  // namespace weir::upstream
