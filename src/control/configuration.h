// Configuration: all clusters, listeners and routes, kept up to date; what of it is whole is published as a snapshot.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control/clusters.h"
#include "control/context.h"
#include "control/file_watch.h"
#include "control/filters.h"
#include "control/listeners.h"
#include "control/overload.h"
#include "control/routes.h"
#include "control/runtime.h"
#include "control/scoped_routes.h"
#include "control/tls_sources.h"

namespace google::protobuf {
class Message;
}

namespace weir::control {

/// load() ─▶ start() ─▶ RTDS ─▶ clusters warm ─▶ CDS, its clusters warm ─▶ SDS has answered ─▶ RDS, listeners bound, LDS ─▶ first
/// snapshot ─▶ one more after every turn in which something changed.
class Configuration final : private loop::NextTurn {
 public:
  explicit Configuration(Context context);
  ~Configuration();
  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;

  /// Reads what the bootstrap holds, without touching the network; all that `--mode validate` needs. False after reporting
  /// errors.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// Begins discovery. `on_ready` is called once, maybe in a later turn: after the first snapshot was published, or with the
  /// reason why a static listener could not be bound.
  void start(std::function<void(Result<>)> on_ready);

  Clusters& clusters() { return clusters_; }
  Listeners& listeners() { return listeners_; }
  Routes& routes() { return routes_; }
  ScopedRoutes& scopes() { return scopes_; }
  Filters& filters() { return filters_; }
  Runtime& runtime() { return runtime_; }
  OverloadMonitors& overload() { return overload_; }
  TlsSources& tls() { return tls_; }
  /// Every cluster has its endpoints, or there are none to be had.
  bool clusters_warm() const { return clusters_warm_; }
  bool ready() const { return ready_; }

  /// ClustersConfigDump, [EndpointsConfigDump,] ListenersConfigDump, ScopedRoutesConfigDump, RoutesConfigDump,
  /// SecretsConfigDump.
  std::vector<std::unique_ptr<google::protobuf::Message>> dump(bool include_endpoints) const;

 private:
  void on_clusters_warm();
  void on_secrets_known();
  void changed();
  void on_next_turn() override { publish(); }
  void publish();

  const Context context_;
  FileWatch files_;
  Runtime runtime_;
  OverloadMonitors overload_;
  TlsSources tls_;
  Routes routes_;
  ScopedRoutes scopes_;
  Filters filters_;
  Clusters clusters_;
  Listeners listeners_;
  std::function<void(Result<>)> on_ready_;
  bool clusters_warm_ = false;
  bool ready_ = false;
};

}  // namespace weir::control
