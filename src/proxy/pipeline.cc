#include "proxy/pipeline.h"

#include <charconv>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "proxy/http_connection.h"
#include "proxy/local_reply.h"
#include "proxy/request_timeouts.h"
#include "proxy/worker.h"
#include "route/mutations.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;
using upstream::ClusterStats;

Pipeline::Pipeline(Worker& worker)
    : Exchange(request_headers_, response_headers_, stream_info_, memory_, worker.loop().random(), worker.loop()),
      worker_(worker),
      attempt_(*this),
      waiting_body_(worker.loop().blocks()),
      response_timer_(loop::Timer::calling<&Pipeline::on_response_timeout>(worker.loop().timers(), *this)),
      idle_timer_(loop::Timer::calling<&Pipeline::on_idle_timeout>(worker.loop().timers(), *this)) {}

Pipeline::~Pipeline() = default;

void Pipeline::begin(HttpConnection& connection, http::Stream& downstream) {
  connection_ = &connection;
  downstream_ = &downstream;
  step_ = Step::kNormalise;
  protocol_ = downstream.protocol();
  info.connection = &connection.info();
  info.start = worker_.loop().now();
  info.start_wall = worker_.loop().wall();
  info.stream_id = worker_.next_stream_id();
  info.protocol = protocol_;
  random_value_ = random.next();
  buffer_limit_ = connection.buffer_limit();
  HttpStats& stats = connection.stats();
  stats.downstream_rq_total.add();
  stats.downstream_rq_active.add();
  (protocol_ == http::Protocol::kHttp2 ? stats.downstream_rq_http2_total : stats.downstream_rq_http1_total).add();

  const HttpConnectionSpec& spec = connection.spec();
  last_activity_ = info.start;
  idle_limit_ms_ = spec.stream_idle_timeout_ms;
  if (idle_limit_ms_ > 0) idle_timer_.arm(idle_limit_ms_);
  if (spec.request_timeout_ms > 0) {
    request_timer_ = loop::Timer::make<&Pipeline::on_request_timeout>(worker_.loop().timers(), *this);
    request_timer_->arm(spec.request_timeout_ms);
  }
  if (spec.max_stream_duration_ms > 0) {
    duration_timer_ = loop::Timer::make<&Pipeline::on_duration_timeout>(worker_.loop().timers(), *this);
    duration_timer_->arm(spec.max_stream_duration_ms);
  }
}

// --- the request arrives ---

void Pipeline::on_headers(bool end_stream) {
  protocol_ = downstream_->protocol();
  info.protocol = protocol_;
  info.request_header_bytes = request_headers_.byte_size();
  if (end_stream) request_complete();
  advance();
}

void Pipeline::on_body(std::string_view bytes, bool end_stream) {
  touch();
  if (local_reply_ && response_started_) return;  // answered already: nobody reads this
  info.bytes_received += bytes.size();
  if (end_stream) request_complete();
  request_body_to_upstream(bytes, end_stream);
}

void Pipeline::on_trailers() {
  touch();
  has_request_trailers_ = true;
  request_complete();
  if (http::Stream* stream = attempt_.stream()) stream->send_trailers(request_trailers_);
}

void Pipeline::request_complete() {
  request_ended_ = true;
  info.request_complete = worker_.loop().now();
  request_timer_.reset();
  if (step_ == Step::kUpstream) arm_response_timeout();
}

// --- the order of things ---

void Pipeline::advance() {
  if (advancing_) return;  // a step is being taken further up the stack: it will go on from there
  advancing_ = true;
  Next next = Next::kGoOn;
  while (next == Next::kGoOn) {
    switch (step_) {
      case Step::kNormalise:
        next = normalise();
        break;
      case Step::kRoute:
        next = find_route();
        break;
      case Step::kRequestFilters:
        next = run_request_filters();
        break;
      case Step::kForward:
        next = forward_request();
        break;
      case Step::kResponseFilters:
        next = run_response_filters();
        break;
      case Step::kDeliver:
        next = deliver();
        break;
      case Step::kUpstream:
      case Step::kDelivering:
      case Step::kDone:
        next = Next::kWait;
        break;
    }
  }
  advancing_ = false;
}

Pipeline::Next Pipeline::normalise() {
  step_ = Step::kRoute;
  const HttpConnectionSpec& spec = connection_->spec();
  grpc_ = http::is_grpc(request_headers_);
  head_request_ = request_headers_.method() == "HEAD";
  upgrade_ = is_upgrade(request_headers_);  // extended CONNECT of HTTP/2 looks like one, too
  if (upgrade_ && iequals(request_headers_.get(HeaderId::kUpgrade), "h2c")) upgrade_ = false;

  if (!spec.proxy_100_continue && iequals(request_headers_.get(HeaderId::kExpect), "100-continue")) {
    http::HeaderMap go_ahead(memory_);
    go_ahead.set_status(100);
    downstream_->send_informational(go_ahead);
    connection_->stats().count_response(100);
    request_headers_.remove(HeaderId::kExpect);
  }
  if (auto refusal = admit_request(request_headers_, spec, worker_.identity(), info, random, upgrade_)) return refuse(*refusal);
  return Next::kGoOn;
}

/// The request will not be routed.
Pipeline::Next Pipeline::refuse(const LocalReply& refusal) {
  HttpStats& stats = connection_->stats();
  if (refusal.details == kAbsolutePath || refusal.details == "missing_path_rejected") stats.downstream_rq_non_relative_path.add();
  if (refusal.details == kDetectionFailed) stats.downstream_rq_rejected_via_ip_detection.add();
  if (refusal.details == kPathFailed) {
    (refusal.location.empty() ? stats.downstream_rq_failed_path_normalization
                              : stats.downstream_rq_redirected_with_normalized_path)
        .add();
  }
  close_connection_ = refusal.closes;
  if (refusal.protocol_error) {
    info.flags.set(ResponseFlag::kDownstreamProtocolError);
    grpc_ = false;
  }
  const Next next = reply_and_go_on(refusal.status, refusal.body, refusal.details);
  if (!refusal.location.empty()) response_headers_.add(HeaderId::kLocation, refusal.location);
  return next;
}

Pipeline::Next Pipeline::find_route() {
  step_ = Step::kRequestFilters;
  table_ = connection_->route_table();
  if (table_ != nullptr) {
    const route::MatchContext context{
        .random = random_value_, .tls = info.connection->tls, .internal_request = info.internal_request};
    match_ = table_->find(request_headers_, context);
    route = match_.route;
    if (match_.virtual_host != nullptr) info.virtual_host_name = match_.virtual_host->name;
    if (route != nullptr) info.route_name = route->name;
  }

  const HttpConnectionSpec& spec = connection_->spec();
  HttpStats& stats = connection_->stats();
  if (route != nullptr && (upgrade_ || request_headers_.method() == "CONNECT")) {
    if (!may_upgrade(request_headers_, spec, *route)) {
      stats.downstream_rq_ws_on_non_ws_route.add(upgrade_ ? 1 : 0);
      return reply_and_go_on(403, "", "upgrade_failed");
    }
    tunnel_ = true;
    stats.downstream_cx_upgrades_total.add();
    stats.downstream_cx_upgrades_active.add();
  }
  filter_count_ = spec.filters.size();
  if (filter_count_ == 0) return Next::kGoOn;
  filters_ = memory_.allocate_array<filter::Filter*>(filter_count_);
  for (size_t i = 0; i < filter_count_; ++i) filters_[i] = spec.filters[i]->make(memory_, nullptr);
  next_filter_ = 0;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::run_request_filters() {
  while (next_filter_ < filter_count_) {
    const filter::Verdict verdict = filters_[next_filter_++]->on_request(*this);
    if (verdict.kind == filter::Verdict::Kind::kPause) return Next::kWait;
    if (verdict.kind == filter::Verdict::Kind::kReply) return reply_and_go_on(verdict.status, verdict.body, verdict.details);
  }
  step_ = Step::kForward;
  return Next::kGoOn;
}

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
        info.flags.set(ResponseFlag::kNoRouteFound);
        return reply_and_go_on(404, "", "route_not_found");
      },
      route->action);
}

Pipeline::Next Pipeline::redirect(const route::Redirect& redirect) {
  connection_->stats().rq_direct_response.add();
  response_headers_.set_status(redirect.status);
  response_headers_.add(HeaderId::kLocation, route::redirect_location(redirect, route->match, request_headers_, envoy_headers()));
  info.response_code_details = "direct_response";
  local_reply_ = true;
  route::finalize_response(table_->config(), match_, nullptr, response_headers_, format_context());
  set_reply_body("");
  step_ = Step::kResponseFilters;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::respond_directly(const route::DirectResponse& response) {
  connection_->stats().rq_direct_response.add();
  response_headers_.set_status(response.status);
  info.response_code_details = "direct_response";
  local_reply_ = true;
  route::finalize_response(table_->config(), match_, nullptr, response_headers_, format_context());
  set_reply_body(response.body);
  step_ = Step::kResponseFilters;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::start_upstream(const route::Forward& forward) {
  forward_ = &forward;
  const route::ClusterChoice choice = route::choose_cluster(forward, request_headers_, random_value_);
  upstream::Cluster* cluster = choice.cluster != nullptr ? worker_.cluster(choice.cluster->id) : worker_.cluster(choice.name);
  choice_ = choice;
  if (cluster == nullptr) {
    connection_->stats().no_cluster.add();
    info.flags.set(ResponseFlag::kNoClusterFound);
    return reply_and_go_on(forward.cluster_not_found_status, "", "cluster_not_found", RouteHeaders::kYes);
  }
  info.upstream_cluster = cluster->spec().stat_name;
  info.upstream_cluster_raw = cluster->spec().name;
  if (match_.virtual_host->virtual_clusters.size() != 0) {
    info.virtual_cluster_name = route::virtual_cluster_name(*match_.virtual_host, request_headers_);
  }
  set_time_limits(forward);
  if (match_.virtual_host->include_request_attempt_count) request_headers_.set(HeaderId::kEnvoyAttemptCount, "1");
  route::finalize_request(table_->config(), match_, choice.entry, request_headers_, format_context(), envoy_headers());

  step_ = Step::kUpstream;
  attempt_.start(*cluster, static_cast<upstream::Priority>(forward.priority));
  if (request_ended_ && step_ == Step::kUpstream) arm_response_timeout();
  return Next::kGoOn;  // the attempt may have failed already, and have made an answer
}

// --- the request goes upstream ---

/// The route's timeouts, as far as an internal caller does not ask for others; what the upstream is told of them.
void Pipeline::set_time_limits(const route::Forward& forward) {
  const RequestTimeouts limits = request_timeouts(forward, request_headers_, info.internal_request);
  response_limit_ms_ = limits.response_ms;
  if (limits.expected_ms > 0 && envoy_headers()) {
    request_headers_.set(HeaderId::kEnvoyExpectedTimeoutMs, memory_.copy(std::to_string(limits.expected_ms)));
  }
  if (forward.idle_timeout_ms) {
    idle_limit_ms_ = static_cast<int64_t>(*forward.idle_timeout_ms);
    idle_timer_.cancel();
    if (idle_limit_ms_ > 0) idle_timer_.arm(idle_limit_ms_);
  }
  if (limits.stream_ms) {
    duration_timer_.reset();
    if (*limits.stream_ms > 0) {
      duration_timer_ = loop::Timer::make<&Pipeline::on_duration_timeout>(worker_.loop().timers(), *this);
      duration_timer_->arm(*limits.stream_ms);
    }
  }
}

void Pipeline::on_upstream_connected() {
  if (forward_->host_rewrite.kind == route::HostRewrite::Kind::kAuto && !attempt_.host()->endpoint->hostname.empty()) {
    route::set_host(request_headers_, attempt_.host()->endpoint->hostname, forward_->append_x_forwarded_host, envoy_headers());
  }
  if (connection_->spec().scheme_matches_upstream) request_headers_.set_pseudo(HeaderId::kScheme, "http");
  http::Stream& stream = *attempt_.stream();
  const bool body_follows = !request_ended_ || !waiting_body_.empty() || has_request_trailers_;
  stream.send_headers(request_headers_, !body_follows);
  if (!body_follows) {
    info.upstream_request_complete = worker_.loop().now();
    return;
  }
  while (!waiting_body_.empty()) {
    const std::string_view part = waiting_body_.front();
    const bool last = part.size() == waiting_body_.size() && request_ended_ && !has_request_trailers_;
    stream.send_body(part, last);
    waiting_body_.drain(part.size());
    if (last) info.upstream_request_complete = worker_.loop().now();
  }
  if (has_request_trailers_) {
    stream.send_trailers(request_trailers_);
    info.upstream_request_complete = worker_.loop().now();
  }
  if (!request_ended_) resume_downstream();
}

void Pipeline::request_body_to_upstream(std::string_view bytes, bool end_stream) {
  http::Stream* stream = attempt_.stream();
  if (stream == nullptr) {
    if (step_ > Step::kUpstream) return;  // nobody wants it any more
    waiting_body_.append(bytes);
    if (waiting_body_.size() > buffer_limit_) pause_downstream();
    return;
  }
  stream->send_body(bytes, end_stream);
  if (end_stream) {
    info.upstream_request_complete = worker_.loop().now();
  } else if (stream->over_limit()) {
    attempt_.cluster()->stats().upstream_flow_control_backed_up_total.add();
    pause_downstream();
  }
}

void Pipeline::on_upstream_room() {
  attempt_.cluster()->stats().upstream_flow_control_drained_total.add();
  resume_downstream();
}

void Pipeline::pause_downstream() {
  if (std::exchange(downstream_paused_, true)) return;
  connection_->stats().downstream_flow_control_paused_reading_total.add();
  downstream_->pause();
}

void Pipeline::resume_downstream() {
  if (!std::exchange(downstream_paused_, false)) return;
  connection_->stats().downstream_flow_control_resumed_reading_total.add();
  downstream_->resume();
}

// --- the response comes ---

void Pipeline::on_upstream_informational() {
  if (connection_->spec().proxy_100_continue || response_headers_.status() != 100)
    downstream_->send_informational(response_headers_);
}

void Pipeline::on_upstream_headers(bool end_stream) {
  touch();
  const MonotonicNs now = worker_.loop().now();
  info.upstream_response_start = now;
  info.response_code_details = "via_upstream";
  info.response_code = response_headers_.status();
  upstream_headers_end_ = end_stream;
  if (end_stream) response_ended();
  if (envoy_headers()) {
    const MonotonicNs since = info.request_complete != 0 ? info.request_complete : now;
    char* digits = memory_.allocate_chars(20);
    const auto end = std::to_chars(digits, digits + 20, (now - since) / kNsPerMs).ptr;
    response_headers_.set(HeaderId::kEnvoyUpstreamServiceTime, {digits, static_cast<size_t>(end - digits)});
    if (match_.virtual_host->include_attempt_count_in_response) response_headers_.set(HeaderId::kEnvoyAttemptCount, "1");
  }
  if (forward_ != nullptr) route::finalize_response(table_->config(), match_, choice_.entry, response_headers_, format_context());
  step_ = Step::kResponseFilters;
  next_filter_ = 0;
  advance();
}

Pipeline::Next Pipeline::run_response_filters() {
  while (next_filter_ < filter_count_) {
    const filter::Verdict verdict = filters_[filter_count_ - 1 - next_filter_++]->on_response(*this);
    if (verdict.kind == filter::Verdict::Kind::kPause) return Next::kWait;
  }
  step_ = Step::kDeliver;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::deliver() {
  step_ = Step::kDelivering;
  response_started_ = true;
  info.response_start = worker_.loop().now();
  prepare_response(response_headers_, request_headers_, connection_->spec(), worker_.date(), upgrade_);
  if (connection_->spec().proxy_status) add_proxy_status(response_headers_, info, *connection_->spec().proxy_status);
  info.response_code = response_headers_.status();
  info.response_header_bytes = response_headers_.byte_size();
  connection_->before_response(response_headers_, request_ended_);
  // An answer to an unfinished request is the last one on an HTTP/1 connection: nobody could tell where the next request begins.
  if ((close_connection_ || !request_ended_) && protocol_ != http::Protocol::kHttp2 &&
      !response_headers_.has(HeaderId::kConnection)) {
    response_headers_.add(HeaderId::kConnection, "close");
  }
  downstream_->send_headers(response_headers_, upstream_headers_end_);
  if (!reply_body_.empty() && !upstream_headers_end_) {
    info.bytes_sent += reply_body_.size();
    downstream_->send_body(reply_body_, true);
  }
  return Next::kWait;
}

void Pipeline::on_upstream_body(std::string_view bytes, bool end_stream) {
  touch();
  info.bytes_sent += bytes.size();
  if (end_stream) response_ended();
  downstream_->send_body(bytes, end_stream);
  if (!end_stream && downstream_->over_limit()) {
    attempt_.cluster()->stats().upstream_flow_control_paused_reading_total.add();
    attempt_.stream()->pause();
  }
}

void Pipeline::on_upstream_trailers() {
  touch();
  response_ended();
  downstream_->send_trailers(response_trailers_);
}

void Pipeline::on_room() {
  if (http::Stream* stream = attempt_.stream()) {
    attempt_.cluster()->stats().upstream_flow_control_resumed_reading_total.add();
    stream->resume();
  }
}

/// The upstream has said all it had to say.
void Pipeline::response_ended() {
  const MonotonicNs now = worker_.loop().now();
  info.upstream_response_complete = now;
  response_timer_.cancel();
  ClusterStats& stats = attempt_.cluster()->stats();
  const int status = response_headers_.status();
  const int64_t elapsed_ms = (now - (info.request_complete != 0 ? info.request_complete : now)) / kNsPerMs;
  stats.codes.count(status);
  stats.upstream_rq_completed.add();
  stats.upstream_rq_time.record(elapsed_ms);
  if (info.internal_request) {
    stats.internal_codes.count(status);
    stats.internal_rq_time.record(elapsed_ms);
  } else {
    stats.external_codes.count(status);
    stats.external_rq_time.record(elapsed_ms);
  }
  attempt_.complete(status);
}

// --- when something fails ---

void Pipeline::on_upstream_failure(const UpstreamFailure& failure) {
  response_timer_.cancel();
  if (failure.no_host) {
    info.flags.set(ResponseFlag::kNoHealthyUpstream);
    count_local_upstream_code(503);
    reply(503, "no healthy upstream", "no_healthy_upstream", RouteHeaders::kYes);
    return;
  }
  const FailureWords words = describe(failure.reason);
  info.flags.set(words.flag);
  if (!failure.transport_reason.empty()) info.upstream_transport_failure_reason = memory_.copy(failure.transport_reason);
  if (response_started_) {
    give_up(memory_.join("upstream_reset_after_response_started{", words.details, "}"));
    return;
  }
  const bool with_reason = !failure.transport_reason.empty();
  const std::string_view body =
      memory_.join("upstream connect error or disconnect/reset before headers. reset reason: ", words.text,
                   with_reason ? ", transport failure reason: " : "", failure.transport_reason);
  const std::string_view details = memory_.join("upstream_reset_before_response_started{", words.details, with_reason ? "|" : "",
                                                with_underscores(memory_, failure.transport_reason), "}");
  if (failure.reason == http::Reset::kOverflow) overloaded_ = true;
  count_local_upstream_code(words.status);
  reply(words.status, body, details, RouteHeaders::kYes);
}

void Pipeline::count_local_upstream_code(int status) {
  upstream::Cluster* cluster = attempt_.cluster();
  if (cluster == nullptr) return;
  cluster->stats().codes.count(status);
  cluster->stats().upstream_rq_completed.add();
  (info.internal_request ? cluster->stats().internal_codes : cluster->stats().external_codes).count(status);
}

void Pipeline::on_malformed(const http::ProtocolError& error) {
  if (local_reply_ && response_started_) return;  // answered already; the connection ends with this exchange
  connection_->stats().downstream_cx_protocol_error.add();
  grpc_ = http::is_grpc(request_headers_);
  if (error.status != 408) info.flags.set(ResponseFlag::kDownstreamProtocolError);
  if (error.status == 408) connection_->stats().downstream_rq_header_timeout.add();
  if (step_ == Step::kNormalise) request_headers_.clear();  // what was read of it is not to be trusted
  attempt_.abort();
  if (response_started_ || step_ == Step::kDelivering) {
    give_up(error.details);
    return;
  }
  reply(error.status == 0 ? 400 : error.status, error.status == 408 ? error.message : reason_text(error.status), error.details);
}

/// An answer made by Weir. Its head goes through the response filters like any other.
void Pipeline::reply(int status, std::string_view body, std::string_view details, RouteHeaders route_headers) {
  reply_and_go_on(status, body, details, route_headers);
  advance();
}

Pipeline::Next Pipeline::reply_and_go_on(int status, std::string_view body, std::string_view details,
                                         RouteHeaders route_headers) {
  CHECK(!response_started_);
  response_headers_.clear();
  response_headers_.set_status(status);
  if (overloaded_) response_headers_.add(HeaderId::kEnvoyOverloaded, "true");
  if (route_headers == RouteHeaders::kYes) {
    route::finalize_response(table_->config(), match_, choice_.entry, response_headers_, format_context());
  }
  info.response_code_details = details;
  local_reply_ = true;
  set_reply_body(body);
  step_ = Step::kResponseFilters;
  next_filter_ = 0;
  return Next::kGoOn;
}

/// The head of an answer made here is complete but for the description of its body.
void Pipeline::set_reply_body(std::string_view body) {
  const ReplyManner manner{grpc_, head_request_, connection_->spec().local_replies.get()};
  reply_body_ = finish_local_reply(request_headers_, response_headers_, info, body, manner);
  upstream_headers_end_ = reply_body_.empty() || head_request_;
}

/// The response has begun and cannot be finished.
void Pipeline::give_up(std::string_view details) {
  if (step_ == Step::kDone) return;
  info.response_code_details = details;
  connection_->stats().downstream_rq_tx_reset.add();
  connection_->stats().rq_reset_after_downstream_response_started.add();
  attempt_.abort();
  downstream_->reset(http::Reset::kLocal);
  finish();
}

void Pipeline::on_reset(http::Reset reason, std::string_view details) {
  if (step_ == Step::kNormalise) request_headers_.clear();  // a head that was never complete
  if (reason == http::Reset::kRemote || reason == http::Reset::kRemoteRefused) {
    connection_->stats().downstream_rq_rx_reset.add();
    info.flags.set(ResponseFlag::kDownstreamRemoteReset);
    info.response_code_details = details.empty() ? std::string_view("http2.remote_reset") : memory_.copy(details);
  } else if (reason == http::Reset::kProtocolError) {
    info.flags.set(ResponseFlag::kDownstreamProtocolError);
    info.response_code_details = memory_.copy(details);
  } else {
    connection_->stats().downstream_rq_rx_reset.add();
    info.flags.set(ResponseFlag::kDownstreamConnectionTermination);
    if (!response_started_) info.response_code_details = "downstream_remote_disconnect";
  }
  attempt_.abort();
  finish();
}

void Pipeline::abandon(std::string_view details) {
  info.response_code_details = details;
  attempt_.abort();
  finish();
}

// --- time ---

/// The route's timeout counts from the moment the request was complete.
void Pipeline::arm_response_timeout() {
  if (response_limit_ms_ > 0) response_timer_.arm(response_limit_ms_);
}

void Pipeline::on_response_timeout() {
  attempt_.count_timeout();
  info.flags.set(ResponseFlag::kUpstreamRequestTimeout);
  attempt_.abort();
  if (response_started_) {
    give_up("response_timeout");
    return;
  }
  count_local_upstream_code(504);
  reply(504, "upstream request timeout", "response_timeout", RouteHeaders::kYes);
}

bool Pipeline::envoy_headers() const { return !connection_->spec().suppress_envoy_headers; }

void Pipeline::touch() { last_activity_ = worker_.loop().now(); }

void Pipeline::on_idle_timeout() {
  const int64_t idle_ms = (worker_.loop().now() - last_activity_) / kNsPerMs;
  if (idle_ms < idle_limit_ms_) {
    idle_timer_.arm(idle_limit_ms_ - idle_ms);
    return;
  }
  connection_->stats().downstream_rq_idle_timeout.add();
  info.flags.set(ResponseFlag::kStreamIdleTimeout);
  attempt_.abort();
  if (response_started_) {
    give_up("stream_idle_timeout");
    return;
  }
  reply(request_ended_ ? 504 : 408, "stream timeout", "stream_idle_timeout");
}

void Pipeline::on_request_timeout() {
  connection_->stats().downstream_rq_timeout.add();
  attempt_.abort();
  if (response_started_) {
    give_up("request_overall_timeout");
    return;
  }
  reply(request_ended_ ? 504 : 408, "request timeout", "request_overall_timeout");
}

void Pipeline::on_duration_timeout() {
  connection_->stats().downstream_rq_max_duration_reached.add();
  attempt_.abort();
  if (response_started_) {
    give_up("max_duration_timeout");
    return;
  }
  reply(request_ended_ ? 504 : 408, "downstream duration timeout", "max_duration_timeout");
}

// --- paused filters ---

void Pipeline::proceed_later() { worker_.loop().at_next_turn(*this); }

void Pipeline::reply_later(int status, std::string_view body, std::string_view details) {
  pending_reply_ = true;
  pending_status_ = status;
  pending_body_ = body;
  pending_details_ = details;
  worker_.loop().at_next_turn(*this);
}

void Pipeline::on_next_turn() {
  if (std::exchange(pending_reply_, false)) {
    reply(pending_status_, pending_body_, pending_details_);
  } else {
    advance();
  }
}

// --- the end ---

void Pipeline::on_complete() {
  info.response_complete = worker_.loop().now();
  attempt_.abort();
  finish();
}

/// Statistics and access log, once for every request, however it ended.
void Pipeline::finish() {
  CHECK(step_ != Step::kDone);
  step_ = Step::kDone;
  info.end = worker_.loop().now();
  HttpStats& stats = connection_->stats();
  stats.downstream_rq_active.subtract();
  if (tunnel_) stats.downstream_cx_upgrades_active.subtract();
  if (info.response_code != 0) {
    stats.count_response(info.response_code);
    connection_->listener_stats().count_response(info.response_code);
  }
  stats.downstream_rq_time.record((info.end - info.start) / kNsPerMs);

  const format::FormatContext context{&request_headers_, &response_headers_, &response_trailers_, info,
                                      format::LogType::kDownstreamEnd};
  for (const auto& log : connection_->spec().access_logs) log->log(context, worker_.index());

  HttpConnection& connection = *connection_;
  recycle();
  connection.on_exchange_done(*this);
}

void Pipeline::recycle() {
  NextTurn::unlink();
  response_timer_.cancel();
  idle_timer_.cancel();
  request_timer_.reset();
  duration_timer_.reset();
  for (size_t i = 0; i < filter_count_; ++i) filters_[i]->~Filter();
  filters_ = nullptr;
  filter_count_ = next_filter_ = 0;
  attempt_.forget();
  waiting_body_.clear();
  request_headers_.clear();
  request_trailers_.clear();
  response_headers_.clear();
  response_trailers_.clear();
  info = {};
  table_.reset();
  match_ = {};
  choice_ = {};
  route = nullptr;
  forward_ = nullptr;
  connection_ = nullptr;
  downstream_ = nullptr;
  reply_body_ = {};
  response_limit_ms_ = 0;
  upgrade_ = grpc_ = head_request_ = request_ended_ = has_request_trailers_ = response_started_ = false;
  tunnel_ = close_connection_ = upstream_headers_end_ = local_reply_ = downstream_paused_ = pending_reply_ = overloaded_ = false;
  memory_.reset();
}

}  // namespace weir::proxy
