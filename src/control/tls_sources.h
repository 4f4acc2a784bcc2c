// TlsSources: every TLS context there is, and the secrets they are made of: from the bootstrap, and from SDS, files and servers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "control/file_watch.h"
#include "control/grpc_subscription.h"
#include "control/subscription.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "net/tls/tls_config.h"
#include "net/tls/tls_source.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::admin::v3 {
class SecretsConfigDump;
}

namespace weir::control {

/// A context is rebuilt when one of its secrets changes; connections that are open keep the old one. A new secret that does not
/// fit one of its users is refused, and the old one stays. Main thread.
class TlsSources {
 public:
  using Downstream = envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
  using Upstream = envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
  using Secret = envoy::extensions::transport_sockets::tls::v3::Secret;
  using SecretConfig = envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig;

  TlsSources(const Context& context, FileWatch& files);

  /// Reads static_resources.secrets.
  bool load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics);
  /// Whether a secret that nobody uses yet is good; reports what is wrong with it.
  bool check(const Secret& secret, const config::FieldPath& at, config::Diagnostics& diagnostics);
  /// Null after reporting an error. While secrets are missing the source has no context.
  net::TlsSourcePtr server(const Downstream& message, const std::vector<std::string>& server_names, const config::FieldPath& at,
                           config::Diagnostics& diagnostics);
  net::TlsSourcePtr client(const Upstream& message, const config::FieldPath& at, config::Diagnostics& diagnostics);

  /// Reads the files of all secrets found so far, and from now on those of new ones at once.
  void start();
  /// Asks the servers for theirs. `on_answers` is called once all have answered, or were given up waiting for; maybe at once.
  void start_remote(std::function<void()> on_answers);
  /// Whether a secret of it was asked for at a server and is still awaited. No source: no.
  bool awaits_secrets(const net::TlsSourcePtr& source) const;
  /// Called whenever a server answered, or was given up waiting for: awaits_secrets() may have become false.
  void on_answer(std::function<void()> callback) { on_answer_ = std::move(callback); }

  void dump(envoy::admin::v3::SecretsConfigDump& dump) const;
  /// Everything in use, for /certs.
  const net::TlsConfigContext& in_use() const { return config_; }

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Secret> secret;  // the newest good one; null before the first
    std::string version;
    WallNs updated = 0;
    SubscriptionStats stats;
    uint64_t rotation_failures = 0;
    std::unique_ptr<ControlPlaneStats> plane;    // null unless it comes from a server
    std::unique_ptr<Subscription> subscription;  // null for static secrets
    bool answered = false;
    stats::Registry::Registration registration;
    std::vector<FileWatch::Handle> watches;  // of the files that it names
  };
  struct User {
    std::weak_ptr<net::TlsSource> source;
    std::vector<const Entry*> secrets;
    std::function<net::TlsContextPtr(config::Diagnostics&)> build;
  };

  template <class Message, class Build>
  net::TlsSourcePtr make(const Message& message, const config::FieldPath& at, config::Diagnostics& diagnostics, Build build);
  Entry* find(const SecretConfig& config, const config::FieldPath& at, config::Diagnostics& diagnostics);
  bool subscribe(Entry& entry, const SecretConfig& config, const config::FieldPath& at, config::Diagnostics& diagnostics);
  void first_answer(Entry& entry);
  void check_answers();
  static std::string key_of(const SecretConfig& config);
  void update(Entry& entry, const Update& update, config::Diagnostics& diagnostics);
  bool rebuild(const Entry& entry, config::Diagnostics& diagnostics);
  void watch_files(Entry& entry);
  void on_files_changed(Entry& entry);

  const Context& context_;
  FileWatch& files_;
  net::TlsConfigContext config_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;  // by source and name
  std::vector<User> users_;
  bool started_ = false, started_remote_ = false;
  std::function<void()> on_answers_;  // empty once it was called
  std::function<void()> on_answer_;
};

}  // namespace weir::control
