// How a pipeline's exchange ends: in time or too late, complete or cut off; and what is written about it.
#include <algorithm>

#include "base/check.h"
#include "observe/log_file.h"
#include "proxy/http_connection.h"
#include "proxy/pipeline.h"
#include "proxy/request_sample.h"
#include "proxy/tracing.h"
#include "proxy/worker.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;

// --- it takes too long ---

/// The route's and the request's own limits take the place of the connection manager's.
void Pipeline::set_stream_limits(const route::Forward& forward, const RequestTimeouts& limits) {
  if (const auto& limit = forward.time_limits->idle_timeout_ms) {
    idle_limit_ms_ = static_cast<int64_t>(*limit);
    idle_timer_.cancel();
    if (idle_limit_ms_ > 0) idle_timer_.arm(idle_limit_ms_);
  }
  if (limits.stream_ms) {
    duration_timer_.reset();
    if (*limits.stream_ms != 0) {
      duration_timer_ = loop::Timer::make<&Pipeline::on_duration_timeout>(worker_.loop().timers(), *this);
      duration_timer_->arm(std::max<int64_t>(*limits.stream_ms, 0));
    }
  }
}

/// What still waits for an HTTP/2 client's windows must be taken in time, however slowly it goes on being taken.
void Pipeline::await_flush() {
  response_passed_ = true;
  if (protocol_ != http::Protocol::kHttp2) return;
  flushing_ = true;
  duration_timer_.reset();
  touch();
  int64_t limit_ms = connection_->spec().stream_flush_timeout_ms;
  const route::Forward* forward = route == nullptr ? nullptr : route->forward();
  if (forward != nullptr) limit_ms = static_cast<int64_t>(forward->time_limits->flush_timeout_ms.value_or(limit_ms));
  if (limit_ms == idle_limit_ms_) return;  // the timer that runs looks again when it fires
  idle_limit_ms_ = limit_ms;
  idle_timer_.cancel();
  if (idle_limit_ms_ > 0) idle_timer_.arm(idle_limit_ms_);
}

void Pipeline::touch() { last_activity_ = worker_.loop().now(); }

void Pipeline::on_idle_timeout() {
  const int64_t idle_ms = (worker_.loop().now() - last_activity_) / kNsPerMs;
  if (idle_ms < idle_limit_ms_) {
    idle_timer_.arm(idle_limit_ms_ - idle_ms);
    return;
  }
  if (flushing_) {
    connection_->stats().http2.tx_flush_timeout.add();
    router_.abort();
    downstream_->reset(http::Reset::kLocal);
    return finish();
  }
  connection_->stats().downstream_rq_idle_timeout.add();
  info.flags.set(ResponseFlag::kStreamIdleTimeout);
  end_late("stream timeout", "stream_idle_timeout");
}

void Pipeline::on_request_timeout() {
  connection_->stats().downstream_rq_timeout.add();
  end_late("request timeout", "request_overall_timeout");
}

void Pipeline::on_duration_timeout() {
  connection_->stats().downstream_rq_max_duration_reached.add();
  end_late("downstream duration timeout", "max_duration_timeout");
}

/// The exchange took too long: the client is told, unless it is already being answered.
void Pipeline::end_late(std::string_view body, std::string_view details) {
  router_.abort();
  if (response_started_) {
    give_up(details);
  } else {
    reply(request_ended_ ? 504 : 408, body, details);
  }
}

// --- it is cut off ---

/// The response has begun and cannot be finished.
void Pipeline::give_up(std::string_view details) {
  if (step_ == Step::kDone) return;
  info.response_code_details = details;
  connection_->stats().downstream_rq_tx_reset.add();
  connection_->stats().downstream_rq_rx_reset.add();  // as Envoy's, it counts every reset
  router_.abort();
  downstream_->reset(http::Reset::kLocal);
  finish();
}

void Pipeline::count_cut_off_grpc() { connection_->stats().rq_reset_after_downstream_response_started.add(); }

void Pipeline::on_reset(http::Reset reason, std::string_view details) {
  if (step_ == Step::kNormalise) request_headers_.clear();  // a head that was never complete
  if (reason == http::Reset::kRemote || reason == http::Reset::kRemoteRefused) {
    connection_->stats().downstream_rq_rx_reset.add();
    info.flags.set(ResponseFlag::kDownstreamRemoteReset);
    info.response_code_details = details.empty() ? std::string_view("http2.remote_reset") : memory_.copy(details);
  } else if (connection_->cuts_off()) {
    connection_->stats().downstream_rq_rx_reset.add();
    info.response_code_details = "too_many_premature_resets";
  } else if (reason == http::Reset::kProtocolError) {
    connection_->stats().downstream_rq_rx_reset.add();
    info.flags.set(ResponseFlag::kDownstreamProtocolError);
    info.response_code_details = memory_.copy(details);
  } else {
    connection_->stats().downstream_rq_rx_reset.add();
    info.flags.set(ResponseFlag::kDownstreamConnectionTermination);
    info.response_code_details = "downstream_remote_disconnect";
  }
  router_.abort();
  finish();
}

void Pipeline::abandon(std::string_view details) {
  info.response_code_details = details;
  router_.abort();
  finish();
}

// --- the end ---

void Pipeline::on_complete() {
  info.response_complete = worker_.loop().now();
  if (!request_ended_) connection_->stats().downstream_rq_rx_reset.add();  // what follows of the request is cut off
  router_.abort();
  finish();
}

/// When its head is sent; whatever becomes of the rest.
void Pipeline::count_response(int status) {
  if (connection_->spec().tracing != nullptr) {
    count(connection_->stats(), info.health_check ? TraceReason::kNotTraceable : trace_reason_);
  }
  if (info.health_check) return;
  connection_->stats().count_response(status);
  connection_->listener_stats().count_response(status);
}

/// Statistics and access log, once for every request, however it ended.
void Pipeline::finish() {
  CHECK(step_ != Step::kDone);
  step_ = Step::kDone;
  if (protocol_error_) info.flags.set(ResponseFlag::kDownstreamProtocolError);
  info.end = worker_.loop().now();
  HttpStats& stats = connection_->stats();
  stats.downstream_rq_active.subtract();
  if (tunnel_) stats.downstream_cx_upgrades_active.subtract();
  if (info.health_check) stats.tracing_health_check.add();
  stats.downstream_rq_time.record((info.end - info.start) / kNsPerMs);
  worker_.loop().patience().took(info.end - info.start);

  for (size_t i = 0; i < filter_count_; ++i) filters_[i]->on_end(*this);
  write_log(format::LogType::kDownstreamEnd);
  if (observe::RequestFeed& feed = worker_.logs().feed(); feed.watched() && feed.wants(worker_.index(), info.end)) [[unlikely]] {
    feed.add(worker_.index(), describe_request(*this, *connection_));
  }
  HttpConnection& connection = *connection_;
  const bool answered = info.response_code != 0;
  const int64_t life_ns = info.end - info.start;
  recycle();
  connection.on_exchange_done(*this, answered, life_ns);
}

void Pipeline::on_log_time() {
  write_log(format::LogType::kDownstreamPeriodic);
  log_timer_->arm(connection_->spec().log_interval_ms);
}

void Pipeline::write_log(format::LogType type) {
  info.traffic = traffic;
  info.upstream_traffic = router_.traffic();
  const format::FormatContext context{&request_headers_, &response_headers_, &response_trailers_, info, type};
  for (const auto& log : connection_->spec().access_logs) log->log(context, worker_.index());
}

void Pipeline::destroy_filters() {
  for (size_t i = 0; i < filter_count_; ++i) filters_[i]->~Filter();
  filters_ = nullptr;
  filter_count_ = 0;
}

void Pipeline::recycle() {
  NextTurn::unlink();
  idle_timer_.cancel();
  request_timer_.reset();
  duration_timer_.reset();
  log_timer_.reset();
  destroy_filters();
  router_.recycle();
  request_headers_.clear();
  request_trailers_.clear();
  response_headers_.clear();
  response_trailers_.clear();
  info = {};
  traffic = {};
  selection_ = {};
  redirects_ = nullptr;
  route = nullptr;
  virtual_host = nullptr;
  cluster_name = {};
  request_lane_.clear();
  response_lane_.clear();
  connection_ = nullptr;
  downstream_ = nullptr;
  reply_body_ = {};
  upgrade_ = grpc_ = head_request_ = request_ended_ = has_request_trailers_ = response_started_ = response_passed_ = false;
  tunnel_ = ends_connect_ = close_connection_ = upstream_headers_end_ = local_reply_ = pending_reply_ = overloaded_ =
      protocol_error_ = false;
  request_ended_with_head_ = request_passed_ = request_dropped_ = false;
  memory_.reset();
}

}  // namespace weir::proxy
