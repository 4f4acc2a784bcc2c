#include "control/original_destinations.h"

#include <utility>

namespace weir::control {

OriginalDestinations::OriginalDestinations(loop::EventLoop& loop, upstream::ClusterStatePtr cluster)
    : cluster_(std::move(cluster)),
      cleanup_timer_(loop::Timer::calling<&OriginalDestinations::on_cleanup>(loop.timers(), *this)),
      self_(std::make_shared<OriginalDestinations*>(this)) {
  cluster_->tell_dialled = [&loop, self = self_](const upstream::EndpointPtr& endpoint) {
    loop.post([self, endpoint] {
      if (*self != nullptr) upstream::add_dialled(*(*self)->cluster_, endpoint);
    });
  };
  cleanup_timer_.arm(cluster_->spec->original_dst->cleanup_ms);
}

OriginalDestinations::~OriginalDestinations() { *self_ = nullptr; }

void OriginalDestinations::on_cleanup() {
  upstream::drop_unused_dialled(*cluster_);
  cleanup_timer_.arm(cluster_->spec->original_dst->cleanup_ms);
}

}  // namespace weir::control
