// The names of what is counted about tcp_proxy.
#pragma once

#include "proxy/tcp_proxy_spec.h"
#include "stats/visitor.h"

namespace weir::proxy {

/// Inside "tcp.<stat_prefix>.".
void visit(stats::StatVisitor& visitor, stats::Sharded<TcpProxyStats>& stats);

}  // namespace weir::proxy
