// ProcessStats: what is shown about the process as a whole: server.* and the watchdogs' names.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "admin/subject.h"
#include "base/clock.h"
#include "stats/registry.h"

namespace weir::main {

/// Main thread. As in Envoy, uptime, memory and state change only at a flush, `live` at once.
class ProcessStats {
 public:
  /// Shows its names in `registry`, which must live longer.
  ProcessStats(stats::Registry& registry, size_t workers, MonotonicNs started);

  /// `live` is 0 while draining or failing health checks.
  void set_live(bool live) { server_.live.set(live ? 1 : 0); }
  /// Instead of Weir's own.
  void set_version(int64_t version) { server_.version.set(version); }
  void count_initialization(int64_t milliseconds) { server_.initialization_time_ms.record(static_cast<uint64_t>(milliseconds)); }
  void count_unknown_static_fields(uint64_t fields) { server_.static_unknown_fields.add(fields); }
  void count_unknown_dynamic_fields(uint64_t fields) { server_.dynamic_unknown_fields.add(fields); }

  /// Every stats_flush_interval, before Registry::flush().
  void flush(admin::ServerState state, MonotonicNs now, int64_t connections);
  /// Once the process works: for each worker, how many clusters it has made its part of.
  void show_clusters(std::function<int64_t()> count) { clusters_ = std::move(count); }
  /// How long, in seconds, until the first certificate in use, and the first OCSP response, is no longer valid; nullopt if there
  /// is none.
  void set_first_expiry(std::optional<int64_t> certificate_s, std::optional<int64_t> staple_s) {
    constexpr int64_t kSecondsPerDay = 86'400;
    server_.days_until_first_cert_expiring.set(certificate_s ? *certificate_s / kSecondsPerDay : UINT32_MAX);  // as Envoy
    server_.seconds_until_first_ocsp_response_expiring.set(staple_s.value_or(0));
  }

  struct ServerStats {
    stats::Counter debug_assertion_failures, dropped_stat_flushes, dynamic_unknown_fields, envoy_bug_failures,
        envoy_notifications, static_unknown_fields, wip_protos;
    stats::Gauge fips_mode, concurrency, days_until_first_cert_expiring, hot_restart_epoch, live, memory_allocated,
        memory_heap_size, memory_physical_size, parent_connections, seconds_until_first_ocsp_response_expiring, state,
        stats_recent_lookups, total_connections, uptime, version;
    stats::Histogram initialization_time_ms;
  };

  stats::Histogram overload_refresh_delay;  // nothing waits here: no sample ever

 private:
  ServerStats server_;
  std::function<int64_t()> clusters_;
  const size_t workers_;
  const MonotonicNs started_;
  std::vector<stats::Registry::Registration> registrations_;
};

}  // namespace weir::main
