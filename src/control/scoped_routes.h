// ScopedRoutes: scopes of routes that stand in files of their own (SRDS).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "control/file_watch.h"
#include "control/kept.h"
#include "control/routes.h"
#include "control/subscription.h"
#include "route/scopes.h"

namespace envoy::admin::v3 {
class ScopedRoutesConfigDump;
}
namespace envoy::config::route::v3 {
class ScopedRouteConfiguration;
}

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class ScopedRoutes;
}

namespace weir::control {

struct ScopeStats {
  stats::Gauge active_scopes, all_scopes, on_demand_scopes;
};

class ScopedRoutes {
 public:
  ScopedRoutes(const Context& context, FileWatch& files, Routes& routes);
  ~ScopedRoutes();

  /// The scopes that SRDS keeps up to date; their routes come from `rds_config_source`, or stand in them. Null after reporting an
  /// error.
  std::shared_ptr<route::ScopeSource> find(
      const envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes& config,
      route::ScopeKeyBuilder builder, const std::string& stat_prefix, const config::FieldPath& at,
      config::Diagnostics& diagnostics);

  /// Reads the files of all scopes found so far, and from now on those of new ones at once.
  void start();
  /// Lets go of scopes that nobody uses any more.
  void sweep();

  void dump(envoy::admin::v3::ScopedRoutesConfigDump& dump) const;

 private:
  struct Entry;
  void update(Entry& entry, const Update& update, config::Diagnostics& diagnostics);
  std::shared_ptr<route::TableSource> routes_of(Entry& entry, const envoy::config::route::v3::ScopedRouteConfiguration& config,
                                                const config::FieldPath& at, config::Diagnostics& diagnostics);

  const Context& context_;
  FileWatch& files_;
  Routes& routes_;
  bool started_ = false;
  std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace weir::control
