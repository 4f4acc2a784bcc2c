// The names of what is counted about HTTP connections and listeners.
#pragma once

#include <span>

#include "proxy/http_stats.h"
#include "stats/visitor.h"

namespace weir::proxy {

/// Inside "http.<stat_prefix>.". The codecs' own, which belong under http1. and http2. without a prefix, are not shown here.
void visit(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats);
/// Inside "http.<stat_prefix>.", where there is a router.
void visit_router(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats);
void visit_router(stats::StatVisitor& visitor, std::span<HttpStats* const> shares);
/// Inside "http.<stat_prefix>.tracing.".
void visit_tracing(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats);
/// Inside "http1." and "http2.", whose counters sum up what all connection managers' codecs count; shown once there was one.
void visit_http1(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats);
void visit_http2(stats::StatVisitor& visitor, stats::Sharded<HttpStats>& stats);

/// Inside "listener.<address>.".
void visit(stats::StatVisitor& visitor, stats::Sharded<ListenerStats>& stats);
/// Inside it, for listeners of the configuration: nothing of theirs comes by itself, so nothing is ever missing.
void visit_extensions(stats::StatVisitor& visitor);
/// Inside "listener.<address>.worker_<n>.": one worker's own.
void visit_worker(stats::StatVisitor& visitor, ListenerStats& stats);
/// Inside "listener.<address>.http.<stat_prefix>.".
void visit(stats::StatVisitor& visitor, stats::Sharded<ListenerHttpStats>& stats);

}  // namespace weir::proxy
