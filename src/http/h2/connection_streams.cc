// The lives of an HTTP/2 connection's streams: begun, reset, closed, told about, used again.
#include <utility>

#include "http/h2/connection.h"

namespace weir::http::h2 {

namespace {
constexpr size_t kMostFree = 128;  // what a connection keeps for streams to come
}

StreamEvents& Connection::begin_request(H2Stream&) { check_failed("a client gets no requests", __FILE__, __LINE__); }

H2Stream& Connection::take_stream() {
  if (!free_.empty()) --free_count_;
  H2Stream& stream = free_.empty() ? *new H2Stream(*this) : free_.pop_front();
  streams_.push_back(stream);
  ++active_;
  stats_.streams_active.add();
  return stream;
}

H2Stream& Connection::open_stream(StreamEvents& events) {
  H2Stream& stream = take_stream();
  stream.begin(0, &events);
  return stream;
}

void Connection::give_up(H2Stream& stream, Reset reason) {
  if (stream.events_ == nullptr) return;
  const size_t unconsumed = stream.inbox_.size();
  if (stream.in_session_ && !stream.head_sent_ && server()) send_now();  // what was sent before goes out before
  detach(stream);
  if (!dead_ && unconsumed != 0) consumed(stream.id_, unconsumed);
  if (!stream.in_session_ || dead_) {
    if (!dead_) ++gone_;
    retire(stream);
  } else {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, reset_code(reason));
  }
  if (!dead_) want_flush();
}

uint32_t Connection::reset_code(Reset reason) const {
  switch (reason) {
    case Reset::kLocalRefused:
      return NGHTTP2_REFUSED_STREAM;
    case Reset::kProtocolError:
      return NGHTTP2_PROTOCOL_ERROR;
    case Reset::kConnectFailure:
    case Reset::kConnectTimeout:
      return server() ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
    default:  // Envoy tells its clients NO_ERROR; a server should know that nobody waits any more
      return server() ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
  }
}

void Connection::closed_by_session(H2Stream& stream, uint32_t error_code) {
  stream.in_session_ = false;
  if (held_stream_ == &stream) held_stream_ = nullptr;
  if (block_stream_ == &stream) block_stream_ = nullptr;
  if (stream.events_ == nullptr) {  // the user gave it up before
    ++gone_;
    retire(stream);
    return;
  }
  if (stream.reset_signal_) return;
  const bool going_away = !server() && nghttp2_session_check_request_allowed(session_) == 0;  // a GOAWAY came
  // An answer that was given before the request had ended leaves nothing to wait for, sent or not.
  const bool answered_early = stream.body_ended_ && !stream.remote_ended_ && stream.reset_by_peer_;
  const bool complete = server() ? stream.local_ended_ || answered_early
                                 : stream.remote_ended_ && stream.answered_ && error_code == NGHTTP2_NO_ERROR;
  if (complete && (error_code == NGHTTP2_NO_ERROR || stream.remote_ended_ || answered_early)) {
    stream.closed_ = true;
    if (!server() && stream.anything_to_deliver()) return;  // on_next_turn() will say so
    stream.complete_signal_ = true;
    signal(stream);
  } else if (error_code == NGHTTP2_REFUSED_STREAM) {
    goaway_refused_ |= receiving_ && (!stream.reset_by_peer_ || going_away);
    reset_later(stream, Reset::kRemoteRefused, "http2.remote_refuse");
  } else if (error_code == NGHTTP2_PROTOCOL_ERROR && !stream.reset_by_peer_ &&
             !server()) {  // nghttp2 found the answer to be wrong
    reset_later(stream, Reset::kProtocolError, kMessagingRule);
  } else {
    goaway_refused_ |= receiving_ && stream.reset_by_peer_ && going_away;  // nor does such a reset end the connection itself
    reset_later(stream, Reset::kRemote, kRemoteReset);
  }
}

void Connection::reset_later(H2Stream& stream, Reset reason, std::string_view details) {
  if (stream.reset_signal_ || stream.events_ == nullptr) return;
  stream.reset_signal_ = true;
  stream.reset_reason_ = reason;
  stream.reset_details_ = details;
  signal(stream);
}

void Connection::signal(H2Stream& stream) {
  if (!stream.ListNode<BySignal>::linked()) signals_.push_back(stream);
  if (!receiving_) want_flush();
}

bool Connection::only_ends_left() {
  size_t ended = 0;
  signals_.for_each([&](H2Stream& stream) { ended += stream.reset_signal_ || stream.complete_signal_ ? 1 : 0; });
  return ended == active_ && ended + gone_ > 0;
}

bool Connection::deliver_signals() {
  if (delivering_) return false;
  bool any = false;
  delivering_ = true;
  while (!dead_ && (!signals_.empty() || gone_ != 0)) {
    any = true;
    if (gone_ != 0) {
      --gone_;
      stream_gone();
    } else {
      deliver_signal(signals_.pop_front());
    }
  }
  delivering_ = false;
  if (std::exchange(drained_meanwhile_, false)) drained();
  return any;
}

void Connection::deliver_signal(H2Stream& stream) {
  StreamEvents* events = stream.events_;
  if (events == nullptr) return;
  if (stream.reset_signal_ || stream.complete_signal_) {
    const bool reset = stream.reset_signal_;
    const Reset reason = stream.reset_reason_;
    const std::string_view details = stream.reset_details_;
    const size_t unconsumed = stream.inbox_.size();
    detach(stream);
    if (unconsumed != 0) consumed(stream.id_, unconsumed);
    if (!stream.in_session_) {
      ++gone_;
      retire(stream);
    }
    if (reset) {
      events->on_reset(reason, details);
    } else {
      events->on_complete();
    }
    return;
  }
  if (std::exchange(stream.room_signal_, false) && std::exchange(stream.wants_room_, false)) events->on_room();
}

void Connection::detach(H2Stream& stream) {
  stream.events_ = nullptr;
  if (block_stream_ == &stream) block_stream_ = nullptr;  // what is still to come of its head has no place to go
  stream.NextTurn::unlink();
  stream.ListNode<BySignal>::unlink();
  --active_;
  stats_.streams_active.subtract();
}

void Connection::retire(H2Stream& stream) {
  stream.ListNode<ByState>::unlink();
  stream.ListNode<BySignal>::unlink();
  retired_.push_back(stream);
}

void Connection::reuse_retired() {
  while (!retired_.empty()) {
    H2Stream& stream = retired_.pop_front();
    if (free_count_ == kMostFree) {
      const std::unique_ptr<H2Stream> gone(&stream);
      gone->recycle();
      continue;
    }
    stream.recycle();
    free_.push_front(stream);
    ++free_count_;
  }
}

}  // namespace weir::http::h2
