// The names of what is counted about tcp_proxy, and the places of listeners' statistics in the registry.
#pragma once

#include "proxy/listener.h"
#include "proxy/tcp_proxy_spec.h"
#include "stats/registry.h"

namespace weir::proxy {

/// Inside "tcp.<stat_prefix>.".
void visit(stats::StatVisitor& visitor, stats::Sharded<TcpProxyStats>& stats);

/// Shows `listener.<stat_prefix>.*` for as long as the registration lives. What is shown lives as long.
[[nodiscard]] stats::Registry::Registration register_listener(stats::Registry& registry, ListenerStatePtr listener);

}  // namespace weir::proxy
