// Clusters: every cluster there is, from the bootstrap and from CDS, with what keeps its endpoints up to date.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/cluster_health.h"
#include "control/context.h"
#include "control/file_watch.h"
#include "control/kept.h"
#include "control/original_destinations.h"
#include "control/stat_names.h"
#include "control/subscription.h"
#include "control/tls_sources.h"
#include "net/resolver.h"
#include "upstream/dns_cache.h"
#include "upstream/dns_discovery.h"
#include "upstream/sub_clusters.h"

namespace envoy::admin::v3 {
class ClustersConfigDump;
class EndpointsConfigDump;
}  // namespace envoy::admin::v3
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::control {

class Clusters {
 public:
  /// `on_change`: the set of active clusters is another. `on_endpoints`: that of one active cluster.
  Clusters(const Context& context, FileWatch& files, TlsSources& tls, std::function<void()> on_change,
           std::function<void(uint32_t, upstream::EndpointSetPtr)> on_endpoints);
  ~Clusters();

  /// Reads the static clusters and the sources of EDS and CDS, without looking for any endpoints yet.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// Begins to look for endpoints; then reads CDS. `on_warm` is called once all clusters found so far have an answer.
  void start(std::function<void()> on_warm);

  /// Clusters that waited for secrets may not have to any more.
  void check_secrets();

  /// A snapshot with the set of now is on its way to all workers.
  void on_published();

  /// Whether an active cluster has this name.
  bool has(std::string_view name) const { return active_.contains(name); }
  /// The active cluster of that name; null if there is none.
  upstream::ClusterStatePtr find(std::string_view name) const;
  /// False after reporting that a cluster has a DNS cache of the same name with other settings.
  bool check_dns_cache(const upstream::DnsCacheSpec& spec, const config::FieldPath& at, config::Diagnostics& diagnostics) const;
  /// Static ones first, then those of CDS, each by name.
  std::vector<upstream::ClusterStatePtr> list() const;
  /// By number; null where a number has no cluster.
  std::vector<upstream::ClusterStatePtr> numbered() const;
  ClusterManagerStats& stats() { return stats_; }

  void dump(envoy::admin::v3::ClustersConfigDump& dump) const;
  void dump(envoy::admin::v3::EndpointsConfigDump& dump) const;

 private:
  struct Entry {
    upstream::ClusterStatePtr state;
    Kept kept;
    bool started = false;
    bool warm = false;
    bool found = false;                     // its endpoints, or that there are none
    std::unique_ptr<ClusterHealth> health;  // null where nothing is watched
    std::unique_ptr<upstream::DnsDiscovery> dns;
    upstream::DnsCache::Subscription cached_hosts;  // of a dynamic forward proxy
    std::weak_ptr<upstream::SubClusters> owner;     // of a sub cluster of one
    bool is_sub_cluster = false;                    // CDS does not know of it
    std::unique_ptr<OriginalDestinations> dialled;
    std::unique_ptr<SubscriptionStats> eds_stats;
    std::unique_ptr<FileSubscription> eds;
    stats::Registry::Registration eds_registration;
  };
  using EntryPtr = std::shared_ptr<Entry>;
  using EntryMap = std::map<std::string, EntryPtr, std::less<>>;

  EntryPtr read(const envoy::config::cluster::v3::Cluster& cluster, const config::FieldPath& at, bool via_api,
                config::Diagnostics& diagnostics, std::optional<uint32_t> id = {});
  void start(Entry& entry);
  void start_eds(Entry& entry);
  void on_eds(Entry& entry, const Update& update, config::Diagnostics& diagnostics);
  void on_cluster_endpoints(Entry& entry);
  void on_found_endpoints(Entry& entry);
  void on_cluster_found(Entry& entry);
  void on_cluster_warm(Entry& entry);
  bool awaits_secrets(const Entry& entry) const;
  void activate(EntryPtr entry);
  void update(const Update& update, config::Diagnostics& diagnostics);
  bool apply(const Resource<envoy::config::cluster::v3::Cluster>& resource, config::Diagnostics& diagnostics);
  void check_warm();
  void count();
  net::Resolver& resolver(const net::ResolverSpec& spec);
  upstream::DnsCachePtr dns_cache(const upstream::DnsCacheSpec& spec, const config::FieldPath& at,
                                  config::Diagnostics& diagnostics);
  void on_cached_hosts(Entry& entry);
  void begin_sub_clusters(Entry& entry);
  void make_sub_cluster(Entry& parent, const std::string& name, const upstream::HostPort& target);
  void drop_sub_cluster(const std::string& name);
  void drop_sub_clusters_of(const upstream::ClusterState& parent);
  uint32_t number_of_sub_cluster(const std::string& name);
  void remove_active(EntryMap::iterator at);

  const Context& context_;
  FileWatch& files_;
  TlsSources& tls_;
  std::function<void()> on_change_;
  std::function<void(uint32_t, upstream::EndpointSetPtr)> on_endpoints_;
  std::function<void()> on_warm_;
  bool cds_read_ = false;
  std::string local_name_;  // of the cluster that the proxy belongs to; "" if it is not said

  std::unique_ptr<const envoy::config::core::v3::BindConfig> bind_default_;
  net::ResolverStats resolver_stats_;
  bool resolves_ = false;  // so that they are shown
  std::map<std::string, std::unique_ptr<net::Resolver>> resolvers_;
  std::map<std::string, std::weak_ptr<upstream::DnsCache>> dns_caches_;
  std::string outlier_log_path_;
  EventFiles event_files_;
  ClusterManagerStats stats_;
  SubscriptionStats cds_stats_;
  std::unique_ptr<FileSubscription> cds_;
  std::string cds_version_;
  std::map<std::string, stats::Registry::Registration, std::less<>> registrations_;  // by cluster
  std::map<std::string, stats::LabelledRegistry::Registration, std::less<>>
      endpoint_registrations_;  // by cluster that shows them
  std::vector<stats::Registry::Registration> own_registrations_;
  EntryMap active_;
  EntryMap warming_;  // will replace the active one of the same name
  std::vector<std::pair<std::weak_ptr<upstream::SubClusters>, std::string>>
      new_sub_clusters_;                        // of which workers have yet to hear
  std::deque<uint32_t> spare_numbers_;          // of sub clusters that are gone; the one that rested longest is used next
  std::shared_ptr<const void> breaker_limits_;  // keeps them as the runtime says
};

}  // namespace weir::control
