// envoy.config.overload.v3.OverloadManager is read here.
#include <algorithm>
#include <array>
#include <string_view>

#include "config/duration.h"
#include "control/overload.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/overload/v3/overload.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.pb.h"

namespace weir::control {

using config::FieldPath;
using envoy::extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig;
using envoy::extensions::resource_monitors::fixed_heap::v3::FixedHeapConfig;
namespace v3 = envoy::config::overload::v3;

namespace {

constexpr const char* kMonitors = "envoy.resource_monitors";
constexpr std::string_view kConnections = "envoy.resource_monitors.global_downstream_max_connections";
/// In the order of proxy::OverloadAction.
constexpr std::array<std::string_view, 5> kActions = {
    "envoy.overload_actions.stop_accepting_requests", "envoy.overload_actions.disable_http_keepalive",
    "envoy.overload_actions.stop_accepting_connections", "envoy.overload_actions.reject_incoming_connections",
    "envoy.overload_actions.shrink_heap"};
/// Envoy's that Weir does not have.
constexpr std::array<std::string_view, 2> kOtherActions = {"envoy.overload_actions.reduce_timeouts",
                                                           "envoy.overload_actions.reset_high_memory_stream"};

}  // namespace

bool OverloadMonitors::load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const v3::OverloadManager& manager = bootstrap.overload_manager();
  const FieldPath at{nullptr, "overload_manager"};
  bool good = true;
  if (manager.has_refresh_interval()) refresh_interval_ms_ = config::milliseconds(manager.refresh_interval());
  const FieldPath monitors{&at, "resource_monitors"}, actions{&at, "actions"};
  for (int i = 0; i < manager.resource_monitors_size(); ++i) {
    good = read(manager.resource_monitors(i), FieldPath{&monitors, {}, i}, diagnostics) && good;
  }
  for (int i = 0; i < manager.actions_size(); ++i) {
    good = read(manager.actions(i), FieldPath{&actions, {}, i}, diagnostics) && good;
  }
  if (!good || context_.overload == nullptr) return good;
  context_.overload->limit_connections(max_connections_, context_.runtime.key("overload.global_downstream_max_connections"));
  if (bootstrap.has_overload_manager()) {
    registration_ = context_.stats.add("overload.", [this](stats::StatVisitor& visitor) { visit(visitor); });
  }
  return true;
}

bool OverloadMonitors::read(const v3::ResourceMonitor& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  const auto wrong = [&](std::string_view field, std::string message, std::string hint) {
    diagnostics.error({{}, FieldPath{&at, field}.text(), std::move(message), std::move(hint)});
    return false;
  };
  const bool known = config.name() == connections_monitor_ ||
                     std::ranges::any_of(monitors_, [&](const auto& each) { return each->name == config.name(); });
  if (known) return wrong("name", "there is a second monitor named " + config::quoted(config.name()), "");
  if (DownstreamConnectionsConfig limit; config.typed_config().UnpackTo(&limit)) {
    if (config.name() != kConnections) return wrong("name", "this monitor must have its own name", std::string(kConnections));
    connections_monitor_ = config.name();
    max_connections_ = static_cast<uint64_t>(limit.max_active_downstream_connections());
    return true;
  }
  if (!config.has_typed_config()) return wrong("typed_config", "is missing: its @type chooses the monitor", "");
  FixedHeapConfig heap;
  config.typed_config().UnpackTo(&heap);
  auto monitor = std::make_unique<Monitor>();
  monitor->name = config.name();
  monitor->max_bytes = heap.max_heap_size_bytes();
  monitors_.push_back(std::move(monitor));
  return true;
}

bool OverloadMonitors::read(const v3::OverloadAction& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  bool good = true;
  const auto wrong = [&](const FieldPath& path, std::string message, std::string hint) {
    diagnostics.error({{}, path.text(), std::move(message), std::move(hint)});
    good = false;
  };
  const auto known = std::ranges::find(kActions, config.name());
  if (known == kActions.end()) {
    std::vector<std::string_view> names(kActions.begin(), kActions.end());
    const bool later = std::ranges::find(kOtherActions, config.name()) != kOtherActions.end();
    const std::string near = config::nearest(config.name(), names);
    wrong(FieldPath{&at, "name"},
          later ? config.name() + " is known to Envoy, but Weir does not implement it yet"
                : "there is no action " + config::quoted(config.name()),
          near.empty() || later ? "remove it" : "did you mean " + near + "?");
    return false;
  }
  auto action = std::make_unique<Action>();
  action->name = config.name();
  action->action = static_cast<proxy::OverloadAction>(known - kActions.begin());
  if (std::ranges::any_of(actions_, [&](const auto& each) { return each->name == config.name(); })) {
    wrong(FieldPath{&at, "name"}, "there is a second action " + config.name(), "");
  }
  if (config.has_typed_config()) wrong(FieldPath{&at, "typed_config"}, "this action has nothing to be configured", "remove it");
  const FieldPath list{&at, "triggers"};
  for (int i = 0; i < config.triggers_size(); ++i) {
    const v3::Trigger& from = config.triggers(i);
    const FieldPath item{&list, {}, i};
    const auto monitor = std::ranges::find_if(monitors_, [&](const auto& each) { return each->name == from.name(); });
    if (monitor == monitors_.end() && from.name() != connections_monitor_) {
      wrong(FieldPath{&item, "name"}, "there is no monitor " + config::quoted(from.name()), "name one of resource_monitors");
    }
    Trigger trigger{static_cast<size_t>(monitor - monitors_.begin()), from.threshold().value(), from.threshold().value()};
    if (from.has_scaled()) trigger = {trigger.monitor, from.scaled().scaling_threshold(), from.scaled().saturation_threshold()};
    if (from.has_scaled() && trigger.begins >= trigger.saturates) {
      wrong(FieldPath{&item, "scaled"}, "scaling_threshold must be less than saturation_threshold", "");
    }
    for (int j = 0; j < i; ++j) {
      if (config.triggers(j).name() == from.name()) {
        wrong(FieldPath{&item, "name"}, "there is a second trigger of " + config::quoted(from.name()), "");
        break;
      }
    }
    action->triggers.push_back(trigger);
  }
  if (good) actions_.push_back(std::move(action));
  return good;
}

void declare_overload(config::SupportTable& table) {
  table.message<v3::OverloadManager>().fields({"refresh_interval", "resource_monitors", "actions"});
  table.message<v3::ResourceMonitor>().fields({"name"}).extensions("typed_config", kMonitors);
  table.extension<FixedHeapConfig>(kMonitors, "envoy.resource_monitors.fixed_heap").all_fields();
  table.extension<DownstreamConnectionsConfig>(kMonitors, std::string(kConnections).c_str()).all_fields();
  table.message<v3::OverloadAction>().all_fields();
  table.message<v3::Trigger>().all_fields();
  table.message<v3::ThresholdTrigger>().all_fields();
  table.message<v3::ScaledTrigger>().all_fields();
}

}  // namespace weir::control
