// Snapshot: one complete, immutable configuration. Workers compare it with the one before, pointer by pointer.
#pragma once

#include <memory>
#include <vector>

#include "upstream/cluster_state.h"

namespace weir::proxy {

struct ListenerSpec;

struct Snapshot {
  /// Indexed by the cluster's number (Names); null where a number has no cluster (any more).
  std::vector<upstream::ClusterStatePtr> clusters;
  std::vector<std::shared_ptr<const ListenerSpec>> listeners;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace weir::proxy
