#include "proxy/stat_names.h"

#include <string>
#include <utility>

#include "net/tls/certificate_stats.h"
#include "proxy/http_stat_tables.h"
#include "stats/table.h"

namespace weir::proxy {

namespace {

constexpr auto kTcpProxy = stats::table<TcpProxyStats>({
    {"downstream_cx_total", &TcpProxyStats::downstream_cx_total},
    {"downstream_cx_no_route", &TcpProxyStats::downstream_cx_no_route},
    {"downstream_cx_tx_bytes_total", &TcpProxyStats::downstream_cx_tx_bytes_total},
    {"downstream_cx_rx_bytes_total", &TcpProxyStats::downstream_cx_rx_bytes_total},
    {"downstream_cx_tx_bytes_buffered", &TcpProxyStats::downstream_cx_tx_bytes_buffered},
    {"downstream_cx_rx_bytes_buffered", &TcpProxyStats::downstream_cx_rx_bytes_buffered},
    {"downstream_flow_control_paused_reading_total", &TcpProxyStats::downstream_flow_control_paused_reading_total},
    {"downstream_flow_control_resumed_reading_total", &TcpProxyStats::downstream_flow_control_resumed_reading_total},
    {"idle_timeout", &TcpProxyStats::idle_timeout},
    {"max_downstream_connection_duration", &TcpProxyStats::max_downstream_connection_duration},
    {"upstream_flush_total", &TcpProxyStats::upstream_flush_total},
    {"upstream_flush_active", &TcpProxyStats::upstream_flush_active},
    {"early_data_received_count_total", &TcpProxyStats::early_data_received_count_total},
});

}  // namespace

void visit(stats::StatVisitor& visitor, stats::Sharded<TcpProxyStats>& stats) { stats::visit(visitor, kTcpProxy, stats); }

stats::Registry::Registration register_listener(stats::Registry& registry, ListenerStatePtr listener) {
  const std::string prefix = "listener." + listener->spec->stat_prefix + ".";
  return registry.add(prefix, [listener = std::move(listener)](stats::StatVisitor& visitor) {
    visit(visitor, listener->stats);
    visit_extensions(visitor);
    if (listener->tls_stats != nullptr) {
      net::visit(visitor, *listener->tls_stats);
      uint64_t updates = 0, not_ready = 0;
      for (const FilterChain& chain : listener->spec->chains) {
        if (chain.tls == nullptr) continue;
        updates += chain.tls->updates();
        not_ready += chain.tls->not_ready();
        if (const net::TlsContextPtr context = chain.tls->context()) net::visit_certificates(visitor, *context);
      }
      if (!visitor.resets_counters()) {
        const auto scope = visitor.scope("server_ssl_socket_factory.");
        visitor.counter("downstream_context_secrets_not_ready", not_ready);
        visitor.counter("ssl_context_update_by_sds", updates);
        visitor.counter("upstream_context_secrets_not_ready", 0);
      }
    }
    for (const ListenerState::HttpShare& share : listener->http) {
      const auto scope = visitor.scope("http." + share.stat_prefix + ".");
      visit(visitor, *share.stats);
    }
    listener->stats.for_each_worker([&](size_t worker, ListenerStats& stats) {
      const auto scope = visitor.scope("worker_" + std::to_string(worker) + ".");
      visit_worker(visitor, stats);
    });
  });
}

}  // namespace weir::proxy
