// Balancers: which of a list of hosts gets the next request.
#pragma once

#include <memory>
#include <vector>

#include "base/random.h"
#include "upstream/endpoint.h"

namespace weir::upstream {

/// Chooses among a fixed list; made anew when the list changes. One per worker.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// An index into the list; the list is not empty.
  virtual size_t pick() = 0;
};

std::unique_ptr<Balancer> make_balancer(const ClusterSpec& spec, std::vector<const Endpoint*> endpoints, Random& random);

/// How many of a hundred requests go to each priority level, from the share (0 … 1) of each level's endpoints that is available:
/// a level takes its share × overprovisioning until a hundred is reached (Envoy, "Priority levels"). Sums to 100 unless nothing
/// at all is available.
std::vector<uint32_t> priority_load(const std::vector<double>& available_share, uint32_t overprovisioning_factor);

}  // namespace weir::upstream
