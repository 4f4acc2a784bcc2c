#include "proxy/attempt.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "proxy/connection_wishes.h"
#include "proxy/local_reply.h"
#include "upstream/load_report.h"

namespace weir::proxy {

namespace {

/// A call of gRPC went well as far as its endpoint goes: it says how it ended, and not with what would be a 5xx.
bool is_good(std::optional<uint32_t> grpc_status) {
  return grpc_status && upstream::http_status_of_grpc(*grpc_status) / 100 != 5;
}

/// With pseudo-headers.
size_t lines_of(const http::HeaderMap& head) {
  using http::HeaderId;
  size_t lines = head.size();
  for (const HeaderId id :
       {HeaderId::kMethod, HeaderId::kPath, HeaderId::kAuthority, HeaderId::kScheme, HeaderId::kProtocol, HeaderId::kStatus}) {
    lines += head.has_pseudo(id) ? 1 : 0;
  }
  return lines;
}

/// Some clusters weigh their endpoints by what these say about their load.
void note_load(const upstream::Host& host, const http::HeaderMap& from, MonotonicNs now) {
  const upstream::BalancingSpec& balancing = host.owner.spec().balancing;
  if (balancing.kind != upstream::BalancerKind::kClientWeighted) [[likely]]
    return;
  const auto report = upstream::read_load_report(from);
  const auto weight = report ? upstream::weight_of(*report, *balancing.client_weighted) : std::nullopt;
  if (!weight || *weight == 0) return;
  upstream::EndpointLife& life = *host.endpoint->life;
  life.reported_weight.store(*weight, std::memory_order_relaxed);
  life.reported_last.store(now, std::memory_order_relaxed);
  MonotonicNs never = 0;
  life.reported_first.compare_exchange_strong(never, now, std::memory_order_relaxed);
}

}  // namespace

void Attempt::start(upstream::Cluster& cluster, upstream::Priority priority, http::Protocol downstream,
                    const http::HeaderMap& request) {
  request_ = &request;
  if (!choose_host(cluster, priority)) return;
  grpc_ = http::is_grpc(request);
  pool_ = serving_->pool(*host_, downstream, priority,
                         connection_wishes(serving_->spec(), *host_->endpoint, &request, info_.connection));
  if (pool_ == nullptr) {
    refuse();
    return fail({.reason = http::Reset::kConnectFailure, .transport_reason = {}, .no_host = true});
  }
  open_log();
  bool overflow = false;
  info_.upstream_connect_start = loop_.now();
  if (upstream::ClientConnection* ready = pool_->acquire(*this, overflow)) {
    on_pool_ready(*ready);
  } else if (overflow) {
    // With connections that could have taken it Envoy knows whom they lead to, else it does not.
    if (pool_->has_ready()) {
      judge(false);
    } else {
      refuse();
    }
    info_.upstream_pool_wait_ns = loop_.now() - started_at_;
    fail({.reason = http::Reset::kOverflow, .transport_reason = {}});
  }
}

bool Attempt::choose_host(upstream::Cluster& cluster, upstream::Priority priority) {
  forget();
  answered_ = late_reported_ = deferred_ = trailers_decide_ = canary_ = refused_ = false;
  body_sent_ = body_received_ = 0;
  started_at_ = loop_.now();
  measures_try_time_ = true;
  measuring_ = cluster.spec().tracks_sizes || cluster.spec().tracks_timeout_budgets;
  cluster_ = &cluster;
  ++cluster.users;
  priority_ = priority;
  host_ = events_->choose_host(cluster);
  if (host_ == nullptr) {
    cluster.stats().upstream_cx_none_healthy.add();
    fail({.reason = http::Reset::kConnectFailure, .transport_reason = {}, .no_host = true});
    return false;
  }
  canary_ = host_->endpoint->canary;
  serving_ = &host_->owner;
  ++serving_->users;
  info_.upstream_remote_address = host_->endpoint->address;
  info_.upstream_host_name = host_->endpoint->hostname;
  info_.host_metadata = host_->endpoint->metadata;
  info_.upstream_local_address = nullptr;
  return true;
}

/// Somebody is about to be asked.
void Attempt::open_log() {
  if (logging_ == nullptr) [[likely]]
    return;
  log_ = std::make_unique<TryLog>(*logging_, info_, cluster_->spec(), body_sent_, body_received_, traffic, loop_);
}

void Attempt::start_tunnel(upstream::Cluster& cluster, upstream::Priority priority, int proxy_header_version) {
  request_ = nullptr;
  if (!choose_host(cluster, priority)) return;
  open_log();
  const upstream::CircuitBreakers& breakers = serving_->state()->breakers_for(priority);
  if (breakers.connections.open() || breakers.pending_requests.open()) {
    upstream::ClusterStats& stats = serving_->stats();
    (breakers.connections.open() ? stats.upstream_cx_overflow : stats.upstream_rq_pending_overflow).add();
    return fail({.reason = http::Reset::kOverflow, .transport_reason = {}});
  }
  TunnelEvents& maker = *this;
  http::StreamEvents& user = *this;
  const auto wishes = connection_wishes(serving_->spec(), *host_->endpoint, nullptr, info_.connection);
  tunnel_ = std::make_unique<ConnectTunnel>(*serving_, *host_, priority, wishes, maker, user);
  if (proxy_header_version != 0 && info_.connection != nullptr) {
    tunnel_->begin_with(proxy_header({.version = proxy_header_version, .passed = {}, .added = {}}, *info_.connection));
  }
  info_.upstream_connect_start = tunnel_->connect_start();
}

void Attempt::on_tunnel_open() {
  info_.upstream_connect_complete = info_.upstream_request_start = loop_.now();
  info_.upstream_local_address = tunnel_->local_address();
  info_.upstream_connection_id = tunnel_->connection_id();
  if (log_ != nullptr) [[unlikely]]
    log_->on_connected();
  stream_ = tunnel_.get();
  events_->on_connected();
}

void Attempt::on_tunnel_failure(const net::StreamFailure& failure) {
  const bool timeout = failure.kind == net::StreamFailure::Kind::kConnectTimeout;
  std::string reason = failure.reason;
  if (timeout) reason.clear();
  if (failure.kind == net::StreamFailure::Kind::kConnect) reason = "delayed connect error: " + failure.reason;
  judge(false);
  const bool local = failure.kind == net::StreamFailure::Kind::kLocal;
  fail({.reason = timeout ? http::Reset::kConnectTimeout
                  : local ? http::Reset::kLocalConnectFailure
                          : http::Reset::kConnectFailure,
        .transport_reason = reason});
}

void Attempt::on_pool_ready(upstream::ClientConnection& connection) {
  upstream::ClusterStats& stats = serving_->stats();
  const MonotonicNs now = loop_.now();
  stats.upstream_rq_total.add();
  stats.upstream_rq_active.add();
  host_->stats.rq_total.add();
  host_->stats.rq_active.add();
  host_->endpoint->active_requests.fetch_add(1, std::memory_order_relaxed);
  counted_active_ = true;
  request_lease_ = serving_->state()->breakers_for(priority_).requests.take();
  info_.upstream_connect_complete = connection.connected_at() > info_.upstream_connect_start ? connection.connected_at() : now;
  info_.upstream_request_start = now;
  info_.upstream_local_address = connection.local_address();
  info_.upstream_connection_id = connection.id();
  info_.upstream_tls = connection.tls();
  if (info_.upstream_tls != nullptr) info_.upstream_handshake_complete = info_.upstream_connect_complete;
  info_.upstream_pool_wait_ns = now - started_at_;
  report(upstream::OutlierResult::kConnected);
  stream_ = &connection.open_stream(*this);
  info_.upstream_protocol = stream_->protocol();
  if (log_ != nullptr) [[unlikely]]
    log_->on_connected();
  events_->on_connected();
}

void Attempt::on_pool_failure(const upstream::PoolFailure& failure) {
  if (failure.reason != http::Reset::kOverflow) report(upstream::OutlierResult::kConnectFailed);
  info_.upstream_pool_wait_ns = loop_.now() - started_at_;
  judge(false);
  fail({.reason = failure.reason, .transport_reason = failure.transport_reason});
}

http::HeaderMap& Attempt::incoming_headers() { return events_->response_headers(); }
http::HeaderMap& Attempt::incoming_trailers() { return events_->response_trailers(); }
void Attempt::on_informational() { events_->on_informational(); }
void Attempt::on_room() { events_->on_room(); }

void Attempt::on_headers(bool end_stream) {
  const http::HeaderMap& response = events_->response_headers();
  note_load(*host_, response, loop_.now());
  answered_ = true;
  if (log_ != nullptr) [[unlikely]]
    log_->on_head(response);
  if (measuring_) [[unlikely]] {
    response_lines_ = static_cast<uint32_t>(lines_of(response));
    response_bytes_ = static_cast<uint32_t>(response.byte_size());
  }
  std::optional<uint32_t> grpc_status;
  if (grpc_) grpc_status = parse_number<uint32_t>(response.get(http::HeaderId::kGrpcStatus));
  report(upstream::OutlierResult::kAnswered,
         grpc_status ? upstream::http_status_of_grpc(*grpc_status) : static_cast<uint32_t>(response.status()));
  if (response.has(http::HeaderId::kEnvoyImmediateHealthCheckFail) && serving_->state()->tell_failed_check != nullptr) {
    serving_->state()->tell_failed_check(host_->endpoint);
  }
  canary_ = canary_ || response.get(http::HeaderId::kEnvoyUpstreamCanary) == "true";
  const bool broken = response.status() / 100 == 5;
  good_ = !broken && (!grpc_ || is_good(grpc_status));
  trailers_decide_ = !broken && grpc_ && !end_stream;
  if (end_stream) end_of_response();
  events_->on_headers(end_stream);
}

void Attempt::accept() {
  deferred_ = trailers_decide_;
  if (!deferred_) judge(good_);
}

void Attempt::on_body(std::string_view bytes, bool end_stream) {
  body_received_ += bytes.size();
  if (end_stream && std::exchange(deferred_, false)) judge(false);  // no trailers, no status
  if (end_stream) end_of_response();
  events_->on_body(bytes, end_stream);
}

void Attempt::on_trailers() {
  if (std::exchange(deferred_, false)) {
    judge(is_good(parse_number<uint32_t>(events_->response_trailers().get(http::HeaderId::kGrpcStatus))));
  }
  note_load(*host_, events_->response_trailers(), loop_.now());
  if (log_ != nullptr) [[unlikely]]
    log_->on_trailers(events_->response_trailers());
  end_of_response();
  events_->on_trailers();
}

/// With both directions ended the codec lets go of the stream by itself. A response that came before the request was through
/// leaves a stream on which we would go on sending for nothing.
void Attempt::end_of_response() {
  http::Stream* stream = std::exchange(stream_, nullptr);
  if (stream != nullptr && !events_->request_ended()) stream->reset(http::Reset::kLocal);
}

void Attempt::on_reset(http::Reset reason, std::string_view) {
  const bool multiplexed = stream_ != nullptr && stream_->protocol() == http::Protocol::kHttp2;
  stream_ = nullptr;
  if (!late_reported_) report(upstream::OutlierResult::kConnectFailed);
  if (!answered_ || deferred_) judge(false);
  if (multiplexed && reason == http::Reset::kRemote) serving_->stats().upstream_rq_rx_reset.add();
  if (multiplexed && reason == http::Reset::kProtocolError) serving_->stats().upstream_rq_tx_reset.add();
  // As Envoy counts: a request whose HTTP/2 connection went away had waited in vain.
  if (multiplexed && reason == http::Reset::kConnectionTermination) serving_->stats().upstream_rq_pending_failure_eject.add();
  fail({.reason = reason, .transport_reason = {}, .connected = true});
}

void Attempt::fail(const UpstreamFailure& failure) {
  if (log_ != nullptr) [[unlikely]]
    log_->on_failure(describe(failure.reason).flag, failure.transport_reason);
  release();
  events_->on_failure(failure);
}

/// Whom the answer is counted for, beside its cluster: `f(group, all_codes)`. Without `all_codes` a group counts codes only where
/// the cluster itself does.
template <class F>
void Attempt::for_each_group(upstream::Cluster& cluster, F&& f) {
  upstream::ClusterStats& stats = cluster.stats();
  f(info_.internal_request ? stats.internal : stats.external, true);
  if (canary_) f(stats.canary, true);
  if (host_ != nullptr && host_->zone != nullptr && !refused_) f(*host_->zone, true);
  if (alternative_.empty()) return;
  const auto also = [&](std::string_view who, bool all_codes) {
    if (upstream::AnswerStats* more = stats.alternatives.of_few(std::string(alternative_).append(who))) f(*more, all_codes);
  };
  also("", false);
  also(info_.internal_request ? ".internal" : ".external", true);
  if (canary_) also(".canary", true);
}

void Attempt::count_answer(int status) {
  if (cluster_ != nullptr) count_answer_of(*cluster_, status);
}

void Attempt::count_unsent(upstream::Cluster& cluster, int status) {
  canary_ = false;
  count_answer_of(cluster, status);
}

void Attempt::count_answer_of(upstream::Cluster& cluster, int status) {
  if (!counts_codes_) return;
  upstream::ClusterStats& stats = cluster.stats();
  if (counts_codes_of_cluster_) stats.codes.count(status);
  stats.upstream_rq_completed.add();
  for_each_group(cluster, [&](upstream::AnswerStats& group, bool all_codes) {
    group.codes.count(all_codes || counts_codes_of_cluster_ ? status : stats::CodeCounters::kUnnamed);
  });
}

std::optional<int64_t> Attempt::complete() {
  std::optional<int64_t> elapsed_ms;
  if (info_.request_complete != 0 && counts_codes_) {
    elapsed_ms = (loop_.now() - info_.request_complete) / kNsPerMs;
    cluster_->stats().upstream_rq_time.record(*elapsed_ms);
    for_each_group(*cluster_, [&](upstream::AnswerStats& group, bool) { group.time.record(*elapsed_ms); });
  }
  release();
  return elapsed_ms;
}

/// A circuit breaker forbids it: the endpoint had nothing to do with it.
void Attempt::refuse() {
  refused_ = true;
  canary_ = false;
  info_.upstream_remote_address = nullptr;
  info_.upstream_host_name = {};
  info_.host_metadata = nullptr;
}

/// As the endpoint's own counters see it.
void Attempt::judge(bool good) {
  if (host_ == nullptr) return;
  // As in Envoy: failures of HTTP count where codes do, those of gRPC always.
  const bool by_grpc = grpc_ && answered_ && events_->response_headers().status() / 100 != 5;
  if (good) {
    host_->stats.rq_success.add();
  } else if (counts_codes_ || by_grpc) {
    host_->stats.rq_error.add();
  }
}

/// What the cluster wants to know of every try, when it is over.
void Attempt::measure() {
  const upstream::ClusterSpec& spec = cluster_->spec();
  upstream::TrackedStats& stats = cluster_->stats().tracked;
  if (spec.tracks_sizes && request_ != nullptr) {
    stats.rq_headers_size.record(request_->byte_size());
    stats.rq_headers_count.record(lines_of(*request_));
    stats.rq_body_size.record(body_sent_);
    if (answered_) {
      stats.rs_headers_size.record(response_bytes_);
      stats.rs_headers_count.record(response_lines_);
      stats.rs_body_size.record(body_received_);
    }
  }
  if (spec.tracks_timeout_budgets && measures_try_time_) {
    const int64_t limit_ms = events_->try_limit_ms();
    const int64_t elapsed_ms = (loop_.now() - started_at_) / kNsPerMs;
    stats.timeout_budget_per_try_percent_used.record(limit_ms > 0 ? elapsed_ms * 100 / limit_ms : 0);
  }
}

void Attempt::count_timeout(bool whole) {
  if (whole && !answered_) measures_try_time_ = false;  // the limit of the try did not come into play
  if (host_ == nullptr) return;
  if (stream_ == nullptr && !answered_) {  // there is no connection yet: the endpoint had nothing to be slow with
    refused_ = true;
    canary_ = false;
    return;
  }
  host_->stats.rq_timeout.add();
  if (!answered_) judge(false);
  if (!answered_ && !late_reported_) report(upstream::OutlierResult::kTimeout);
}

void Attempt::report_late() {
  late_reported_ = true;
  report(upstream::OutlierResult::kTimeout);
}

void Attempt::report(upstream::OutlierResult result, uint32_t code) {
  if (host_ != nullptr) upstream::report_outlier(*serving_->state(), host_->endpoint, result, code);
}

void Attempt::abort() {
  if (pool_ != nullptr) pool_->withdraw(*this);
  if (stream_ != nullptr) {
    // Over HTTP/1 nothing is reset: the connection is closed.
    if (stream_->protocol() == http::Protocol::kHttp2) serving_->stats().upstream_rq_tx_reset.add();
    std::exchange(stream_, nullptr)->reset(http::Reset::kLocal);
  }
  release();
}

/// Gives back what was held.
void Attempt::release() {
  if (std::exchange(measuring_, false)) measure();
  log_.reset();
  pool_ = nullptr;
  if (tunnel_ != nullptr) {
    tunnel_->close();
    loop_.dispose(std::move(tunnel_));  // it may still be telling us what led here
  }
  if (std::exchange(counted_active_, false)) {
    serving_->stats().upstream_rq_active.subtract();
    host_->stats.rq_active.subtract();
    host_->endpoint->active_requests.fetch_sub(1, std::memory_order_relaxed);
  }
  request_lease_.give_back();
}

void Attempt::forget() {
  if (cluster_ == nullptr) return;
  --std::exchange(cluster_, nullptr)->users;
  if (serving_ != nullptr) --std::exchange(serving_, nullptr)->users;
  host_ = nullptr;
}

}  // namespace weir::proxy
