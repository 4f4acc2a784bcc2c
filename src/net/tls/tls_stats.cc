#include "net/tls/tls_stats.h"

#include <string>

#include "stats/table.h"

namespace weir::net {

namespace {

constexpr auto kTable = stats::table<TlsStats>({
    {"ssl.connection_error", &TlsStats::connection_error},
    {"ssl.handshake", &TlsStats::handshake},
    {"ssl.session_reused", &TlsStats::session_reused},
    {"ssl.no_certificate", &TlsStats::no_certificate},
    {"ssl.fail_verify_no_cert", &TlsStats::fail_verify_no_cert},
    {"ssl.fail_verify_error", &TlsStats::fail_verify_error},
    {"ssl.fail_verify_san", &TlsStats::fail_verify_san},
    {"ssl.fail_verify_cert_hash", &TlsStats::fail_verify_cert_hash},
    {"ssl.ocsp_staple_failed", &TlsStats::ocsp_staple_failed},
    {"ssl.ocsp_staple_omitted", &TlsStats::ocsp_staple_omitted},
    {"ssl.ocsp_staple_responses", &TlsStats::ocsp_staple_responses},
    {"ssl.ocsp_staple_requests", &TlsStats::ocsp_staple_requests},
    {"ssl.was_key_usage_invalid", &TlsStats::was_key_usage_invalid},
});

/// Counters by name, each from its first use on.
template <size_t N>
void visit_names(stats::StatVisitor& visitor, std::string_view prefix, const std::string_view (&names)[N],
                 std::array<stats::Counter, N> TlsStats::*counters, stats::Sharded<TlsStats>& shards) {
  const auto scope = visitor.scope(prefix);
  for (size_t i = 0; i < N; ++i) {
    uint64_t sum = 0;
    shards.for_each_mutable([&](TlsStats& cells) {
      stats::Counter& counter = (cells.*counters)[i];
      if (visitor.resets_counters()) counter.reset();
      sum += counter.value();
    });
    if (sum != 0) visitor.counter(names[i], sum);
  }
}

}  // namespace

void visit(stats::StatVisitor& visitor, stats::Sharded<TlsStats>& stats) {
  stats::visit(visitor, kTable, stats);
  visit_names(visitor, "ssl.ciphers.", TlsStats::kCiphers, &TlsStats::ciphers, stats);
  visit_names(visitor, "ssl.curves.", TlsStats::kCurves, &TlsStats::curves, stats);
  visit_names(visitor, "ssl.sigalgs.", TlsStats::kSignatures, &TlsStats::signatures, stats);
  visit_names(visitor, "ssl.versions.", TlsStats::kVersions, &TlsStats::versions, stats);
}

}  // namespace weir::net
