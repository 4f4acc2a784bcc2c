// How a router's try is followed by another one, and how long a try may take.
#include <algorithm>
#include <vector>

#include "proxy/pipeline.h"
#include "proxy/router.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;
using upstream::ClusterStats;

// --- another try ---

bool Router::retries_response() {
  if (!retry_.enabled()) return false;
  upstream::Cluster& cluster = *attempt_->cluster();
  const int status = pipeline_.response.status();
  const RetryState::Decision decision = retry_.after_response(pipeline_.response, pipeline_.loop.wall(), cluster, groups_,
                                                              static_cast<upstream::Priority>(forward_->priority));
  if (decision == RetryState::Decision::kRetry) {
    cluster.stats().retry_codes.count(counts_codes_of_cluster_ ? status : stats::CodeCounters::kUnnamed);
    attempt_->host()->stats.rq_error.add();
    attempt_->abort();
    pipeline_.response.clear();
  }
  try_was_late_ = false;
  if (follow(decision)) return true;
  if (decision == RetryState::Decision::kNo || others_.empty()) return false;
  attempt_->host()->stats.rq_error.add();  // another one may still bring a better answer
  attempt_->abort();
  pipeline_.response.clear();
  try_timer_.reset();  // they were this one's
  try_idle_timer_.reset();
  stream_timer_.reset();
  phase_ = Phase::kWaitingForOthers;
  return true;
}

bool Router::retries_failure(const UpstreamFailure& failure) {
  if (!retry_.enabled() || response_begun_) return false;
  try_was_late_ = false;
  return follow(retry_.after_reset(failure.reason, failure.connected, *attempt_->cluster(), groups_,
                                   static_cast<upstream::Priority>(forward_->priority)));
}

bool Router::follow(RetryState::Decision decision) {
  switch (decision) {
    case RetryState::Decision::kNo:
      return false;
    case RetryState::Decision::kLimitExceeded:
      pipeline_.info.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
      return false;
    case RetryState::Decision::kOverflow:
      pipeline_.info.flags.set(ResponseFlag::kUpstreamOverflow);
      return false;
    case RetryState::Decision::kRetry:
      break;
  }
  phase_ = Phase::kBetweenTries;
  try_timer_.reset();
  try_idle_timer_.reset();
  stream_timer_.reset();
  if (retry_timer_ == nullptr) retry_timer_ = loop::Timer::make<&Router::on_retry_time>(pipeline_.loop.timers(), *this);
  retry_timer_->arm(retry_.next_delay_ms(pipeline_.random, attempt_->cluster()->stats()));
  return true;
}

void Router::on_retry_time() {
  upstream::Cluster* cluster = pipeline_.chosen_cluster();
  if (cluster == nullptr) {  // it was removed meanwhile
    pipeline_.info.flags.set(ResponseFlag::kNoClusterFound);
    fail(503, "", "cluster_not_found");
    return;
  }
  mark_retry(pipeline_.request);
  try_once(*cluster);
}

/// What the upstream is told about being asked again.
void Router::mark_retry(http::HeaderMap& request) {
  const route::VirtualHost& virtual_host = *pipeline_.selection().match.virtual_host;
  if (virtual_host.include_request_attempt_count) {
    request.set(HeaderId::kEnvoyAttemptCount, pipeline_.arena.decimal(tries_ + 1));
  }
  if (virtual_host.include_is_timeout_retry_header) {
    request.set(HeaderId::kEnvoyIsTimeoutRetry, try_was_late_ ? "true" : "false");
  }
  if (limits_.response_ms == 0 || !request.has(HeaderId::kEnvoyExpectedTimeoutMs)) return;
  const format::StreamInfo& info = pipeline_.info;
  const MonotonicNs since = info.request_complete != 0 ? info.request_complete : pipeline_.loop.now();
  const int64_t left = std::max<int64_t>(limits_.response_ms - (pipeline_.loop.now() - since) / kNsPerMs, 1);
  const int64_t expected = limits_.try_ms > 0 && !retry_.hedges() ? std::min(limits_.try_ms, left) : left;
  request.set(HeaderId::kEnvoyExpectedTimeoutMs, pipeline_.arena.decimal(expected));
  if (forward_->time_limits->max_grpc_timeout_ms && http::is_grpc(request)) {
    request.set(HeaderId::kGrpcTimeout, pipeline_.arena.join(pipeline_.arena.decimal(expected), "m"));
  }
}

bool Router::follows_redirect() {
  if (!follows_redirects_) return false;
  const std::vector<uint32_t>& statuses = forward_->internal_redirects->response_codes;
  const auto status = static_cast<uint32_t>(pipeline_.response.status());
  if (std::ranges::find(statuses, status) == statuses.end()) return false;
  ClusterStats& stats = attempt_->cluster()->stats();
  const bool whole = pipeline_.request_ended() && keeps_body_ && !pipeline_.has_request_trailers();
  if (!whole || !pipeline_.may_redirect(*forward_->internal_redirects)) {
    stats.upstream_internal_redirect_failed_total.add();
    return false;
  }
  stats.upstream_internal_redirect_succeeded_total.add();
  attempt_->abort();
  if (status == 303 && pipeline_.request.method() == "GET") body_.clear();
  pipeline_.start_over();
  return true;
}

// --- time ---

/// A try's time counts from when all of the request has come and a connection was there.
void Router::arm_try_timers() {
  loop::TimerWheel& timers = pipeline_.loop.timers();
  if (limits_.try_ms > 0 && !response_begun_) {
    if (try_timer_ == nullptr) try_timer_ = loop::Timer::make<&Router::on_try_timeout>(timers, *this);
    try_timer_->arm(limits_.try_ms);
  }
  if (limits_.try_idle_ms > 0) {
    if (try_idle_timer_ == nullptr) try_idle_timer_ = loop::Timer::make<&Router::on_try_idle_timeout>(timers, *this);
    try_idle_timer_->arm(limits_.try_idle_ms);
  }
}

/// From when a try has its connection, whatever else goes on.
void Router::arm_stream_timer() {
  const int64_t limit_ms = limits_.try_stream_ms.value_or(attempt_->cluster()->spec().max_stream_duration_ms);
  if (limit_ms <= 0) return;
  stream_timer_ = loop::Timer::make<&Router::on_stream_too_long>(pipeline_.loop.timers(), *this);
  stream_timer_->arm(limit_ms);
}

void Router::touch_try() {
  pipeline_.touch();
  if (try_idle_timer_ != nullptr) try_idle_timer_->arm(limits_.try_idle_ms);
}

void Router::cancel_timers() {
  response_timer_.cancel();
  retry_timer_.reset();
  try_timer_.reset();
  try_idle_timer_.reset();
  stream_timer_.reset();
}

/// The route's timeout, which counts from the moment the request was complete.
void Router::on_response_timeout() {
  count_others_late();
  if (phase_ != Phase::kWaitingForOthers) {  // then the newest has had its answer, which was none worth having
    attempt_->count_timeout(true);
    count_budget();
    if (attempt_->cluster() != nullptr) attempt_->cluster()->stats().upstream_rq_timeout.add();
    groups_.count(&route::GroupStats::upstream_rq_timeout);
  }
  pipeline_.info.flags.set(ResponseFlag::kUpstreamRequestTimeout);
  attempt_->abort();
  if (response_begun_) {
    cancel_timers();
    pipeline_.give_up("response_timeout");
  } else {
    fail_late("response_timeout");
  }
}

void Router::fail_late(std::string_view details) {
  if (limits_.empty_answer) return fail(204, "", details);
  fail(504, "upstream request timeout", details);
}

void Router::on_try_timeout() {
  attempt_->note(ResponseFlag::kUpstreamRequestTimeout);
  if (retry_.hedges()) return try_beside();
  attempt_->cluster()->stats().upstream_rq_per_try_timeout.add();
  end_late_try("upstream_per_try_timeout");
}

void Router::on_try_idle_timeout() {
  attempt_->note(ResponseFlag::kStreamIdleTimeout);
  if (retry_.hedges()) return try_beside();
  attempt_->cluster()->stats().upstream_rq_per_try_idle_timeout.add();
  end_late_try("upstream_per_try_idle_timeout");
}

void Router::on_stream_too_long() {
  constexpr std::string_view kDetails = "upstream_max_stream_duration_reached";
  attempt_->cluster()->stats().upstream_rq_max_duration_reached.add();
  attempt_->abort();
  if (retries_failure({.reason = http::Reset::kLocal, .transport_reason = {}, .connected = true})) {
    attempt_->host()->stats.rq_error.add();
    return;
  }
  pipeline_.info.flags.set(ResponseFlag::kUpstreamMaxStreamDurationReached);
  cancel_timers();
  if (response_begun_) return pipeline_.give_up(kDetails);
  phase_ = Phase::kIdle;
  pipeline_.reply(pipeline_.request_ended() ? 504 : 408, "upstream max stream duration reached", kDetails, Answerer::kRouter);
}

void Router::end_late_try(std::string_view details) {
  attempt_->count_timeout();
  attempt_->abort();
  if (response_begun_) {
    count_budget();
    pipeline_.info.flags.set(ResponseFlag::kUpstreamRequestTimeout);
    cancel_timers();
    pipeline_.give_up(details);
    return;
  }
  if (retries_failure({.reason = http::Reset::kLocal, .transport_reason = {}, .connected = true})) {
    try_was_late_ = true;
    return;
  }
  count_budget();
  pipeline_.info.flags.set(ResponseFlag::kUpstreamRequestTimeout);
  fail_late(details);
}

}  // namespace weir::proxy
