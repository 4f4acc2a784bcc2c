// What the admin pages see of the process.
#include <google/protobuf/util/time_util.h>

#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/server_info.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "main/process.h"

namespace weir::main {

admin::ServerState Process::state() {
  if (draining_ || failing_health_checks_) return admin::ServerState::kDraining;
  if (live_) return admin::ServerState::kLive;
  return configuration_->clusters_warm() ? admin::ServerState::kInitializing : admin::ServerState::kPreInitializing;
}

void Process::describe(envoy::admin::v3::ServerInfo& info) {
  info.set_version(version_text().substr(version_text().find(": ") + 2));
  info.set_hot_restart_version("disabled");
  const int64_t uptime_s = (loop_.now() - started_) / kNsPerSecond;
  info.mutable_uptime_current_epoch()->set_seconds(uptime_s);
  info.mutable_uptime_all_epochs()->set_seconds(uptime_s);

  envoy::admin::v3::CommandLineOptions& line = *info.mutable_command_line_options();
  line.set_base_id(options_.base_id);
  line.set_use_dynamic_base_id(options_.use_dynamic_base_id);
  line.set_base_id_path(options_.base_id_path);
  line.set_concurrency(static_cast<uint32_t>(workers_));
  line.set_config_path(options_.config_path);
  line.set_config_yaml(options_.config_yaml);
  line.set_allow_unknown_static_fields(options_.allow_unknown_static_fields);
  line.set_reject_unknown_dynamic_fields(options_.reject_unknown_dynamic_fields);
  line.set_ignore_unknown_dynamic_fields(options_.ignore_unknown_dynamic_fields);
  line.set_admin_address_path(options_.admin_address_path);
  line.set_local_address_ip_version(options_.local_address_v6 ? envoy::admin::v3::CommandLineOptions::v6
                                                              : envoy::admin::v3::CommandLineOptions::v4);
  line.set_log_level(options_.log_level);
  line.set_component_log_level(options_.component_log_level);
  line.set_log_format(options_.log_format_given ? options_.log_format : std::string(LogPattern::kDefault));
  line.set_log_format_escaped(options_.log_format_escaped);
  line.set_log_path(options_.log_path);
  line.set_service_cluster(options_.service_cluster);
  line.set_service_node(options_.service_node);
  line.set_service_zone(options_.service_zone);
  line.mutable_file_flush_interval()->set_seconds(options_.file_flush_interval_ms / 1000);
  line.mutable_file_flush_interval()->set_nanos(static_cast<int32_t>(options_.file_flush_interval_ms % 1000 * kNsPerMs));
  line.mutable_drain_time()->set_seconds(options_.drain_time_s);
  line.set_drain_strategy(options_.drain_immediately ? envoy::admin::v3::CommandLineOptions::Immediate
                                                     : envoy::admin::v3::CommandLineOptions::Gradual);
  line.mutable_parent_shutdown_time()->set_seconds(options_.parent_shutdown_time_s);
  line.set_mode(envoy::admin::v3::CommandLineOptions::Serve);
  line.set_disable_hot_restart(options_.disable_hot_restart);
  line.set_restart_epoch(options_.restart_epoch);
  line.set_cpuset_threads(options_.cpuset_threads);
  for (const std::string& tag : options_.stats_tags) line.add_stats_tag(tag);

  info.mutable_node()->set_id(bootstrap_.identity.node_id);
  info.mutable_node()->set_cluster(bootstrap_.identity.node_cluster);
  if (!bootstrap_.identity.zone.empty()) info.mutable_node()->mutable_locality()->set_zone(bootstrap_.identity.zone);
  info.mutable_node()->set_user_agent_name("weir");
}

std::vector<upstream::ClusterStatePtr> Process::clusters() { return configuration_->clusters().list(); }

std::vector<admin::ListenerView> Process::listeners() {
  std::vector<admin::ListenerView> views;
  for (const auto& listener : fleet_->listeners()) {
    views.push_back({listener->spec->name, listener->sockets->addresses(), listener->spec->stat_prefix});
  }
  return views;
}

std::vector<std::unique_ptr<google::protobuf::Message>> Process::config_dump(bool include_eds) {
  auto bootstrap = std::make_unique<envoy::admin::v3::BootstrapConfigDump>();
  bootstrap->mutable_bootstrap()->ParseFromString(bootstrap_bytes_);
  *bootstrap->mutable_last_updated() = google::protobuf::util::TimeUtil::MillisecondsToTimestamp(started_wall_ / kNsPerMs);
  std::vector<std::unique_ptr<google::protobuf::Message>> sections;
  sections.push_back(std::move(bootstrap));
  for (auto& section : configuration_->dump(include_eds)) sections.push_back(std::move(section));
  return sections;
}

std::vector<control::Runtime::View> Process::runtime_layers() { return configuration_->runtime().layers(); }

Result<> Process::modify_runtime(const std::vector<std::pair<std::string, std::string>>& changes) {
  return configuration_->runtime().modify(changes);
}

void Process::quit() {
  loop_.post([this] { loop_.stop(); });
}

/// Graceful: clients are told to leave, and after the drain time nobody new is accepted (unless skip_exit).
void Process::drain_listeners(const admin::Drain& drain) {
  if (!drain.graceful) {
    configuration_->listeners().stats().listener_stopped.add(fleet_->stop_listening(drain.inbound_only));
    return;
  }
  fleet_->drain(false);
  stop_listening_after_drain_ = !drain.skip_exit;
  drain_timer_.arm(int64_t{options_.drain_time_s} * 1000);
}

void Process::fail_health_checks(bool fail) {
  failing_health_checks_ = fail;
  fleet_->set_draining(fail);
  stats_->set_live(!fail);
}

void Process::reopen_logs() {
  logs_->reopen_all();
  if (auto reopened = log_.reopen(); !reopened) log_.error("main", "{}", reopened.error().message);
}

}  // namespace weir::main
