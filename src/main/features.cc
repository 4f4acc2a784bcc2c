#include "main/features.h"

#include <iostream>

#include "control/configuration.h"
#include "main/bootstrap_config.h"
#include "observe/access_log_config.h"
#include "proxy/listener_config.h"
#include "route/route_config.h"
#include "stats/stats_config.h"
#include "upstream/cluster_config.h"

namespace weir::main {

void declare_all(config::SupportTable& table) {
  declare_bootstrap(table);
  declare_stat_sinks(table);
  upstream::declare_clusters(table);
  proxy::declare_listeners(table);
  route::declare_support(table);
  observe::declare_access_logs(table);
  control::declare_discovery(table);
  control::declare_filter_discovery(table);
  control::declare_runtime(table);
  control::declare_overload(table);
  stats::declare_stats_config(table);
}

int run_features() {
  config::SupportTable table;
  declare_all(table);
  std::cout << table.features_text();
  return 0;
}

}  // namespace weir::main
