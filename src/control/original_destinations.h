// OriginalDestinations: the endpoints of an ORIGINAL_DST cluster, which only exist because requests go there. Main thread.
#pragma once

#include <functional>
#include <memory>

#include "loop/event_loop.h"
#include "loop/timer.h"
#include "upstream/cluster_state.h"

namespace weir::control {

/// Hears from workers where requests go, so that this shows among the cluster's endpoints, and forgets what is not used any more.
class OriginalDestinations {
 public:
  OriginalDestinations(loop::EventLoop& loop, upstream::ClusterStatePtr cluster);
  ~OriginalDestinations();

 private:
  void on_cleanup();

  const upstream::ClusterStatePtr cluster_;
  loop::Timer cleanup_timer_;
  const std::shared_ptr<OriginalDestinations*> self_;  // null inside once this is gone: for what workers post
};

}  // namespace weir::control
