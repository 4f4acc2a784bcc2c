// How a router's answer comes, or why there is none.
#include "proxy/late_try.h"
#include "proxy/local_reply.h"
#include "proxy/pipeline.h"
#include "proxy/router.h"
#include "route/mutations.h"

namespace weir::proxy {

using format::ResponseFlag;
using http::HeaderId;

// --- the response comes ---

void Router::on_informational() {
  if (interim_seen_) return;  // only the first counts
  const int status = pipeline_.response.status();
  count_answer(status);
  interim_seen_ = true;
  retry_.give_up();
  pipeline_.relay_informational();
}

void Router::on_headers(bool end_stream) {
  if (try_idle_timer_ != nullptr) try_idle_timer_->arm(limits_.try_idle_ms);
  try_timer_.reset();
  pipeline_.info.upstream_response_start = pipeline_.loop.now();
  if (body_held_ && !settle_handshake()) return;
  if (retries_response()) return;
  pipeline_.touch();  // only now: what is retried is no sign of life for the whole stream
  if (follows_redirect()) return;
  accept(end_stream);
}

/// This is the answer.
void Router::accept(bool end_stream) {
  give_up_others();
  format::StreamInfo& info = pipeline_.info;
  http::HeaderMap& response = pipeline_.response;
  response_begun_ = true;
  info.upstream_response_start = pipeline_.loop.now();
  info.response_code_details = "via_upstream";
  info.response_code = response.status();
  attempt_->accept();
  count_answer(info.response_code);  // whatever becomes of its body
  if (end_stream) response_ended();
  const auto& [table, match, choice] = pipeline_.selection();
  if (pipeline_.envoy_headers() && info.request_complete != 0) {
    const int64_t service_time_ms = (info.upstream_response_start - info.request_complete) / kNsPerMs;
    response.set(HeaderId::kEnvoyUpstreamServiceTime, pipeline_.arena.decimal(service_time_ms));
  }
  for (const std::string_view cookie : set_cookies_) response.add(HeaderId::kSetCookie, cookie);
  route::finalize_response(table->config(), match, choice.entry, response, pipeline_.format_context());
  tell_tries(response);  // whatever the configuration says about it
  pipeline_.relay_headers(end_stream);
}

void Router::on_body(std::string_view bytes, bool end_stream) {
  touch_try();
  if (end_stream) response_ended();
  pipeline_.relay_body(bytes, end_stream);
}

void Router::on_trailers() {
  touch_try();
  response_ended();
  pipeline_.relay_trailers();
}

void Router::on_metadata(std::string_view block) {
  touch_try();
  pipeline_.relay_metadata(block);
}

void Router::pause_response() {
  http::Stream* stream = attempt_->stream();
  if (stream == nullptr) return;
  attempt_->cluster()->stats().upstream_flow_control_paused_reading_total.add();
  stream->pause();
}

void Router::resume_response() {
  http::Stream* stream = attempt_->stream();
  if (stream == nullptr) return;
  attempt_->cluster()->stats().upstream_flow_control_resumed_reading_total.add();
  stream->resume();
}

/// The upstream has said all it had to say.
void Router::response_ended() {
  pipeline_.info.upstream_response_complete = pipeline_.loop.now();
  cancel_timers();
  phase_ = Phase::kIdle;
  count_budget();
  if (const std::optional<int64_t> elapsed_ms = attempt_->complete()) groups_.record_time(*elapsed_ms);
}

/// How much of its time the request needed.
void Router::count_budget() {
  upstream::Cluster* cluster = attempt_->cluster();
  const MonotonicNs since = pipeline_.info.request_complete;
  if (cluster == nullptr || !cluster->spec().tracks_timeout_budgets || since == 0) return;
  const int64_t elapsed_ms = (pipeline_.loop.now() - since) / kNsPerMs;
  const int64_t percent = limits_.response_ms > 0 ? elapsed_ms * 100 / limits_.response_ms : 0;
  cluster->stats().tracked.timeout_budget_percent_used.record(percent);
}

void Router::count_answer(int status) {
  if (!counts_codes_) return;
  attempt_->count_answer(status);
  groups_.count_code(status);
}

// --- a try failed ---

void Router::on_failure(const UpstreamFailure& failure) {
  if (failure.no_host) {
    cancel_timers();
    pipeline_.info.flags.set(ResponseFlag::kNoHealthyUpstream);
    fail(503, "no healthy upstream", "no_healthy_upstream");
    return;
  }
  if (retries_failure(failure)) {
    // Where codes do not count, only failures that others make good do.
    if (!counts_codes_ && attempt_->host() != nullptr) attempt_->host()->stats.rq_error.add();
    return;
  }
  if (waits_for_others(describe(failure.reason).status)) return;
  Arena& arena = pipeline_.arena;
  format::StreamInfo& info = pipeline_.info;
  const FailureWords words = describe(failure.reason);
  info.flags.set(words.flag);
  if (!failure.transport_reason.empty()) info.upstream_transport_failure_reason = arena.copy(failure.transport_reason);
  if (response_begun_) {
    cancel_timers();
    if (attempt_->cut_off_grpc()) pipeline_.count_cut_off_grpc();
    pipeline_.give_up(body_lost_ ? kBodyTooLargeDetails
                                 : arena.join("upstream_reset_after_response_started{", words.details, "}"));
    return;
  }
  if (failure.reason == http::Reset::kOverflow && pipeline_.envoy_headers()) pipeline_.mark_overloaded();
  const bool with_reason = !failure.transport_reason.empty();
  fail(words.status,
       arena.join("upstream connect error or disconnect/reset before headers. ", tries_ > 1 ? "retried and the latest " : "",
                  "reset reason: ", words.text, with_reason ? ", transport failure reason: " : "", failure.transport_reason),
       arena.join(interim_seen_ ? "upstream_reset_after_response_started{" : "upstream_reset_before_response_started{",
                  words.details, with_reason ? "|" : "", with_underscores(arena, failure.transport_reason), "}"));
}

void Router::tell_tries(http::HeaderMap& response) const {
  if (tries_ == 0 || !pipeline_.selection().match.tells_attempts) return;
  response.set(HeaderId::kEnvoyAttemptCount, pipeline_.arena.decimal(tries_));
}

/// Weir answers in the upstream's place.
void Router::fail(int status, std::string_view body, std::string_view details) {
  cancel_timers();
  give_up_others();
  if (!interim_seen_ && phase_ != Phase::kWaitingForOthers) count_answer(status);
  phase_ = Phase::kIdle;
  if (body_lost_) {  // counted as what it was
    status = 507;
    body = kBodyTooLarge;
    details = kBodyTooLargeDetails;
  }
  pipeline_.reply(status, body, details, Answerer::kRouter);
}

}  // namespace weir::proxy
