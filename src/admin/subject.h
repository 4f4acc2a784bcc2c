// Subject: the running process, as far as the admin pages show or steer it. main implements it; tests play it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/runtime.h"
#include "net/address.h"
#include "observe/request_feed.h"
#include "upstream/cluster_state.h"

namespace google::protobuf {
class Message;
}
namespace envoy::admin::v3 {
class ServerInfo;
}

namespace weir::net {
struct TlsConfigContext;
}

namespace weir::admin {

/// ServerInfo.State.
enum class ServerState : uint8_t { kLive, kDraining, kPreInitializing, kInitializing };

struct ListenerView {
  std::string name;
  std::vector<net::AddressPtr> addresses;  // as bound: the main one, then the additional ones
  std::string stat_prefix = {};            // of its statistics
};

/// POST /drain_listeners.
struct Drain {
  bool graceful = false;      // first tell clients to leave, for the drain time
  bool skip_exit = false;     // after a graceful drain, do not close the listeners
  bool inbound_only = false;  // only listeners whose traffic_direction is INBOUND
};

/// All functions are called on the main thread.
class Subject {
 public:
  virtual ~Subject() = default;

  virtual ServerState state() = 0;
  /// Fills version, command line options, node and uptimes (its state is filled by the page).
  virtual void describe(envoy::admin::v3::ServerInfo& info) = 0;

  /// In the order in which they shall be listed.
  virtual std::vector<upstream::ClusterStatePtr> clusters() = 0;
  virtual std::vector<ListenerView> listeners() = 0;

  /// The sections of /config_dump in Envoy's order, as envoy.admin.v3 messages: BootstrapConfigDump, ClustersConfigDump,
  /// [EndpointsConfigDump if `include_eds`], ListenersConfigDump, ScopedRoutesConfigDump, RoutesConfigDump, SecretsConfigDump.
  /// Secrets need not be hidden here.
  virtual std::vector<std::unique_ptr<google::protobuf::Message>> config_dump(bool include_eds) = 0;

  virtual std::vector<control::Runtime::View> runtime_layers() = 0;
  /// Sets values of the runtime; "" takes back what was set here. An error if the configuration has no layer for that.
  virtual Result<> modify_runtime(const std::vector<std::pair<std::string, std::string>>& changes) = 0;
  /// What is in use of TLS; null for nothing.
  virtual const net::TlsConfigContext* tls() { return nullptr; }

  virtual int64_t connections() { return 0; }
  /// Somebody asks for statistics.
  virtual void before_stats() {}
  /// The requests that are being answered; null for none.
  virtual observe::RequestFeed* request_feed() { return nullptr; }

  /// The process ends soon, as after SIGTERM without a drain. The answer still has to go out: return first.
  virtual void quit() = 0;
  virtual void drain_listeners(const Drain& drain) = 0;
  /// While failing, state() is kDraining and health check filters answer 503.
  virtual void fail_health_checks(bool fail) = 0;
  virtual void reopen_logs() = 0;
};

}  // namespace weir::admin
