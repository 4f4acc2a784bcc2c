// Process: everything that lives as long as Weir runs, wired together; the only place that knows it all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/server.h"
#include "admin/subject.h"
#include "base/log.h"
#include "base/names.h"
#include "base/random.h"
#include "base/runtime.h"
#include "config/load.h"
#include "config/support.h"
#include "control/configuration.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "main/bootstrap_config.h"
#include "main/fleet.h"
#include "main/options.h"
#include "main/process_stats.h"
#include "observe/log_file.h"
#include "proxy/listener_config.h"
#include "stats/registry.h"
#include "stats/stats_config.h"

namespace weir::route {
struct ReadContext;
}

namespace weir::main {

/// read the bootstrap ─▶ build values ─▶ (validate: done) ─▶ find endpoints, bind ─▶ workers ─▶ serve ─▶ drain ─▶ end
class Process final : private admin::Subject {
 public:
  explicit Process(const Options& options);
  ~Process() override;

  /// Returns the exit status. `on_listening` is called once everything listens.
  int run(const std::function<void()>& on_listening);

 private:
  // --- starting ---
  bool set_up_log();
  bool load_bootstrap();
  bool build();
  bool start_admin();
  void on_ready(Result<> bound);
  bool report(config::Diagnostics& diagnostics);
  proxy::ListenerConfigContext listener_context();
  route::ReadContext route_context(bool clusters_must_exist);

  // --- ending ---
  void on_signal(int signal);
  void shut_down();
  void check_drained();
  void flush_stats();
  void show_state();
  void flush_logs();
  void flush_now();
  void make_sinks();

  // --- admin::Subject ---
  admin::ServerState state() override;
  void describe(envoy::admin::v3::ServerInfo& info) override;
  std::vector<upstream::ClusterStatePtr> clusters() override;
  std::vector<admin::ListenerView> listeners() override;
  const net::TlsConfigContext* tls() override { return &configuration_->tls().in_use(); }
  std::vector<std::unique_ptr<google::protobuf::Message>> config_dump(bool include_eds) override;
  std::vector<control::Runtime::View> runtime_layers() override;
  Result<> modify_runtime(const std::vector<std::pair<std::string, std::string>>& changes) override;
  int64_t connections() override { return fleet_->connections(); }
  void before_stats() override {
    if (bootstrap_.stats_flush_on_admin) flush_now();
  }
  observe::RequestFeed* request_feed() override { return &logs_->feed(); }
  void quit() override;
  void drain_listeners(const admin::Drain& drain) override;
  void fail_health_checks(bool fail) override;
  void reopen_logs() override;

  const Options& options_;
  const size_t workers_;
  const MonotonicNs started_;
  const WallNs started_wall_;
  Log log_;
  loop::EventLoop loop_;
  Random random_;
  config::Schema schema_;
  config::SupportTable support_;
  BootstrapSpec bootstrap_;
  config::Loaded<envoy::config::bootstrap::v3::Bootstrap> loaded_;  // only while starting: it is large
  std::string bootstrap_bytes_;                                     // for /config_dump
  stats::Registry registry_;
  stats::StatsSettings stats_settings_;
  Names cluster_names_;
  RuntimeValues runtime_;
  proxy::Overload overload_;
  std::vector<stats::Registry::Registration> registrations_;
  std::unique_ptr<observe::LogFiles> logs_;
  std::unique_ptr<proxy::StatScopes> scopes_;
  std::unique_ptr<route::RouteStats> route_stats_;
  std::unique_ptr<proxy::ListenerConfigContext> listener_context_;
  std::unique_ptr<ProcessStats> stats_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<control::Configuration> configuration_;
  std::vector<std::shared_ptr<observe::AccessLog>> admin_logs_;  // until the admin has them
  std::vector<std::unique_ptr<StatSink>> sinks_;
  std::unique_ptr<admin::Server> admin_;
  loop::Timer flush_timer_, drain_timer_, log_timer_;
  std::function<void()> on_listening_;
  int exit_status_ = 0;
  bool live_ = false;
  bool draining_ = false;
  bool failing_health_checks_ = false;
  bool stop_listening_after_drain_ = false;
  MonotonicNs drain_deadline_ = 0;
};

}  // namespace weir::main
