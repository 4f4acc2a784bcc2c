// DryRun: a bootstrap and every file that it names, read as the proxy would read them, with nothing bound, resolved or written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/names.h"
#include "base/random.h"
#include "config/load.h"
#include "config/support.h"
#include "control/configuration.h"
#include "control/subscription.h"
#include "loop/event_loop.h"
#include "main/bootstrap_config.h"
#include "main/options.h"
#include "observe/log_file.h"
#include "proxy/listener_config.h"
#include "stats/registry.h"

namespace weir::main {

class DryRun final : private control::Publisher {
 public:
  /// Where something was written: in which of the files that were read, and at which path there.
  struct Place {
    std::string path;
    const config::Positions* positions = nullptr;

    config::Position position() const { return positions == nullptr ? config::Position() : positions->find(path); }
  };
  struct Listener {
    proxy::ListenerSpecPtr spec;
    Place place;
  };
  struct Cluster {
    std::shared_ptr<const upstream::ClusterSpec> spec;
    upstream::Assignment assignment;  // EDS: from its file
    Place place;
  };

  explicit DryRun(Options options);
  ~DryRun() override;

  /// Reads everything once, and goes on after an error so as to find them all. False if there are any. The file may also hold
  /// resources for one of the discovery services instead of a bootstrap; then clusters need not exist.
  bool read();
  /// What was found, each with its place, in the order of the text, file by file.
  const config::Diagnostics& diagnostics() const { return diagnostics_; }

  /// What could be read.
  const BootstrapSpec& bootstrap() const { return bootstrap_; }
  Place place_in_bootstrap(std::string path) const { return {std::move(path), &loaded_.positions}; }
  const std::vector<Listener>& listeners() const { return listeners_; }
  /// Null if there is none of that name.
  const Cluster* cluster(std::string_view name) const;
  const std::map<std::string, Cluster, std::less<>>& clusters() const { return clusters_; }
  /// Where a table that one of the listeners uses was written; null for others.
  const Place* place_of(const route::RouteTable* table) const;

 private:
  using Response = config::Loaded<envoy::service::discovery::v3::DiscoveryResponse>;

  bool holds_resources() const;
  void read_resources();
  void read_bootstrap_file();
  void build();
  proxy::ListenerConfigContext listener_context();

  void read_runtime();
  void read_static_clusters();
  void read_dynamic_clusters();
  void read_static_listeners();
  void read_dynamic_listeners();
  std::shared_ptr<const upstream::ClusterSpec> read_cluster(const envoy::config::cluster::v3::Cluster& cluster,
                                                            const config::FieldPath& at, config::Diagnostics& found);
  void read_endpoints(Cluster& cluster);
  /// What stands in files of its own: routes, scopes, filters, secrets, runtime layers.
  void read_noted_files();
  route::RouteTablePtr compile(const envoy::config::route::v3::RouteConfiguration& routes, const config::FieldPath& at,
                               bool clusters_must_exist, config::Diagnostics& found);

  /// A file of resources; each is read once, and complained of once.
  const Response& response(const std::string& path);
  /// Keeps findings, but for those that only follow from others in the same file.
  void take(config::Diagnostics& found, const config::Positions& positions);

  // --- control::Publisher; never called ---
  Result<> prepare(const proxy::ListenerSpecPtr&) override { return {}; }
  void publish(proxy::SnapshotPtr) override {}
  void publish_endpoints(uint32_t, upstream::EndpointSetPtr) override {}

  const Options options_;
  Log log_;
  loop::EventLoop loop_;
  Random random_;
  config::Schema schema_;
  config::SupportTable support_;
  Names cluster_names_;
  RuntimeValues runtime_;
  stats::Registry registry_;
  observe::LogFiles logs_;
  proxy::StatScopes scopes_;
  config::Diagnostics diagnostics_;
  config::Loaded<envoy::config::bootstrap::v3::Bootstrap> loaded_;
  std::map<std::string, Response> responses_;
  BootstrapSpec bootstrap_;
  std::set<std::string, std::less<>> static_clusters_;  // also those with errors: nobody shall complain that they are missing
  std::unique_ptr<proxy::ListenerConfigContext> listener_context_;
  std::vector<control::FileSubscription*> unread_;  // what configuration_ found and nobody has read yet
  std::unique_ptr<control::Configuration> configuration_;
  const config::Positions* reading_ = nullptr;  // the file that listeners and routes are being read from
  std::vector<Listener> listeners_;
  std::map<std::string, Cluster, std::less<>> clusters_;
  std::map<const route::RouteTable*, Place> tables_;
};

}  // namespace weir::main
