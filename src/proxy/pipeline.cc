#include "proxy/pipeline.h"

#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "net/tls/tls_info.h"
#include "proxy/filter_overrides.h"
#include "proxy/grpc_call.h"
#include "proxy/http_connection.h"
#include "proxy/tracing.h"
#include "proxy/worker.h"
#include "route/mutations.h"

namespace weir::proxy {

using http::HeaderId;

namespace {

/// Whether the connection ends with the answer because of what the request says; the answer then says so, too.
bool asks_to_close(const http::HeaderMap& request, http::Protocol protocol) {
  bool closes = false, keeps = protocol != http::Protocol::kHttp10;
  for (const http::Header& line : request) {
    if (line.id != HeaderId::kConnection && line.id != HeaderId::kProxyConnection) continue;
    closes |= list_has_token(line.value, "close");
    keeps |= line.id == HeaderId::kConnection && list_has_token(line.value, "keep-alive");
  }
  return closes || !keeps;
}

}  // namespace

Pipeline::Pipeline(Worker& worker)
    : Exchange(request_headers_, response_headers_, stream_info_, memory_, worker.loop().random(), worker.loop(), worker.index()),
      worker_(worker),
      request_lane_(worker.loop().blocks()),
      response_lane_(worker.loop().blocks()),
      router_(*this),
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
  HttpStats& stats = connection.stats();
  stats.downstream_rq_total.add();
  stats.downstream_rq_active.add();
  worker_.loop().patience().began();
  (protocol_ == http::Protocol::kHttp2 ? stats.downstream_rq_http2_total : stats.downstream_rq_http1_total).add();

  const HttpConnectionSpec& spec = connection.spec();
  last_activity_ = info.start;
  idle_limit_ms_ = spec.stream_idle_timeout_ms;
  flushing_ = tells_operation_ = false;
  trace_reason_ = TraceReason::kNotTraceable;
  configured_ = &spec.filters;
  router_options_ = &spec.router;
  if (idle_limit_ms_ > 0) idle_timer_.arm(idle_limit_ms_);
  if (spec.request_timeout_ms > 0) {
    request_timer_ = loop::Timer::make<&Pipeline::on_request_timeout>(worker_.loop().timers(), *this);
    request_timer_->arm(spec.request_timeout_ms);
  }
  if (spec.max_stream_duration_ms > 0) {
    duration_timer_ = loop::Timer::make<&Pipeline::on_duration_timeout>(worker_.loop().timers(), *this);
    duration_timer_->arm(spec.max_stream_duration_ms);
  }
  if (spec.log_interval_ms > 0) {
    log_timer_ = loop::Timer::make<&Pipeline::on_log_time>(worker_.loop().timers(), *this);
    log_timer_->arm(spec.log_interval_ms);
  }
}

// --- the request arrives ---

void Pipeline::on_headers(bool end_stream) {
  protocol_ = downstream_->protocol();
  info.protocol = protocol_;
  close_connection_ = protocol_ != http::Protocol::kHttp2 && asks_to_close(request_headers_, protocol_);
  request_ended_with_head_ = request_passed_ = end_stream;
  if (end_stream) request_complete();
  advance();
}

void Pipeline::on_body(std::string_view bytes, bool end_stream) {
  touch();
  if (local_reply_ && response_passed_) return;  // answered already: nobody reads this
  info.bytes_received += bytes.size();
  if (response_started_ || info.bytes_received > kLongBody) worker_.loop().patience().hurry();
  if (end_stream && !pending_reply_) request_complete();  // an answer to a part of it comes before its end
  if (!request_dropped_) feed(request_lane_, 0, bytes, end_stream);
}

void Pipeline::on_trailers() {
  touch();
  if (!pending_reply_) request_complete();
  if (!request_dropped_) feed_trailers(request_lane_, 0);
}

void Pipeline::on_metadata(std::string_view block) {
  touch();
  if (!request_dropped_) router_.request_metadata(block);
}

void Pipeline::request_complete() {
  request_ended_ = true;
  info.request_complete = worker_.loop().now();
  request_timer_.reset();
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
    inform(go_ahead);
    request_headers_.remove(HeaderId::kExpect);
  }
  if (worker_.overload().saturated(OverloadAction::kStopAcceptingRequests) && connection_->listener().spec().follows_overload) {
    connection_->stats().downstream_rq_overload_close.add();
    if (!request_headers_.get(HeaderId::kForwardedProto).empty()) choose_route();
    return reply_and_go_on(503, "envoy overloaded", "overload");
  }
  if (auto refusal = admit_request(request_headers_, spec, worker_.identity(), info, random, upgrade_)) return refuse(*refusal);
  if (!spec.has_router) return reply_and_go_on(404, "", "no_router");
  return Next::kGoOn;
}

/// Also for requests that are refused before they are routed: their answers have the route's headers, and the log its name.
void Pipeline::choose_route() {
  selection_.table = connection_->route_table(request_headers_);
  if (selection_.table == nullptr) return;
  const bool refused = step_ == Step::kRoute;  // before anybody looked where it comes from
  if (!info.internal_request && !refused) {
    for (const http::HeaderName& name : selection_.table->config().internal_only_headers) request_headers_.remove(name.text);
  }
  selection_.match = selection_.table->find(request_headers_, match_context());
  route = selection_.match.route;
  virtual_host = selection_.match.virtual_host;
  if (virtual_host != nullptr) {
    info.virtual_host_name = virtual_host->name;
    info.virtual_host_metadata = virtual_host->metadata.get();
  }
  if (route == nullptr) return;
  info.route_name = route->name;
  info.route_metadata = route->metadata.get();
  if (route->forward() == nullptr) return;
  selection_.choice = route::choose_cluster(*route->forward(), request_headers_, random_value_, info);
  cluster_name = selection_.choice.name;
  if (const upstream::Cluster* cluster = chosen_cluster()) {  // it may be gone before the request is: only texts that stay
    const std::string& shown = cluster->spec().stat_name;
    info.upstream_cluster_raw = selection_.choice.name;
    info.cluster_metadata = cluster->spec().metadata;
    info.upstream_cluster = shown == selection_.choice.name ? selection_.choice.name : memory_.copy(shown);
  }
}

Pipeline::Next Pipeline::find_route() {
  step_ = Step::kRequestFilters;
  choose_route();
  const HttpConnectionSpec& spec = connection_->spec();
  HttpStats& stats = connection_->stats();
  if (spec.tracing != nullptr) trace();
  if (spec.log_new_requests) write_log(format::LogType::kDownstreamStart);
  if (route != nullptr) ends_connect_ = terminates_connect(request_headers_, *route) != nullptr;
  if (route != nullptr && (upgrade_ || request_headers_.method() == "CONNECT")) {
    if (!may_upgrade(request_headers_, spec, route)) {
      stats.downstream_rq_ws_on_non_ws_route.add();
      return reply_and_go_on(403, "", "upgrade_failed");
    }
    tunnel_ = true;
    use_filters_of_upgrade();
    stats.downstream_cx_upgrades_total.add();
    stats.downstream_cx_upgrades_active.add();
  } else if ((upgrade_ || request_headers_.method() == "CONNECT") && may_upgrade(request_headers_, spec, nullptr)) {
    // As Envoy counts, though there is nowhere to go.
    stats.downstream_cx_upgrades_total.add();
    use_filters_of_upgrade();
  }
  if (!configured_->empty()) make_filters();
  return Next::kGoOn;
}

/// Those of its protocol, if it has its own, with a router of their own.
void Pipeline::use_filters_of_upgrade() {
  const UpgradeFilters* own = filters_for_upgrade(request_headers_, connection_->spec());
  if (own == nullptr) return;
  configured_ = &own->filters;
  router_options_ = &own->router;
}

/// Whether it is traced; and the name that its route has for what it does is passed on.
void Pipeline::trace() {
  const TracingSpec& spec = *connection_->spec().tracing;
  const bool own = route != nullptr && route->tracing;
  trace_reason_ = decide_trace(request_headers_, spec, own ? *route->tracing : spec.shares, random);
  info.trace_forced = trace_reason_ == TraceReason::kServiceForced;
  const bool named = route != nullptr && !route->decorator_operation->empty() && route->decorator_propagate;
  if (connection_->listener().spec().outbound) {  // the next one is told
    if (named) request_headers_.set(HeaderId::kEnvoyDecoratorOperation, *route->decorator_operation);
    return;
  }
  tells_operation_ = named && request_headers_.get(HeaderId::kEnvoyDecoratorOperation).empty();  // or else the client told us
  request_headers_.remove(HeaderId::kEnvoyDecoratorOperation);
}

/// Those that the request's way does not switch off.
void Pipeline::make_filters() {
  const std::vector<ConfiguredFilter>& configured = *configured_;
  filters_ = memory_.allocate_array<filter::Filter*>(configured.size());
  filter_count_ = 0;
  const auto& [table, match, choice] = selection_;
  for (const ConfiguredFilter& filter : configured) {
    filter::RouteSettings settings;
    bool disabled = filter.disabled;
    for_each_override(table.get(), match, choice, filter.name, [&](const route::FilterOverride& change) {
      disabled = change.disabled;
      if (change.settings != nullptr) settings.add(*change.settings);
    });
    if (disabled) continue;
    filter::Filter* made = filter.factory->make(*this, settings);
    if (made == nullptr) continue;
    made->set_position(filter_count_);
    filters_[filter_count_++] = made;
  }
}

Pipeline::Next Pipeline::run_request_filters() {
  Lane& lane = request_lane_;
  lane.paused = false;
  while (lane.seen < filter_count_) {
    filter::Filter& filter = *filters_[lane.seen++];
    const filter::Verdict verdict = filter.on_request(*this);
    if (verdict.kind == filter::Verdict::Kind::kReply) return reply_and_go_on(verdict.answer, Answerer::kPipeline, &filter);
    lane.paused = verdict.kind == filter::Verdict::Kind::kPause;
    if (lane.paused || filter.wants_request_body()) release(lane, filter.position());
    if (lane.paused) return Next::kWait;
  }
  step_ = Step::kForward;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::run_response_filters() {
  Lane& lane = response_lane_;
  lane.paused = false;
  while (lane.seen < filter_count_) {
    filter::Filter& filter = filter_at(lane, lane.seen++);
    const filter::Verdict verdict = filter.on_response(*this);
    if (verdict.kind == filter::Verdict::Kind::kReply && !local_reply_) {
      router_.abort();
      return reply_and_go_on(verdict.answer, Answerer::kPipeline, &filter);
    }
    lane.paused = verdict.kind == filter::Verdict::Kind::kPause;
    if (lane.paused || filter.wants_response_body()) {
      if (!reply_body_.empty() && !upstream_headers_end_) feed(lane, 0, std::exchange(reply_body_, {}), true);
      release(lane, lane.seen - 1);
    }
    if (lane.paused) return Next::kWait;
  }
  if (!response_headers_.has_pseudo(HeaderId::kStatus)) [[unlikely]]
    return refuse_response();
  step_ = Step::kDeliver;
  return Next::kGoOn;
}

Pipeline::Next Pipeline::deliver() {
  step_ = Step::kDelivering;
  response_started_ = true;
  info.response_start = worker_.loop().now();
  prepare_response(response_headers_, request_headers_, connection_->spec(), worker_.date(), upgrade_);
  if (tells_operation_) response_headers_.set(HeaderId::kEnvoyDecoratorOperation, *route->decorator_operation);
  if (connection_->spec().tracing != nullptr && connection_->listener().spec().outbound) {
    response_headers_.remove(HeaderId::kEnvoyDecoratorOperation);
  }
  if (connection_->spec().proxy_status) add_proxy_status(response_headers_, info, *connection_->spec().proxy_status);
  info.response_code = response_headers_.status();
  count_response(info.response_code);
  if (connection_->before_response(request_ended_)) close_connection_ = true;
  // An answer to an unfinished request is the last one on an HTTP/1 connection: nobody could tell where the next request begins.
  const bool opens_tunnel = request_headers_.method() == "CONNECT" && info.response_code / 100 == 2;
  if (!response_headers_.has(HeaderId::kContentLength) && protocol_ == http::Protocol::kHttp10) close_connection_ = true;
  if ((close_connection_ || !request_ended_) && !opens_tunnel && protocol_ != http::Protocol::kHttp2 &&
      !response_headers_.has(HeaderId::kConnection)) {
    response_headers_.add(HeaderId::kConnection, "close");
  }
  downstream_->send_headers(response_headers_, upstream_headers_end_);
  if (upstream_headers_end_) await_flush();
  response_lane_.open = true;
  if (!reply_body_.empty() && !upstream_headers_end_) send_response_body(reply_body_, true);
  release(response_lane_, filter_count_);
  return Next::kWait;
}

// --- what the router says ---

void Pipeline::relay_informational() {
  if (connection_->spec().proxy_100_continue) inform(response_headers_);
}

void Pipeline::inform(const http::HeaderMap& head) {
  downstream_->send_informational(head);
  count_response(head.status());
  info.response_code = head.status();  // until there is a better one
}

void Pipeline::relay_headers(bool end_stream) {
  upstream_headers_end_ = end_stream;
  step_ = Step::kResponseFilters;
  advance();
}

void Pipeline::relay_body(std::string_view bytes, bool end_stream) { feed(response_lane_, 0, bytes, end_stream); }

void Pipeline::relay_trailers() { feed_trailers(response_lane_, 0); }
void Pipeline::relay_metadata(std::string_view block) { downstream_->send_metadata(block); }

// --- filters that wait ---

void Pipeline::proceed_later() { worker_.loop().at_next_turn(*this); }

void Pipeline::reply_later(const filter::Reply& reply) {
  pending_reply_ = true;
  pending_ = reply;
  worker_.loop().at_next_turn(*this);
}

void Pipeline::on_next_turn() {
  if (!std::exchange(pending_reply_, false)) return advance();
  router_.abort();
  if (response_started_) return give_up(pending_.details);
  const Lane& lane = step_ == Step::kResponseFilters ? response_lane_ : request_lane_;
  filter::Filter* from = lane.paused ? &filter_at(lane, lane.seen - 1) : nullptr;
  reply_and_go_on(pending_, Answerer::kPipeline, from);
  advance();
}

upstream::Cluster* Pipeline::cluster(std::string_view name) { return worker_.cluster(name); }

std::shared_ptr<void>& Pipeline::kept_for_connection(std::string_view name) { return connection_->kept(name); }

std::shared_ptr<upstream::DnsCache> Pipeline::dns_cache(std::string_view name) { return worker_.dns_cache(name); }

void Pipeline::tell(const filter::CallSpec& spec, std::string_view message) {
  tell_grpc(worker_, spec, message, format_context());
}

std::unique_ptr<filter::Call> Pipeline::call(const filter::CallSpec& spec, std::string_view message, filter::CallEvents& events) {
  return start_grpc_call(worker_, spec, message, format_context(), events);
}

bool Pipeline::fails_health_checks() const { return worker_.fails_health_checks(); }

}  // namespace weir::proxy
