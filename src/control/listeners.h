// Listeners: every listener there is, from the bootstrap and from LDS.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "control/file_watch.h"
#include "control/kept.h"
#include "control/stat_names.h"
#include "control/subscription.h"
#include "control/tls_sources.h"

namespace envoy::admin::v3 {
class ListenersConfigDump;
}
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace weir::control {

class Listeners {
 public:
  Listeners(const Context& context, FileWatch& files, const TlsSources& tls, std::function<void()> on_change);

  /// Reads the static listeners and the source of LDS. No sockets are bound.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// Binds the static listeners, then reads LDS. An error means that a static listener cannot be bound.
  Result<> start();

  /// Listeners of LDS that waited for secrets may not have to any more.
  void check_secrets();

  /// In the order in which they came; those that still wait are not among them.
  std::vector<proxy::ListenerSpecPtr> list() const;
  ListenerManagerStats& stats() { return stats_; }
  void dump(envoy::admin::v3::ListenersConfigDump& dump) const;

 private:
  struct Entry {
    proxy::ListenerSpecPtr spec;
    Kept kept;
  };
  void update(const Update& update, config::Diagnostics& diagnostics);
  bool apply(const Resource<envoy::config::listener::v3::Listener>& resource, config::Diagnostics& diagnostics);
  std::vector<Entry>::iterator find(std::string_view name);
  bool awaits_secrets(const proxy::ListenerSpec& spec) const;
  Result<> activate(Entry entry);
  void count();

  const Context& context_;
  FileWatch& files_;
  const TlsSources& tls_;
  std::function<void()> on_change_;
  ListenerManagerStats stats_;
  SubscriptionStats lds_stats_;
  std::unique_ptr<FileSubscription> lds_;
  std::string lds_path_;
  std::string lds_version_;
  std::vector<stats::Registry::Registration> registrations_;
  std::vector<Entry> entries_;
  std::vector<Entry> warming_;  // will be new, or replace those of their names
};

}  // namespace weir::control
