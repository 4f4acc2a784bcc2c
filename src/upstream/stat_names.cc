#include "upstream/stat_names.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "http/codec_stat_tables.h"
#include "net/tls/certificate_stats.h"
#include "stats/table.h"

namespace weir::upstream {

namespace {

using stats::Unit;
using Shown = stats::StatRow<ClusterStats>::Shown;

constexpr auto kCluster = stats::table<ClusterStats>({
    {"upstream_cx_total", &ClusterStats::upstream_cx_total},
    {"upstream_cx_http1_total", &ClusterStats::upstream_cx_http1_total},
    {"upstream_cx_http2_total", &ClusterStats::upstream_cx_http2_total},
    {"upstream_cx_http3_total", &ClusterStats::upstream_cx_http3_total},
    {"upstream_cx_connect_fail", &ClusterStats::upstream_cx_connect_fail},
    {"upstream_cx_connect_timeout", &ClusterStats::upstream_cx_connect_timeout},
    {"upstream_cx_idle_timeout", &ClusterStats::upstream_cx_idle_timeout},
    {"upstream_cx_max_duration_reached", &ClusterStats::upstream_cx_max_duration_reached},
    {"upstream_cx_max_requests", &ClusterStats::upstream_cx_max_requests},
    {"upstream_cx_destroy", &ClusterStats::upstream_cx_destroy},
    {"upstream_cx_destroy_local", &ClusterStats::upstream_cx_destroy_local},
    {"upstream_cx_destroy_remote", &ClusterStats::upstream_cx_destroy_remote},
    {"upstream_cx_destroy_with_active_rq", &ClusterStats::upstream_cx_destroy_with_active_rq},
    {"upstream_cx_destroy_local_with_active_rq", &ClusterStats::upstream_cx_destroy_local_with_active_rq},
    {"upstream_cx_destroy_remote_with_active_rq", &ClusterStats::upstream_cx_destroy_remote_with_active_rq},
    {"upstream_cx_close_notify", &ClusterStats::upstream_cx_close_notify},
    {"upstream_cx_rx_bytes_total", &ClusterStats::upstream_cx_rx_bytes_total},
    {"upstream_cx_tx_bytes_total", &ClusterStats::upstream_cx_tx_bytes_total},
    {"upstream_cx_pool_overflow", &ClusterStats::upstream_cx_pool_overflow},
    {"upstream_cx_overflow", &ClusterStats::upstream_cx_overflow},
    {"upstream_cx_none_healthy", &ClusterStats::upstream_cx_none_healthy},
    {"upstream_cx_protocol_error", &ClusterStats::upstream_cx_protocol_error},
    {"upstream_cx_connect_attempts_exceeded", &ClusterStats::upstream_cx_connect_attempts_exceeded},
    {"upstream_cx_connect_with_0_rtt", &ClusterStats::upstream_cx_connect_with_0_rtt},
    {"upstream_cx_active", &ClusterStats::upstream_cx_active},
    {"upstream_cx_rx_bytes_buffered", &ClusterStats::upstream_cx_rx_bytes_buffered},
    {"upstream_cx_tx_bytes_buffered", &ClusterStats::upstream_cx_tx_bytes_buffered},
    {"upstream_rq_total", &ClusterStats::upstream_rq_total},
    {"upstream_rq_completed", &ClusterStats::upstream_rq_completed},
    {"upstream_rq_pending_total", &ClusterStats::upstream_rq_pending_total},
    {"upstream_rq_pending_overflow", &ClusterStats::upstream_rq_pending_overflow},
    {"upstream_rq_pending_failure_eject", &ClusterStats::upstream_rq_pending_failure_eject},
    {"upstream_rq_cancelled", &ClusterStats::upstream_rq_cancelled},
    {"upstream_rq_maintenance_mode", &ClusterStats::upstream_rq_maintenance_mode},
    {"upstream_rq_timeout", &ClusterStats::upstream_rq_timeout},
    {"upstream_rq_max_duration_reached", &ClusterStats::upstream_rq_max_duration_reached},
    {"upstream_rq_per_try_timeout", &ClusterStats::upstream_rq_per_try_timeout},
    {"upstream_rq_per_try_idle_timeout", &ClusterStats::upstream_rq_per_try_idle_timeout},
    {"upstream_rq_rx_reset", &ClusterStats::upstream_rq_rx_reset},
    {"upstream_rq_tx_reset", &ClusterStats::upstream_rq_tx_reset},
    {"upstream_rq_retry", &ClusterStats::upstream_rq_retry},
    {"upstream_rq_retry_backoff_exponential", &ClusterStats::upstream_rq_retry_backoff_exponential},
    {"upstream_rq_retry_backoff_ratelimited", &ClusterStats::upstream_rq_retry_backoff_ratelimited},
    {"upstream_rq_retry_limit_exceeded", &ClusterStats::upstream_rq_retry_limit_exceeded},
    {"upstream_rq_retry_success", &ClusterStats::upstream_rq_retry_success},
    {"upstream_rq_retry_overflow", &ClusterStats::upstream_rq_retry_overflow},
    {"upstream_rq_0rtt", &ClusterStats::upstream_rq_0rtt},
    {"upstream_rq_active", &ClusterStats::upstream_rq_active},
    {"upstream_rq_pending_active", &ClusterStats::upstream_rq_pending_active},
    {"upstream_flow_control_paused_reading_total", &ClusterStats::upstream_flow_control_paused_reading_total},
    {"upstream_flow_control_resumed_reading_total", &ClusterStats::upstream_flow_control_resumed_reading_total},
    {"upstream_flow_control_backed_up_total", &ClusterStats::upstream_flow_control_backed_up_total},
    {"upstream_flow_control_drained_total", &ClusterStats::upstream_flow_control_drained_total},
    {"upstream_internal_redirect_succeeded_total", &ClusterStats::upstream_internal_redirect_succeeded_total},
    {"upstream_internal_redirect_failed_total", &ClusterStats::upstream_internal_redirect_failed_total},
    {"lb_healthy_panic", &ClusterStats::lb_healthy_panic},
    {"lb_subsets_selected", &ClusterStats::lb_subsets_selected},
    {"lb_subsets_fallback", &ClusterStats::lb_subsets_fallback},
    {"lb_subsets_fallback_panic", &ClusterStats::lb_subsets_fallback_panic},
    {"lb_local_cluster_not_ok", &ClusterStats::lb_local_cluster_not_ok},
    {"lb_recalculate_zone_structures", &ClusterStats::lb_recalculate_zone_structures},
    {"lb_zone_cluster_too_small", &ClusterStats::lb_zone_cluster_too_small},
    {"lb_zone_no_capacity_left", &ClusterStats::lb_zone_no_capacity_left},
    {"lb_zone_routing_all_directly", &ClusterStats::lb_zone_routing_all_directly},
    {"lb_zone_routing_cross_zone", &ClusterStats::lb_zone_routing_cross_zone},
    {"lb_zone_routing_sampled", &ClusterStats::lb_zone_routing_sampled},
    {"original_dst_host_invalid", &ClusterStats::original_dst_host_invalid},
    {"retry_or_shadow_abandoned", &ClusterStats::retry_or_shadow_abandoned},
    {"ratelimit.ok", &ClusterStats::ratelimit_ok, Shown::kOnceUsed},
    {"ratelimit.error", &ClusterStats::ratelimit_error, Shown::kOnceUsed},
    {"ratelimit.over_limit", &ClusterStats::ratelimit_over_limit, Shown::kOnceUsed},
    {"ratelimit.failure_mode_allowed", &ClusterStats::ratelimit_failure_mode_allowed, Shown::kOnceUsed},
    {"upstream_cx_connect_ms", &ClusterStats::upstream_cx_connect_ms, Unit::kMilliseconds},
    {"upstream_cx_length_ms", &ClusterStats::upstream_cx_length_ms, Unit::kMilliseconds},
    {"upstream_rq_per_cx", &ClusterStats::upstream_rq_per_cx, Unit::kUnspecified},
    {"upstream_rq_time", &ClusterStats::upstream_rq_time, Unit::kMilliseconds, Shown::kOnceUsed},
});

constexpr auto kAnswers = stats::table<AnswerStats>({
    {"upstream_rq_time", &AnswerStats::time, Unit::kMilliseconds, stats::StatRow<AnswerStats>::Shown::kOnceUsed},
});

constexpr auto kSizes = stats::table<TrackedStats>({
    {"upstream_rq_headers_size", &TrackedStats::rq_headers_size, Unit::kBytes},
    {"upstream_rq_headers_count", &TrackedStats::rq_headers_count, Unit::kUnspecified},
    {"upstream_rq_body_size", &TrackedStats::rq_body_size, Unit::kBytes},
    {"upstream_rs_headers_size", &TrackedStats::rs_headers_size, Unit::kBytes},
    {"upstream_rs_headers_count", &TrackedStats::rs_headers_count, Unit::kUnspecified},
    {"upstream_rs_body_size", &TrackedStats::rs_body_size, Unit::kBytes},
});

constexpr auto kTimeoutBudgets = stats::table<TrackedStats>({
    {"upstream_rq_timeout_budget_percent_used", &TrackedStats::timeout_budget_percent_used, Unit::kUnspecified},
    {"upstream_rq_timeout_budget_per_try_percent_used", &TrackedStats::timeout_budget_per_try_percent_used, Unit::kUnspecified},
});

constexpr auto kMembership = stats::table<MembershipStats>({
    {"membership_change", &MembershipStats::membership_change},
    {"update_attempt", &MembershipStats::update_attempt},
    {"update_success", &MembershipStats::update_success},
    {"update_failure", &MembershipStats::update_failure},
    {"update_empty", &MembershipStats::update_empty},
    {"update_no_rebuild", &MembershipStats::update_no_rebuild},
    {"assignment_stale", &MembershipStats::assignment_stale},
    {"assignment_timeout_received", &MembershipStats::assignment_timeout_received},
    {"bind_errors", &MembershipStats::bind_errors},
    {"lb_subsets_created", &MembershipStats::lb_subsets_created},
    {"lb_subsets_removed", &MembershipStats::lb_subsets_removed},
    {"lb_subsets_active", &MembershipStats::lb_subsets_active},
    {"membership_total", &MembershipStats::membership_total},
    {"membership_healthy", &MembershipStats::membership_healthy},
    {"membership_degraded", &MembershipStats::membership_degraded},
    {"membership_excluded", &MembershipStats::membership_excluded},
    {"max_host_weight", &MembershipStats::max_host_weight},
    {"version", &MembershipStats::version},
});

// What Envoy shows for every cluster and nothing in Weir counts: dashboards find the name, and the value is true.
constexpr std::string_view kAlwaysZero[] = {"assignment_use_cached", "upstream_http3_broken"};

void visit_hashing(stats::StatVisitor& visitor, const BalancingSpec& spec, const MembershipStats& stats) {
  if (!spec.hashes()) return;
  const bool ring = spec.kind == BalancerKind::kRingHash;
  const auto scope = visitor.scope(ring ? "ring_hash_lb." : "maglev_lb.");
  visitor.gauge(ring ? "max_hashes_per_host" : "max_entries_per_host", stats.hash_most.value());
  visitor.gauge(ring ? "min_hashes_per_host" : "min_entries_per_host", stats.hash_fewest.value());
  if (ring) visitor.gauge("size", stats.hash_size.value());
}

/// `pools_went`: an endpoint's pools were all given up, which Envoy notes for both priorities.
void visit_breakers(stats::StatVisitor& visitor, std::string_view prefix, const CircuitBreakers& breakers,
                    const Thresholds& limits, bool pools_went) {
  const auto scope = visitor.scope(prefix);
  // As in Envoy, a breaker that nothing ever went through looks closed, even if nothing could.
  const auto show = [&](std::string_view name, const Budget& budget, bool touched = false) {
    visitor.gauge(name, budget.used_ever() && budget.open(), budget.used_ever() || touched);
  };
  show("cx_open", breakers.connections);
  show("cx_pool_open", breakers.pools, pools_went);
  if (limits.track_remaining) {
    visitor.gauge("remaining_cx", breakers.connections.remaining());
    // Envoy shows its own "no limit" as 2^64-1.
    visitor.gauge("remaining_cx_pools",
                  limits.max_connection_pools == UINT32_MAX ? -1 - breakers.pools.used() : breakers.pools.remaining());
    visitor.gauge("remaining_pending", breakers.pending_requests.remaining());
    visitor.gauge("remaining_retries", breakers.retry_budget_asked.load() ? 0 : breakers.retries.remaining());
    visitor.gauge("remaining_rq", breakers.requests.remaining());
  }
  show("rq_open", breakers.requests);
  show("rq_pending_open", breakers.pending_requests);
  show("rq_retry_open", breakers.retries);
}

/// What `for_each(f)` passes to f, as one.
template <class ForEach>
void visit_answers(stats::StatVisitor& visitor, std::string_view prefix, ForEach&& for_each) {
  const auto scope = visitor.scope(prefix);
  stats::visit_rows(visitor, kAnswers, for_each);
  stats::visit_sum(visitor, "upstream_rq", stats::Completed::kOnceSeen,
                   [&](auto&& f) { for_each([&](AnswerStats& answers) { f(answers.codes); }); });
}

void visit_answers(stats::StatVisitor& visitor, std::string_view prefix, stats::Sharded<ClusterStats>& stats,
                   AnswerStats ClusterStats::*member) {
  visit_answers(visitor, prefix, [&](auto&& f) { stats.for_each_mutable([&](ClusterStats& shard) { f(shard.*member); }); });
}

/// `zone.<own>.<theirs>.`, for every zone that workers have met.
void visit_zones(stats::StatVisitor& visitor, const ClusterState& cluster) {
  const Locality* own = cluster.spec->own_locality.get();
  if (own == nullptr || own->zone.empty()) return;
  std::map<std::string_view, std::vector<AnswerStats*>> zones;
  cluster.stats.for_each_mutable([&](ClusterStats& shard) {
    shard.zones.for_each([&](const std::string& name, AnswerStats& answers) { zones[name].push_back(&answers); });
  });
  for (const auto& [name, shares] : zones) {
    visit_answers(visitor, "zone." + own->zone + "." + std::string(name) + ".", [&](auto&& f) {
      for (AnswerStats* share : shares) f(*share);
    });
  }
}

/// `<name>.`, for every name that requests gave, with and without who asked.
void visit_alternatives(stats::StatVisitor& visitor, const ClusterState& cluster) {
  std::map<std::string_view, std::vector<AnswerStats*>> names;
  cluster.stats.for_each_mutable([&](ClusterStats& shard) {
    shard.alternatives.for_each([&](const std::string& name, AnswerStats& answers) { names[name].push_back(&answers); });
  });
  for (const auto& [name, shares] : names) {
    visit_answers(visitor, std::string(name) + ".", [&](auto&& f) {
      for (AnswerStats* share : shares) f(*share);
    });
  }
}

/// What codecs count is shown once the cluster has had a connection of that protocol.
void visit_codecs(stats::StatVisitor& visitor, stats::Sharded<ClusterStats>& stats) {
  bool http1 = false;
  bool http2 = false;
  stats.for_each([&](const ClusterStats& shard) {
    http1 = http1 || shard.upstream_cx_http1_total.used();
    http2 = http2 || shard.upstream_cx_http2_total.used();
  });
  if (http1) {
    const auto scope = visitor.scope("http1.");
    stats::visit(visitor, http::kHttp1StatTable, stats, &ClusterStats::http1);
  }
  if (http2) {
    const auto scope = visitor.scope("http2.");
    stats::visit(visitor, http::kHttp2StatTable, stats, &ClusterStats::http2);
    visitor.gauge("deferred_stream_close", 0, false);  // nothing is put off
  }
}

}  // namespace

void visit(stats::StatVisitor& visitor, const ClusterState& cluster) {
  stats::visit(visitor, kCluster, cluster.stats);
  stats::visit(visitor, kMembership, cluster.membership);
  if (visitor.wants(stats::StatKind::kCounter) && !visitor.resets_counters()) {
    for (const std::string_view name : kAlwaysZero) visitor.counter(name, 0);
    const EndpointSetPtr endpoints = cluster.endpoints.load();
    visitor.counter("default.total_match_count", endpoints == nullptr ? 0 : endpoints->endpoints.size());
  }
  if (cluster.counts->tls != nullptr) {
    net::visit(visitor, *cluster.counts->tls);
    const net::TlsSource* tls = cluster.spec->transport.tls.get();
    if (const net::TlsContextPtr context = tls == nullptr ? nullptr : tls->context()) net::visit_certificates(visitor, *context);
    if (!visitor.resets_counters()) {
      const auto scope = visitor.scope("client_ssl_socket_factory.");
      visitor.counter("downstream_context_secrets_not_ready", 0);
      visitor.counter("ssl_context_update_by_sds", tls == nullptr ? 0 : tls->updates());
      visitor.counter("upstream_context_secrets_not_ready", tls == nullptr ? 0 : tls->not_ready());
    }
  }
  if (visitor.wants(stats::StatKind::kGauge)) {
    visitor.gauge("warming_state", 0);
    if (cluster.spec->balancing.subsets) {
      visitor.gauge("lb_subsets_single_host_per_subset_duplicate",
                    cluster.membership.lb_subsets_single_host_per_subset_duplicate.value());
    }
    visit_hashing(visitor, cluster.spec->balancing, cluster.membership);
    bool pools_went = false;
    cluster.stats.for_each([&](const ClusterStats& shard) { pools_went = pools_went || shard.upstream_cx_destroy.used(); });
    visit_breakers(visitor, "circuit_breakers.default.", cluster.breakers[0], cluster.spec->thresholds[0], pools_went);
    visit_breakers(visitor, "circuit_breakers.high.", cluster.breakers[1], cluster.spec->thresholds[1], pools_went);
  }
  stats::visit(visitor, "upstream_rq", cluster.stats, &ClusterStats::codes, stats::Completed::kLeftOut);
  visit_answers(visitor, "external.", cluster.stats, &ClusterStats::external);
  visit_answers(visitor, "internal.", cluster.stats, &ClusterStats::internal);
  visit_answers(visitor, "canary.", cluster.stats, &ClusterStats::canary);
  visit_zones(visitor, cluster);
  visit_alternatives(visitor, cluster);
  if (cluster.spec->tracks_sizes) stats::visit(visitor, kSizes, cluster.stats, &ClusterStats::tracked);
  if (cluster.spec->tracks_timeout_budgets) stats::visit(visitor, kTimeoutBudgets, cluster.stats, &ClusterStats::tracked);
  stats::visit(visitor, "retry.upstream_rq", cluster.stats, &ClusterStats::retry_codes, stats::Completed::kOnceSeen);
  visit_codecs(visitor, cluster.stats);
}

EndpointCounts counts_of(const Endpoint& endpoint) {
  using enum stats::StatKind;
  uint64_t connect_fail = 0, cx_total = 0, error = 0, success = 0, timeout = 0, rq_total = 0;
  int64_t cx_active = 0, rq_active = 0;
  endpoint.stats.for_each([&](const EndpointStats& stats) {
    connect_fail += stats.cx_connect_fail.value();
    cx_total += stats.cx_total.value();
    error += stats.rq_error.value();
    success += stats.rq_success.value();
    timeout += stats.rq_timeout.value();
    rq_total += stats.rq_total.value();
    cx_active += stats.cx_active.value();
    rq_active += stats.rq_active.value();
  });
  return {{{{"cx_connect_fail", kCounter, connect_fail},
            {"cx_total", kCounter, cx_total},
            {"rq_error", kCounter, error},
            {"rq_success", kCounter, success},
            {"rq_timeout", kCounter, timeout},
            {"rq_total", kCounter, rq_total},
            {"cx_active", kGauge, static_cast<uint64_t>(cx_active)},
            {"rq_active", kGauge, static_cast<uint64_t>(rq_active)},
            {"healthy", kGauge, endpoint.availability() == Availability::kHealthy ? uint64_t{1} : 0}}}};
}

stats::LabelledRegistry::Registration register_endpoints(stats::Registry& registry, ClusterStatePtr cluster) {
  const std::string prefix = "cluster." + stats::sanitize(cluster->spec->stat_name) + ".";
  return registry.labelled().add(prefix, [cluster = std::move(cluster), prefix](const stats::LabelledVisitor& visit) {
    const EndpointSetPtr set = cluster->endpoints.load();
    if (set == nullptr) return;
    stats::LabelledStats shown;
    shown.family = "cluster.endpoint.";
    for (const EndpointPtr& endpoint : set->endpoints) {
      const EndpointCounts counts = counts_of(*endpoint);
      shown.prefix = prefix + "endpoint." + stats::sanitize(endpoint->address->text()) + ".";
      shown.tags = {{"envoy.cluster_name", stats::sanitize(cluster->spec->stat_name)},
                    {"envoy.endpoint_address", endpoint->address->text()}};
      if (!endpoint->hostname.empty()) shown.tags.emplace_back("envoy.endpoint_hostname", endpoint->hostname);
      shown.values = counts.all();
      visit(shown);
    }
  });
}

stats::Registry::Registration register_cluster(stats::Registry& registry, ClusterStatePtr cluster) {
  const std::string prefix = "cluster." + stats::sanitize(cluster->spec->stat_name) + ".";
  return registry.add(prefix, [cluster = std::move(cluster)](stats::StatVisitor& visitor) { visit(visitor, *cluster); });
}

}  // namespace weir::upstream
