// Subscription: resources that somebody else decides about. FileSubscription: from a file (path_config_source), read again
// whenever it is replaced.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "control/context.h"
#include "control/file_watch.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "stats/cell.h"

namespace weir::control {

/// What is counted about one subscription (cluster_manager.cds.*, http.<prefix>.rds.<name>.* …).
struct SubscriptionStats {
  stats::Counter update_attempt, update_success, update_failure, update_rejected, update_empty, init_fetch_timeout, config_reload;
  stats::Gauge update_time, config_reload_time_ms;
  stats::Histogram update_duration;
  std::optional<std::string> version;  // of the last update that was taken whole
};

enum class DiscoveryKind : uint8_t { kClusters, kEndpoints, kListeners, kRoutes, kRuntime, kFilters };

/// Shows them as Envoy does, which differs a little from kind to kind.
void visit(stats::StatVisitor& visitor, SubscriptionStats& stats, DiscoveryKind kind);

struct FileSource {
  std::string path;
  std::string watched_directory;  // "": renames to `path` itself are watched
};

/// Nothing after reporting an error: the source is no file, the file does not exist, or nobody knows who asks.
std::optional<FileSource> read_source(const Context& context, const envoy::config::core::v3::ConfigSource& source,
                                      const config::FieldPath& at, config::Diagnostics& diagnostics);
/// The same, but neither the file nor the node need be there.
std::optional<FileSource> read_source_without_file(const envoy::config::core::v3::ConfigSource& source,
                                                   const config::FieldPath& at, config::Diagnostics& diagnostics);
/// Reports a node without id or cluster: as for Envoy, who takes configuration must have a name, even from a file.
bool check_node(const Context& context, const config::FieldPath& at, config::Diagnostics& diagnostics);
/// Reports a file that does not exist.
bool check_exists(const std::string& path, const config::FieldPath& at, config::Diagnostics& diagnostics);

/// What a file held. Errors about a resource are reported at its `path`, and given a line by the subscription.
template <class M>
struct Resource {
  M message;
  std::string version;  // its own, or that of the whole response
  config::FieldPath list{nullptr, "resources"};
  int index = 0;
};

using Update = config::Loaded<envoy::service::discovery::v3::DiscoveryResponse>;

/// The resources of an update. One that is of another type is an error.
template <class M>
std::vector<Resource<M>> unpack(const Update& update, config::Diagnostics& diagnostics) {
  std::vector<Resource<M>> result;
  result.reserve(static_cast<size_t>(update->resources_size()));
  for (int i = 0; i < update->resources_size(); ++i) {
    Resource<M>& resource = result.emplace_back();
    resource.version = update->version_info();
    resource.index = i;
    envoy::service::discovery::v3::Resource wrapper;
    const bool wrapped = update->resources(i).UnpackTo(&wrapper);
    if (wrapped && !wrapper.version().empty()) resource.version = wrapper.version();
    if (!(wrapped ? wrapper.resource() : update->resources(i)).UnpackTo(&resource.message)) {
      diagnostics.error({{},
                         "resources[" + std::to_string(i) + "]",
                         "expected a " + M::descriptor()->full_name() + " but got " +
                             (wrapped ? wrapper.resource() : update->resources(i)).type_url(),
                         ""});
    }
  }
  return result;
}

class Subscription {
 public:
  /// Takes what an update holds; what is wrong with it goes into the diagnostics, and what is good may be used nevertheless.
  using OnUpdate = std::function<void(const Update&, config::Diagnostics&)>;

  virtual ~Subscription() = default;
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Begins; the first update may come at once.
  virtual void start() = 0;
  /// Shows itself in Context::unread, if it is one that a dry run can read.
  virtual void note() {}

 protected:
  Subscription(const Context& context, SubscriptionStats& stats, OnUpdate on_update)
      : context_(context), stats_(stats), on_update_(std::move(on_update)) {}
  /// Hands an update over, and counts nothing.
  void apply(const Update& update, config::Diagnostics& diagnostics) const { on_update_(update, diagnostics); }
  /// Hands an update over that began to be read at `begin`, and counts what becomes of it. False if it was refused: the reasons
  /// are in its diagnostics, and in the log after `from`.
  bool deliver(Update& update, std::string_view from, MonotonicNs begin);

  const Context& context_;
  SubscriptionStats& stats_;

 private:
  const OnUpdate on_update_;
};

class FileSubscription final : public Subscription {
 public:
  FileSubscription(const Context& context, FileWatch& files, FileSource source, SubscriptionStats& stats, OnUpdate on_update);

  ~FileSubscription() override;

  /// Reads the file at once, and from then on whenever it is replaced.
  void start() override;

  // --- for a dry run, which watches nothing ---
  void note() override;
  const std::string& path() const { return source_.path; }
  void take(const Update& update, config::Diagnostics& diagnostics) const { apply(update, diagnostics); }

 private:
  void read();

  FileWatch& files_;
  const FileSource source_;
  FileWatch::Handle watch_;
};

/// Declares DiscoveryResponse.
void declare_discovery(config::SupportTable& table);

}  // namespace weir::control
