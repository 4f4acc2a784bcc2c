// What a cluster's configuration asks of the sockets to its endpoints.
#pragma once

#include "stats/cell.h"
#include "upstream/spec.h"

namespace weir::upstream {

/// Keep-alive, socket options and the source address, before connect(). Failing to bind is counted, not fatal.
void prepare_socket(int fd, const ClusterSpec& spec, stats::Counter& bind_errors);

}  // namespace weir::upstream
