#include "control/overload.h"

#include <malloc.h>

#include <algorithm>

#include "stats/table.h"

namespace weir::control {

namespace {

constexpr auto kMonitor = stats::table<OverloadMonitorStats>({
    {"failed_updates", &OverloadMonitorStats::failed_updates},
    {"pressure", &OverloadMonitorStats::pressure},
    {"skipped_updates", &OverloadMonitorStats::skipped_updates},
});
constexpr auto kAction = stats::table<OverloadActionStats>({
    {"active", &OverloadActionStats::active},
    {"scale_percent", &OverloadActionStats::scale_percent},
});
constexpr auto kShrink = stats::table<HeapShrinkStats>({{"shrink_count", &HeapShrinkStats::shrink_count}});

constexpr int64_t kShrinkIntervalMs = 10'000;

/// What malloc has given out.
uint64_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

OverloadMonitors::OverloadMonitors(const Context& context)
    : context_(context),
      refresh_timer_(loop::Timer::calling<&OverloadMonitors::refresh>(context.loop.timers(), *this)),
      shrink_timer_(loop::Timer::calling<&OverloadMonitors::shrink_heap>(context.loop.timers(), *this)) {}

void OverloadMonitors::start() {
  if (monitors_.empty()) return;
  refresh();
  if (std::ranges::any_of(actions_, [](const auto& each) { return each->action == proxy::OverloadAction::kShrinkHeap; })) {
    shrink_timer_.arm(kShrinkIntervalMs);
  }
}

double OverloadMonitors::Trigger::strength(double pressure) const {
  if (pressure >= saturates) return 1;
  if (pressure <= begins) return 0;
  return (pressure - begins) / (saturates - begins);
}

void OverloadMonitors::refresh() {
  refresh_timer_.arm(refresh_interval_ms_);
  const auto allocated = static_cast<double>(allocated_bytes());
  for (const auto& monitor : monitors_) {
    monitor->pressure = allocated / static_cast<double>(monitor->max_bytes);
    monitor->stats.pressure.set(static_cast<int64_t>(monitor->pressure * 100));
  }
  for (const auto& action : actions_) {
    double strength = 0;
    for (const Trigger& trigger : action->triggers) {
      if (trigger.monitor >= monitors_.size()) continue;  // that of connections, which knows no pressure
      strength = std::max(strength, trigger.strength(monitors_[trigger.monitor]->pressure));
    }
    const auto share = static_cast<uint32_t>(strength * proxy::Overload::kSaturated);
    const bool was = context_.overload->saturated(action->action), is = share >= proxy::Overload::kSaturated;
    context_.overload->set(action->action, share);
    action->stats.active.set(is ? 1 : 0);
    action->stats.scale_percent.set(static_cast<int64_t>(strength * 100));
    if (was == is) continue;
    context_.log.warning("main", "overload: {} is {}", action->name, is ? "on" : "off");
    if (action->action == proxy::OverloadAction::kStopAcceptingConnections) context_.publisher.accept_connections(!is);
  }
}

void OverloadMonitors::shrink_heap() {
  shrink_timer_.arm(kShrinkIntervalMs);
  if (!context_.overload->saturated(proxy::OverloadAction::kShrinkHeap)) return;
  malloc_trim(0);
  shrinking_.shrink_count.add();
}

void OverloadMonitors::visit(stats::StatVisitor& visitor) {
  for (const auto& monitor : monitors_) {
    const auto scope = visitor.scope(monitor->name + ".");
    stats::visit(visitor, kMonitor, monitor->stats);
  }
  for (const auto& action : actions_) {
    const auto scope = visitor.scope(action->name + ".");
    stats::visit(visitor, kAction, action->stats);
    if (action->action == proxy::OverloadAction::kShrinkHeap) stats::visit(visitor, kShrink, shrinking_);
  }
}

}  // namespace weir::control
