#include "http/h2/h2_stream.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "http/h2/connection.h"

namespace weir::http::h2 {

namespace {
constexpr size_t kDirect = 4 * 1024;        // pieces of this size are worth frames of their own, without a copy in between
constexpr size_t kFlushAtOnce = 64 * 1024;  // this much should not wait for the end of the turn
}  // namespace

H2Stream::H2Stream(Connection& connection)
    : connection_(connection), outbox_(connection.loop().blocks()), inbox_(connection.loop().blocks()) {}

void H2Stream::begin(int32_t id, StreamEvents* events) {
  id_ = id;
  events_ = events;
}

void H2Stream::recycle() {
  NextTurn::unlink();
  connection_.stats().pending_send_bytes.subtract(outbox_.size());
  outbox_.clear();
  inbox_.clear();
  direct_ = {};
  trailers_.clear();
  body_length_ = {};
  metadata_.reset();
  id_ = 0;
  events_ = nullptr;
  in_session_ = closed_ = head_sent_ = asleep_ = body_ended_ = trailers_pending_ = local_ended_ = remote_ended_ = answered_ =
      false;
  reset_by_peer_ = paused_ = delivering_ = end_waiting_ = trailers_waiting_ = wants_room_ = extended_connect_ = false;
  room_signal_ = complete_signal_ = reset_signal_ = false;
  upgrade_ = reset_details_ = {};
}

void H2Stream::send_headers(const HeaderMap& headers, bool end_stream) {
  if (events_ != nullptr) events_->traffic.sent.decompressed += headers.byte_size();
  body_ended_ |= end_stream;
  connection_.submit_head(*this, headers, end_stream);
}

void H2Stream::send_informational(const HeaderMap& headers) { connection_.submit_informational(*this, headers); }

void H2Stream::send_body(std::string_view bytes, bool end_stream) {
  body_ended_ |= end_stream;
  if (bytes.size() < kDirect || connection_.receiving() || !outbox_.empty()) {
    outbox_.append(bytes);
    connection_.stats().pending_send_bytes.add(bytes.size());
    wake();
    return;
  }
  direct_ = bytes;
  wake();
  connection_.send_now();
  if (const std::string_view rest = std::exchange(direct_, {}); !rest.empty()) {
    outbox_.append(rest);
    connection_.stats().pending_send_bytes.add(rest.size());
  }
  if (connection_.bytes().unsent() >= kFlushAtOnce) connection_.bytes().flush();
}

void H2Stream::send_trailers(const HeaderMap& trailers) {
  FieldList fields;
  fields.add_trailers(trailers);
  if (events_ != nullptr) events_->traffic.sent.decompressed += trailers.byte_size();
  if (fields.size() == 0) {
    send_body({}, true);
    return;
  }
  body_ended_ = true;
  if (asleep_ && outbox_.empty()) {
    connection_.submit_trailers(*this, fields.data(), fields.size());
    return;
  }
  trailers_.assign(fields.data(), fields.data() + fields.size());
  trailers_pending_ = true;
  wake();
}

void H2Stream::send_metadata(std::string_view block) {
  if (!body_ended_) connection_.submit_metadata(*this, block);
}

StreamMetadata& H2Stream::metadata() {
  if (metadata_ == nullptr) metadata_ = std::make_unique<StreamMetadata>();
  return *metadata_;
}

void H2Stream::reset(Reset reason) { connection_.give_up(*this, reason); }

void H2Stream::resume() {
  if (!std::exchange(paused_, false)) return;
  if (anything_to_deliver()) connection_.loop().at_next_turn(*this);
}

bool H2Stream::over_limit() {
  if (outbox_.empty()) return false;
  if (outbox_.size() <= connection_.bytes().buffer_limit() && !connection_.bytes().over_limit()) return false;
  wants_room_ = true;
  return true;
}

void H2Stream::wake() {
  if (std::exchange(asleep_, false)) {
    connection_.wake(*this);
  } else {
    connection_.want_flush();
  }
}

ssize_t H2Stream::next_data(size_t most, uint32_t* flags) {
  const size_t waiting = outbox_.size() + direct_.size();
  if (waiting == 0 && trailers_pending_) {  // no empty DATA frame before trailers
    trailers_pending_ = false;
    connection_.submit_trailers(*this, trailers_.data(), trailers_.size());
  }
  const bool only_end = waiting == 0 && body_ended_ && trailers_.empty() && !local_ended_;
  if ((waiting == 0 && !only_end) || (waiting != 0 && connection_.bytes().over_limit())) {
    asleep_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  const size_t size = std::min(waiting, most);
  if (size == waiting && body_ended_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (trailers_pending_) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      trailers_pending_ = false;
      connection_.submit_trailers(*this, trailers_.data(), trailers_.size());
    }
  }
  return static_cast<ssize_t>(size);
}

void H2Stream::take_data(size_t size, ByteQueue& out) {
  size_t queued = std::min(size, outbox_.size());
  size -= queued;
  if (queued != 0) {
    connection_.stats().pending_send_bytes.subtract(queued);
    while (queued != 0) {
      const std::string_view part = outbox_.front().substr(0, queued);
      out.append(part);
      outbox_.drain(part.size());
      queued -= part.size();
    }
    if (wants_room_ && outbox_.size() <= connection_.bytes().buffer_limit() / 2) {
      room_signal_ = true;
      connection_.signal(*this);
    }
  }
  out.append(direct_.substr(0, size));
  direct_.remove_prefix(size);
}

void H2Stream::receive_body(std::string_view bytes, bool end_stream) {
  if (paused_ || anything_to_deliver()) {
    inbox_.append(bytes);
    end_waiting_ |= end_stream;
    return;
  }
  const int32_t id = id_;
  events_->on_body(bytes, end_stream);
  if (end_stream) {
    connection_.consumed_at_end(bytes.size());
  } else if (!bytes.empty()) {
    connection_.consumed(id, bytes.size());
  }
}

void H2Stream::receive_trailers() {
  if (paused_ || anything_to_deliver()) {
    trailers_waiting_ = true;
  } else {
    events_->on_trailers();
  }
}

void H2Stream::on_next_turn() {
  delivering_ = true;
  while (!inbox_.empty() && !paused_ && events_ != nullptr) {
    const std::string_view part = inbox_.front();
    const bool last = part.size() == inbox_.size() && end_waiting_;
    if (last) end_waiting_ = false;
    events_->on_body(part, last);
    if (events_ != nullptr) connection_.consumed(id_, part.size());  // otherwise give_up() did
    inbox_.drain(part.size());
  }
  delivering_ = false;
  if (events_ != nullptr && !paused_ && std::exchange(end_waiting_, false)) events_->on_body({}, true);
  if (events_ != nullptr && !paused_ && std::exchange(trailers_waiting_, false)) events_->on_trailers();
  if (events_ != nullptr && closed_ && !anything_to_deliver()) {
    complete_signal_ = true;
    connection_.signal(*this);
  }
}

}  // namespace weir::http::h2
