// How bodies and trailers go through a pipeline's filters, in either direction, and who is held back when somebody is full.
#include <utility>

#include "proxy/http_connection.h"
#include "proxy/pipeline.h"
#include "proxy/worker.h"

namespace weir::proxy {

using filter::Filter;

Filter& Pipeline::filter_at(const Lane& lane, size_t stage) const {
  return *filters_[&lane == &request_lane_ ? stage : filter_count_ - 1 - stage];
}

size_t Pipeline::stage_after(const Lane& lane, const Filter& filter) const {
  return &lane == &request_lane_ ? filter.position() + 1 : filter_count_ - filter.position();
}

/// Shows bytes to the filters from `stage` on. One that wants them takes them, and what it hands on goes further from there.
void Pipeline::feed(Lane& lane, size_t stage, std::string_view bytes, bool end_stream) {
  const bool is_request = &lane == &request_lane_;
  for (; stage < lane.seen; ++stage) {
    Filter& filter = filter_at(lane, stage);
    if (is_request && filter.wants_request_body()) return filter.on_request_body(*this, bytes, end_stream);
    if (!is_request && filter.wants_response_body()) return filter.on_response_body(*this, bytes, end_stream);
    if (lane.paused && stage + 1 == lane.seen) break;
  }
  if (lane.open) return is_request ? send_request_body(bytes, end_stream) : send_response_body(bytes, end_stream);
  lane.waiting.append(bytes);
  lane.end_waits = lane.end_waits || end_stream;
  if (lane.waiting.size() > buffer_limit()) hold(lane, Lane::kQueue, true);
}

void Pipeline::feed_trailers(Lane& lane, size_t stage) {
  const bool is_request = &lane == &request_lane_;
  for (; stage < lane.seen; ++stage) {
    Filter& filter = filter_at(lane, stage);
    if (is_request && filter.wants_request_body()) return filter.on_request_trailers(*this);
    if (!is_request && filter.wants_response_body()) return filter.on_response_trailers(*this);
    if (lane.paused && stage + 1 == lane.seen) break;
  }
  if (!lane.open) {
    lane.trailers_wait = true;
  } else if (is_request) {
    send_request_trailers();
  } else {
    downstream_->send_trailers(response_trailers_);
    await_flush();
  }
}

/// What waited goes on: to the filter at `stage`, which has just seen the head, or out.
void Pipeline::release(Lane& lane, size_t stage) {
  if (lane.waiting.empty() && !lane.end_waits && !lane.trailers_wait) return;
  const bool ends = std::exchange(lane.end_waits, false);
  const bool trailers = std::exchange(lane.trailers_wait, false);
  ByteQueue bytes = std::move(lane.waiting);
  size_t left = bytes.size();
  if (left == 0 && ends) feed(lane, stage, {}, true);
  bytes.for_each_piece([&](std::string_view piece) {
    left -= piece.size();
    feed(lane, stage, piece, ends && left == 0);
  });
  if (trailers) feed_trailers(lane, stage);
  if (lane.waiting.size() <= buffer_limit()) hold(lane, Lane::kQueue, false);
}

// --- out ---

void Pipeline::send_request_body(std::string_view bytes, bool end_stream) {
  if (end_stream) {
    request_passed_ = true;
    router_.request_complete();
  }
  router_.request_body(bytes, end_stream);
}

void Pipeline::send_request_trailers() {
  request_passed_ = has_request_trailers_ = true;
  router_.request_complete();
  router_.request_trailers();
}

void Pipeline::send_response_body(std::string_view bytes, bool end_stream) {
  info.bytes_sent += bytes.size();
  if (info.bytes_sent > kLongBody) worker_.loop().patience().hurry();
  downstream_->send_body(bytes, end_stream);
  if (end_stream) await_flush();
  if (!end_stream && downstream_->over_limit()) hold(response_lane_, Lane::kFarEnd, true);
}

// --- back-pressure ---

/// Reading goes on when nobody holds it back any more.
void Pipeline::hold(Lane& lane, uint64_t who, bool full) {
  const uint64_t before = lane.holds;
  lane.holds = full ? before | who : before & ~who;
  if ((before != 0) == (lane.holds != 0)) return;
  if (&lane == &response_lane_) return full ? router_.pause_response() : router_.resume_response();
  if (step_ == Step::kDone) return;
  if (full) {
    connection_->stats().downstream_flow_control_paused_reading_total.add();
    downstream_->pause();
  } else {
    connection_->stats().downstream_flow_control_resumed_reading_total.add();
    downstream_->resume();
  }
}

void Pipeline::pause_downstream() { hold(request_lane_, Lane::kFarEnd, true); }
void Pipeline::resume_downstream() { hold(request_lane_, Lane::kFarEnd, false); }
void Pipeline::on_room() { hold(response_lane_, Lane::kFarEnd, false); }

// --- what filters say ---

void Pipeline::count_too_large() { connection_->stats().downstream_rq_too_large.add(); }

size_t Pipeline::buffer_limit() const { return connection_->buffer_limit(); }

void Pipeline::pass_request_body(const Filter& from, std::string_view bytes, bool end_stream) {
  touch();
  if (request_dropped_) return;
  feed(request_lane_, stage_after(request_lane_, from), bytes, end_stream);
}

void Pipeline::pass_request_trailers(const Filter& from) {
  if (request_dropped_) return;
  feed_trailers(request_lane_, stage_after(request_lane_, from));
}

void Pipeline::pass_response_body(const Filter& from, std::string_view bytes, bool end_stream) {
  touch();
  feed(response_lane_, stage_after(response_lane_, from), bytes, end_stream);
}

void Pipeline::pass_response_trailers(const Filter& from) { feed_trailers(response_lane_, stage_after(response_lane_, from)); }

void Pipeline::hold_request(const Filter& filter, bool full) { hold(request_lane_, Lane::filter_bit(filter.position()), full); }
void Pipeline::hold_response(const Filter& filter, bool full) { hold(response_lane_, Lane::filter_bit(filter.position()), full); }

}  // namespace weir::proxy
