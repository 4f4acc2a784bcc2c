// Context: what the control floor needs from the rest of the house, filled once by main.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/names.h"
#include "base/result.h"
#include "base/runtime.h"
#include "config/decode.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/schema.h"
#include "config/support.h"
#include "loop/event_loop.h"
#include "proxy/listener_spec.h"
#include "proxy/overload.h"
#include "proxy/snapshot.h"
#include "route/source.h"
#include "stats/registry.h"

namespace envoy::config::listener::v3 {
class Listener;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
}

namespace weir::control {

/// Who brings a configuration to the workers.
class Publisher {
 public:
  virtual ~Publisher() = default;
  /// A listener is about to become part of the configuration: binds its sockets. An error refuses the listener, and the one that
  /// it would have replaced stays. If it is not in a snapshot soon after, it was refused for another reason.
  virtual Result<> prepare(const proxy::ListenerSpecPtr& listener) = 0;
  /// A complete configuration; what is not in it any more drains.
  virtual void publish(proxy::SnapshotPtr snapshot) = 0;
  /// Whether connections are taken from the listening sockets, or wait there.
  virtual void accept_connections(bool accept) {}
  /// Between two snapshots a cluster's endpoints changed.
  virtual void publish_endpoints(uint32_t cluster_id, upstream::EndpointSetPtr endpoints) = 0;
};

/// Turns a validated message into values; null after reporting errors whose paths begin with the given one.
using CompileListener = std::function<std::shared_ptr<proxy::ListenerSpec>(const envoy::config::listener::v3::Listener&,
                                                                           const config::FieldPath&, config::Diagnostics&)>;
using CompileRoutes = std::function<route::RouteTablePtr(const envoy::config::route::v3::RouteConfiguration&,
                                                         const config::FieldPath&, config::Diagnostics&)>;

class FileSubscription;

/// All references outlive the Configuration. Main thread only.
struct Context {
  loop::EventLoop& loop;
  config::Schema& schema;
  const config::SupportTable& support;
  stats::Registry& stats;
  Names& cluster_names;
  RuntimeValues& runtime;
  Log& log;
  Publisher& publisher;
  size_t workers;
  proxy::Overload* overload = nullptr;  // what monitors write
  bool has_node = true;                 // whether node.id and node.cluster are known
  std::string node = {};                // for management servers: a serialized Node
  /// Null if there is none (yet). Filled by the Configuration itself.
  std::function<upstream::ClusterStatePtr(std::string_view name)> find_cluster = {};
  std::shared_ptr<const upstream::Locality> locality = {};  // of the node; null if it says nothing
  std::string service_cluster = {};                         // of the node, for folders of the runtime
  config::UnknownFields dynamic_unknown_fields = config::UnknownFields::kWarn;
  CompileListener compile_listener;
  CompileRoutes compile_routes;  // of RDS: clusters need not exist
  /// Where a dry run finds the subscriptions to routes, scopes, filters, secrets and runtime layers, which it reads itself
  /// instead of starting them; else null.
  std::vector<FileSubscription*>* unread = nullptr;
};

}  // namespace weir::control
