// How a pipeline hands its request to the router, and what the router asks it meanwhile.
#include <algorithm>
#include <type_traits>

#include "net/tls/tls_info.h"
#include "proxy/http_connection.h"
#include "proxy/pipeline.h"
#include "proxy/strict_headers.h"
#include "proxy/worker.h"
#include "route/mutations.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;

Pipeline::Next Pipeline::forward_request() {
  HttpStats& stats = connection_->stats();
  stats.rq_total.add();
  if (route == nullptr) {
    stats.no_route.add();
    info.flags.set(ResponseFlag::kNoRouteFound);
    return reply_and_go_on(404, "", "route_not_found");
  }
  return std::visit(
      [&]<class Action>(const Action& action) {
        if constexpr (std::is_same_v<Action, route::Forward>) return start_upstream(action);
        if constexpr (std::is_same_v<Action, route::Redirect>) return redirect(action);
        if constexpr (std::is_same_v<Action, route::DirectResponse>) return respond_directly(action);
        stats.no_cluster.add();  // a route for what does not forward
        info.flags.set(ResponseFlag::kNoClusterFound);
        return reply_and_go_on(503, "", "cluster_not_found");
      },
      route->action);
}

Pipeline::Next Pipeline::start_upstream(const route::Forward& forward) {
  const auto& [table, match, choice] = selection_;
  upstream::Cluster* cluster = chosen_cluster();
  if (cluster == nullptr) {
    connection_->stats().no_cluster.add();
    info.flags.set(ResponseFlag::kNoClusterFound);
    return reply_and_go_on(forward.cluster_not_found_status, "", "cluster_not_found");
  }
  route::RequestGroups groups;
  if (const route::VirtualCluster* group = route::virtual_cluster(*match.virtual_host, request_headers_)) {
    groups.add(group->stats, worker_.index());
    // The group of all others is only for statistics.
    if (group != &*match.virtual_host->other_virtual_cluster) info.virtual_cluster_name = group->name;
  }
  groups.add(route->stats, worker_.index());
  if (const http::Header* bad = first_invalid(router_options_->strict_headers, request_headers_)) [[unlikely]]
    return refuse_header(*bad);
  // What filters made of the request decides, not what the route makes of it.
  const bool codes_of_cluster = router_options_->counts_codes_of_grpc || !http::is_grpc(request_headers_);
  router_.count_as(request_headers_.get(HeaderId::kEnvoyUpstreamAltStatName), codes_of_cluster);
  request_headers_.remove(HeaderId::kEnvoyUpstreamAltStatName);
  if (drops(*cluster, groups)) return Next::kGoOn;
  info.attempts = 1;
  route::finalize_request(table->config(), match, choice.entry, request_headers_, format_context(), envoy_headers());
  info.internal_request = request_headers_.get(HeaderId::kEnvoyInternal) == "true";  // a changed header changes who counts it

  step_ = Step::kUpstream;
  router_.start(*cluster, forward, groups, connection_->buffer_limit());
  request_lane_.open = true;
  if (step_ == Step::kUpstream) release(request_lane_, filter_count_);
  return Next::kGoOn;  // it may have failed already, and have made an answer
}

Pipeline::Next Pipeline::refuse_header(const http::Header& bad) {
  info.flags.set(ResponseFlag::kInvalidEnvoyRequestHeaders);
  return reply_and_go_on(400, memory_.join("invalid header '", bad.name, "' with value '", bad.value, "'"),
                         memory_.join("request_headers_failed_strict_check{", bad.name, "}"));
}

/// After the changes of the configuration, which may speak of tries and timeouts.
RequestTimeouts Pipeline::settle_limits(const route::Forward& forward, bool hedges) {
  const RequestTimeouts limits = request_timeouts(forward, hedges, router_options_->respects_expected_timeout, request_headers_);
  set_stream_limits(forward, limits);
  const route::TimeLimits& configured = *forward.time_limits;
  if (configured.grpc_timeout_header_max_ms && grpc_ && !parse_grpc_timeout(request_headers_.get(HeaderId::kGrpcTimeout))) {
    // There is no deadline to pass on, but how long the stream may last is one.
    const int64_t stream_ms = configured.max_stream_duration_ms ? static_cast<int64_t>(*configured.max_stream_duration_ms)
                                                                : connection_->spec().max_stream_duration_ms;
    if (stream_ms > 0) request_headers_.set(HeaderId::kGrpcTimeout, memory_.join(memory_.decimal(stream_ms), "m"));
  }
  if (limits.expected_ms > 0 && envoy_headers()) {
    request_headers_.set(HeaderId::kEnvoyExpectedTimeoutMs, memory_.decimal(limits.expected_ms));
  }
  if (selection_.match.virtual_host->include_request_attempt_count) request_headers_.set(HeaderId::kEnvoyAttemptCount, "1");
  return limits;
}

/// Whoever knows the endpoints says that they get too much.
bool Pipeline::drops(upstream::Cluster& cluster, const route::RequestGroups& groups) {
  const double share = cluster.drop_share();
  if (share <= 0) return false;
  const bool always = share >= 1;
  if (!always && static_cast<double>(random.below(1'000'000)) >= share * 1e6) return false;
  cluster.stats().upstream_rq_dropped_overload.add();
  router_.count_unsent(cluster, 503);
  if (counts_codes()) groups.count_code(503);
  info.flags.set(always ? ResponseFlag::kUnconditionalDropOverload : ResponseFlag::kDropOverload);
  reply_and_go_on(503, always ? "unconditional drop overload" : "drop overload",
                  always ? "unconditional_drop_overload" : "drop_overload");
  if (envoy_headers()) response_headers_.set(always ? "x-envoy-unconditional-drop-overload" : "x-envoy-drop-overload", "true");
  return true;
}

// --- what the router asks ---

upstream::Cluster* Pipeline::chosen_cluster() {
  const route::ClusterChoice& choice = selection_.choice;
  return choice.cluster != nullptr ? worker_.cluster(choice.cluster->id) : worker_.cluster(choice.name);
}

bool Pipeline::envoy_headers() const { return !router_options_->suppress_envoy_headers; }

const std::shared_ptr<const TryLogSpec>& Pipeline::try_log() const { return router_options_->try_log; }

bool Pipeline::counts_codes() const { return counts_codes_of_copies() && !info.health_check; }
bool Pipeline::counts_codes_of_copies() const { return router_options_->dynamic_stats; }

std::string_view Pipeline::scheme_for(const upstream::Cluster& cluster, const upstream::Host& host) const {
  const auto of = [](bool tls) { return tls ? std::string_view("https") : std::string_view("http"); };
  const auto valid = [](std::string_view scheme) { return scheme == "http" || scheme == "https"; };
  if (connection_->spec().scheme_matches_upstream) {
    return of(cluster.spec().transport_for(host.endpoint->transport_match).tls != nullptr);
  }
  if (valid(request_headers_.scheme())) return {};
  const std::string_view forwarded = request_headers_.get(HeaderId::kForwardedProto);
  return valid(forwarded) ? forwarded : of(info.connection->tls);
}

size_t Pipeline::replay_limit() const {
  // As in Envoy: of the newer field the route's comes first, of the older one the virtual host's.
  const route::BodyLimits &own = *route->body_limits, &shared = *selection_.match.virtual_host->body_limits;
  if (own.beyond_connection) return *own.beyond_connection;
  if (shared.beyond_connection) return *shared.beyond_connection;
  const auto within = shared.within_connection ? shared.within_connection : own.within_connection;
  return std::min<uint64_t>(within.value_or(UINT64_MAX), connection_->buffer_limit());
}

route::MatchContext Pipeline::match_context() const {
  const net::TlsInfo* tls = info.connection->tls_info.get();
  return {.random = random_value_,
          .tls = info.connection->tls,
          .peer_certificate_presented = tls != nullptr && tls->has_peer(),
          .peer_certificate_validated = tls != nullptr && tls->peer_validated,
          .internal_request = info.internal_request,
          .info = &info};
}

}  // namespace weir::proxy
