#include "main/process_stats.h"

#include <string>

#include "admin/process_memory.h"
#include "base/text.h"
#include "main/version.h"
#include "stats/table.h"

namespace weir::main {

namespace {

using Server = ProcessStats::ServerStats;

constexpr auto kServer = stats::table<Server>({
    {"compilation_settings.fips_mode", &Server::fips_mode},
    {"concurrency", &Server::concurrency},
    {"days_until_first_cert_expiring", &Server::days_until_first_cert_expiring},
    {"debug_assertion_failures", &Server::debug_assertion_failures},
    {"dropped_stat_flushes", &Server::dropped_stat_flushes},
    {"dynamic_unknown_fields", &Server::dynamic_unknown_fields},
    {"envoy_bug_failures", &Server::envoy_bug_failures},
    {"envoy_notifications", &Server::envoy_notifications},
    {"hot_restart_epoch", &Server::hot_restart_epoch},
    {"initialization_time_ms", &Server::initialization_time_ms, stats::Unit::kMilliseconds},
    {"live", &Server::live},
    {"memory_allocated", &Server::memory_allocated},
    {"memory_heap_size", &Server::memory_heap_size},
    {"memory_physical_size", &Server::memory_physical_size},
    {"parent_connections", &Server::parent_connections},
    {"seconds_until_first_ocsp_response_expiring", &Server::seconds_until_first_ocsp_response_expiring},
    {"state", &Server::state},
    {"static_unknown_fields", &Server::static_unknown_fields},
    {"stats_recent_lookups", &Server::stats_recent_lookups},
    {"total_connections", &Server::total_connections},
    {"uptime", &Server::uptime},
    {"version", &Server::version},
    {"wip_protos", &Server::wip_protos},
});

constexpr auto kOverload =
    stats::table<ProcessStats>({{"refresh_interval_delay", &ProcessStats::overload_refresh_delay, stats::Unit::kMilliseconds}});

/// "0.1.2" as 0x000102.
int64_t version_number() {
  int64_t number = 0;
  std::string_view rest = kVersion;
  for (int i = 0; i < 3; ++i) number = number * 256 + parse_number<int64_t>(next_token(rest, '.')).value_or(0);
  return number;
}

// Weir's loops never wait for anything but their sockets, so nobody watches them; the names are there for dashboards.
void visit_watchdog(stats::StatVisitor& visitor, std::string_view thread) {
  const auto scope = visitor.scope(thread);
  visitor.counter("watchdog_mega_miss", 0);
  visitor.counter("watchdog_miss", 0);
}

}  // namespace

ProcessStats::ProcessStats(stats::Registry& registry, size_t workers, MonotonicNs started)
    : workers_(workers), started_(started) {
  server_.concurrency.set(static_cast<int64_t>(workers));
  set_first_expiry(std::nullopt, std::nullopt);
  server_.version.set(version_number());
  for (stats::Gauge* gauge : {&server_.fips_mode, &server_.stats_recent_lookups, &server_.total_connections}) gauge->set(0);
  registrations_.push_back(registry.add("server.", [this](stats::StatVisitor& visitor) {
    stats::visit(visitor, kServer, server_);
    visit_watchdog(visitor, "main_thread.");
    for (size_t i = 0; i < workers_; ++i) visit_watchdog(visitor, "worker_" + std::to_string(i) + ".");
  }));
  registrations_.push_back(registry.add("main_thread.", [](stats::StatVisitor& visitor) { visit_watchdog(visitor, ""); }));
  registrations_.push_back(registry.add("workers.", [](stats::StatVisitor& visitor) { visit_watchdog(visitor, ""); }));
  registrations_.push_back(registry.add("thread_local_cluster_manager.", [this](stats::StatVisitor& visitor) {
    const int64_t count = clusters_ ? clusters_() : 0;
    visitor.gauge("main_thread.clusters_inflated", count);
    for (size_t i = 0; i < workers_; ++i) visitor.gauge("worker_" + std::to_string(i) + ".clusters_inflated", count);
  }));
  // What nothing in Weir ever does, under the names that are looked for.
  registrations_.push_back(registry.add("envoy.overload_actions.", [](stats::StatVisitor& visitor) {
    if (!visitor.resets_counters()) visitor.counter("reset_high_memory_stream.count", 0);
  }));
  registrations_.push_back(
      registry.add("overload.", [this](stats::StatVisitor& visitor) { stats::visit(visitor, kOverload, *this); }));
  registrations_.push_back(registry.add("tcmalloc.", [](stats::StatVisitor& visitor) {
    if (!visitor.resets_counters()) visitor.counter("released_by_timer", 0);
  }));
}

void ProcessStats::flush(admin::ServerState state, MonotonicNs now, int64_t connections) {
  server_.state.set(static_cast<int64_t>(state));
  server_.uptime.set((now - started_) / kNsPerSecond);
  server_.total_connections.set(connections);
  const admin::ProcessMemory memory = admin::process_memory();
  server_.memory_allocated.set(static_cast<int64_t>(memory.allocated));
  server_.memory_heap_size.set(static_cast<int64_t>(memory.heap_size));
  server_.memory_physical_size.set(static_cast<int64_t>(memory.physical));
}

}  // namespace weir::main
