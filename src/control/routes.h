// Routes: the route tables that RDS keeps up to date, and the memory of those that stand in listeners.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "control/file_watch.h"
#include "control/kept.h"
#include "control/subscription.h"
#include "route/source.h"

namespace envoy::admin::v3 {
class RoutesConfigDump;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class Rds;
}

namespace weir::control {

class Routes {
 public:
  Routes(const Context& context, FileWatch& files) : context_(context), files_(files) {}

  /// The source that RDS keeps up to date; the same for all who name the same resource of the same file. It counts under the
  /// `stat_prefix` of the first of them. Null after reporting an error.
  std::shared_ptr<route::TableSource> find(const envoy::extensions::filters::network::http_connection_manager::v3::Rds& rds,
                                           const std::string& stat_prefix, const config::FieldPath& at,
                                           config::Diagnostics& diagnostics);
  /// Remembers where an inline table came from, for /config_dump, for as long as somebody uses it.
  void remember(const route::RouteTablePtr& table, const envoy::config::route::v3::RouteConfiguration& config);

  /// Reads the files of all sources found so far, and from now on those of new ones at once.
  void start();
  /// Lets go of sources that nobody uses any more.
  void sweep();

  void dump(envoy::admin::v3::RoutesConfigDump& dump) const;

 private:
  struct Entry {
    std::weak_ptr<route::TableSource> source;
    std::string name;
    Kept kept;
    SubscriptionStats stats;
    std::unique_ptr<FileSubscription> subscription;
    stats::Registry::Registration registration;
  };
  struct Inline {
    std::weak_ptr<const route::RouteTable> table;
    Kept kept;
  };
  void update(Entry& entry, const Update& update, config::Diagnostics& diagnostics);

  const Context& context_;
  FileWatch& files_;
  bool started_ = false;
  std::map<std::string, std::unique_ptr<Entry>> entries_;  // by file and name
  std::vector<Inline> inline_;
};

}  // namespace weir::control
