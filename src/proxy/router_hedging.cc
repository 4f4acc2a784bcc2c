// Hedging: a try that takes too long is not given up, but another one is made beside it; the first good answer counts (Envoy,
// "Request hedging").
#include <algorithm>
#include <utility>

#include "proxy/late_try.h"
#include "proxy/local_reply.h"
#include "proxy/pipeline.h"
#include "proxy/router.h"

namespace weir::proxy {

using format::ResponseFlag;

Router::~Router() = default;

/// The try's time is up: it goes on, and another one begins if there may be one.
void Router::try_beside() {
  try_timer_.reset();
  attempt_->report_late();
  if (!retry_.enabled() || response_begun_) return;
  const RetryState::Decision decision =
      retry_.beside(*attempt_->cluster(), groups_, static_cast<upstream::Priority>(forward_->priority));
  if (!follow(decision)) return;
  try_was_late_ = true;
  put_aside();
}

void Router::put_aside() { others_.push_back(std::make_unique<LateTry>(*this, std::exchange(attempt_, make_attempt()))); }

void Router::on_late_headers(LateTry& late, bool end_stream) {
  const bool alone = others_.size() == 1 && phase_ == Phase::kWaitingForOthers;
  if (retry_.would_retry(late.response) && !alone) {
    late.attempt->host()->stats.rq_error.add();
    return drop(late);
  }
  // It counts: it takes the newest one's place.
  std::unique_ptr<Attempt> newest = std::exchange(attempt_, std::move(late.attempt));
  if (phase_ == Phase::kTrying) newest->abort();
  newest->forget();
  retry_timer_.reset();
  try_timer_.reset();
  phase_ = Phase::kTrying;
  AttemptEvents& self = *this;
  attempt_->report_to(self);
  late.tell(pipeline_.info);
  http::HeaderMap& response = pipeline_.response;
  response.clear();
  response.set_status(late.response.status());
  for (const http::Header& line : late.response) response.add(line);
  accept(end_stream);
}

void Router::on_late_failure(LateTry& late, const UpstreamFailure& failure) {
  const bool alone = others_.size() == 1 && phase_ == Phase::kWaitingForOthers;
  if (!alone) {
    late.attempt->count_answer(describe(failure.reason).status);
    return drop(late);
  }
  std::unique_ptr<Attempt> newest = std::exchange(attempt_, std::move(late.attempt));
  newest->forget();
  phase_ = Phase::kTrying;
  late.tell(pipeline_.info);
  drop(late);
  retry_.give_up();
  on_failure(failure);
}

/// An answer that is none worth having.
void Router::drop(LateTry& late) {
  if (late.attempt != nullptr) late.attempt->abort();
  const auto found = std::ranges::find(others_, &late, &std::unique_ptr<LateTry>::get);
  pipeline_.loop.dispose(std::move(*found));  // it is what tells us
  others_.erase(found);
}

/// A try failed for good: whether another one may still bring an answer.
bool Router::waits_for_others(int status) {
  if (others_.empty() || response_begun_) return false;
  attempt_->count_answer(status);
  attempt_->forget();
  try_timer_.reset();
  try_idle_timer_.reset();
  stream_timer_.reset();
  phase_ = Phase::kWaitingForOthers;
  return true;
}

/// The whole request's time is up.
void Router::count_others_late() {
  for (const auto& each : others_) {
    each->attempt->cluster()->stats().upstream_rq_timeout.add();
    groups_.count(&route::GroupStats::upstream_rq_timeout);
    each->attempt->count_timeout();
    each->attempt->count_answer(504);
  }
}

void Router::give_up_others() {
  for (auto& each : others_) {
    if (each->attempt != nullptr) each->attempt->abort();
    pipeline_.loop.dispose(std::move(each));
  }
  others_.clear();
}

}  // namespace weir::proxy
