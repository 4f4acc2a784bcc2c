#include "http/h2/callbacks.h"

#include <memory>
#include <utility>

#include "http/h2/connection.h"

namespace weir::http::h2 {

namespace {

constexpr size_t kFrameHeader = 9;  // bytes, RFC 9113 §4.1

constexpr std::string_view kTooManyHeaders = "http2.too_many_headers";
constexpr std::string_view kUnderscore = "http2.unexpected_underscore";
constexpr std::string_view kInvalidHeader = "http2.invalid.header.field";

std::string_view text(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

}  // namespace

const nghttp2_session_callbacks* Callbacks::table() {
  struct Deleter {
    void operator()(nghttp2_session_callbacks* at) const { nghttp2_session_callbacks_del(at); }
  };
  static const std::unique_ptr<nghttp2_session_callbacks, Deleter> table = [] {
    nghttp2_session_callbacks* at = nullptr;
    CHECK(nghttp2_session_callbacks_new(&at) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(at, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(at, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(at, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(at, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(at, on_frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(at, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(at, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(at, on_stream_closed);
    nghttp2_session_callbacks_set_send_data_callback(at, send_body);
    nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(at, on_metadata_chunk);
    nghttp2_session_callbacks_set_unpack_extension_callback(at, on_metadata_end);
    nghttp2_session_callbacks_set_pack_extension_callback(at, pack_metadata);
    return std::unique_ptr<nghttp2_session_callbacks, Deleter>(at);
  }();
  return table.get();
}

nghttp2_data_provider Callbacks::body_of(H2Stream& stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = read_body;
  return provider;
}

/// Frames of a stream come in rows, so the last answer is often the next.
H2Stream* Callbacks::stream(Connection& self, int32_t id) {
  if (self.recent_ != nullptr && self.recent_->id_ == id) return self.recent_;
  self.recent_ = static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(self.session_, id));
  return self.recent_;
}

/// What a frame breaks by coming on this stream at all, where nghttp2 is more patient than RFC 9113 §5.1, §5.1.1 and §8.4.
uint32_t Callbacks::misplaced(Connection& self, const nghttp2_frame_hd& header) {
  const auto id = static_cast<uint32_t>(header.stream_id);
  if (header.type == NGHTTP2_PUSH_PROMISE && !self.server()) return NGHTTP2_PROTOCOL_ERROR;  // our SETTINGS forbid it
  if (header.type != NGHTTP2_HEADERS) return NGHTTP2_NO_ERROR;  // DATA: see Connection::feed_checked()
  if (self.server() && self.closed_.is_new(id)) return NGHTTP2_NO_ERROR;
  if (stream(self, header.stream_id) != nullptr) return NGHTTP2_NO_ERROR;
  if (self.closed_.was_closed(id)) return NGHTTP2_STREAM_CLOSED;
  return self.closed_.was_skipped(id) ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_NO_ERROR;
}

/// However well it is compressed, twice the size of a head is too much to read.
bool Callbacks::block_too_large(const Connection& self) { return self.block_bytes_ > 2 * self.reader_.max_bytes(); }

int Callbacks::on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* header, void* user_data) {
  Connection& self = connection(user_data);
  // Who has given up a request should not be able to begin many more before anybody hears of it.
  if (std::exchange(self.reset_came_, false)) self.deliver_signals();
  if (self.dead_) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (const uint32_t error = misplaced(self, *header); error != NGHTTP2_NO_ERROR) {
    nghttp2_session_terminate_session(session, error);
    return 0;
  }
  if (header->type == NGHTTP2_HEADERS) self.block_bytes_ = header->length;  // on_begin_headers() looks at it
  if (header->type == NGHTTP2_CONTINUATION) {
    self.block_bytes_ += header->length;
    if (block_too_large(self)) return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  Flood flood = Flood::kNone;
  switch (header->type) {
    case NGHTTP2_PRIORITY:
      flood = self.guard_.received_priority();
      break;
    case NGHTTP2_WINDOW_UPDATE:
      flood = self.guard_.received_window_update();
      break;
    case NGHTTP2_CONTINUATION:
      flood = self.guard_.received_payload(header->length, false);
      break;
    default:
      return 0;
  }
  if (flood == Flood::kNone) return 0;
  self.flood(flood, self.block_stream_);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Callbacks::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Connection& self = connection(user_data);
  self.block_stream_ = nullptr;
  if (self.dead_) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    self.guard_.stream_opened();
    self.closed_.opened(static_cast<uint32_t>(frame->hd.stream_id));
    H2Stream& stream = self.take_stream();
    stream.begin(frame->hd.stream_id, nullptr);
    stream.in_session_ = true;
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &stream);
    self.recent_ = &stream;
    StreamEvents& events = self.begin_request(stream);
    if (self.dead_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    stream.events_ = &events;
    self.reader_.begin(stream.events_->incoming_headers(), BlockReader::Block::kRequest, stream.body_length_);
    self.block_stream_ = &stream;
    return block_too_large(self) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }
  H2Stream* stream = Callbacks::stream(self, frame->hd.stream_id);
  if (stream == nullptr) {
    self.stats_.headers_cb_no_stream.add();
    return 0;
  }
  if (stream->events_ == nullptr) return 0;
  if (self.server() && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return NGHTTP2_ERR_CALLBACK_FAILURE;  // no trailers
  using Block = BlockReader::Block;
  if (!self.server() && !stream->answered_) {
    self.reader_.begin(stream->events_->incoming_headers(), Block::kResponse, stream->body_length_);
  } else {
    self.reader_.begin(stream->events_->incoming_trailers(), self.server() ? Block::kRequestTrailers : Block::kResponseTrailers,
                       stream->body_length_);
  }
  self.block_stream_ = stream;
  return 0;
}

int Callbacks::on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size, const uint8_t* value,
                         size_t value_size, uint8_t, void* user_data) {
  Connection& self = connection(user_data);
  H2Stream* stream = self.block_stream_;
  if (stream == nullptr) return 0;
  const BlockReader::Verdict verdict = self.reader_.add(text(name, name_size), text(value, value_size));
  if (verdict == BlockReader::Verdict::kOk) [[likely]]
    return 0;
  self.block_stream_ = nullptr;
  // Otherwise RST_STREAM, and the rest of the block passes unseen.
  return refused(self, *stream, verdict) ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// What a verdict about a block means for its stream. False if the connection must not go on.
bool Callbacks::refused(Connection& self, H2Stream& stream, BlockReader::Verdict verdict) {
  switch (verdict) {
    case BlockReader::Verdict::kOk:
      return true;
    case BlockReader::Verdict::kTooLarge:
      self.stats_.header_overflow.add();
      self.reset_later(stream, Reset::kRemote, kTooManyHeaders);
      return true;
    case BlockReader::Verdict::kFieldTooLarge:
      self.reset_later(stream, Reset::kRemote, {});
      return true;
    case BlockReader::Verdict::kUnderscore:
      self.stats_.requests_rejected_with_underscores_in_headers.add();
      self.reset_later(stream, Reset::kRemote, kUnderscore);
      return true;
    case BlockReader::Verdict::kUnfinished:
      return false;
    case BlockReader::Verdict::kBodyMissing:
      if (self.options_.override_stream_error_on_invalid_http_message) {
        return malformed(self, stream, Connection::kMessagingRule);
      }
      self.stats_.rx_messaging_error.add();
      self.reset_later(stream, Reset::kRemote, Connection::kMessagingRule);
      nghttp2_submit_rst_stream(self.session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
      return true;
    case BlockReader::Verdict::kBadField:
      return malformed(self, stream, kInvalidHeader);
    case BlockReader::Verdict::kBadMessage:
      return malformed(self, stream, Connection::kMessagingRule);
  }
  return false;
}

int Callbacks::on_data_chunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user_data) {
  Connection& self = connection(user_data);
  if (self.held_stream_ != nullptr) self.deliver_held(false);
  H2Stream* stream = Callbacks::stream(self, id);
  if (stream == nullptr || stream->events_ == nullptr) {
    nghttp2_session_consume(session, id, size);
    return 0;
  }
  if (!stream->body_length_.admits(size)) {  // RFC 9113 §8.1.1
    nghttp2_session_consume(session, id, size);
    self.reset_later(*stream, Reset::kRemote, Connection::kRemoteReset);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  self.held_stream_ = stream;
  self.held_ = text(data, size);
  return 0;
}

int Callbacks::on_frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Connection& self = connection(user_data);
  const bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame->hd.type) {
    case NGHTTP2_DATA: {
      if (const Flood flood = self.guard_.received_payload(frame->hd.length - frame->data.padlen, end_stream);
          flood != Flood::kNone) {
        self.flood(flood, Callbacks::stream(self, frame->hd.stream_id));
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      }
      H2Stream* stream = Callbacks::stream(self, frame->hd.stream_id);
      if (stream == nullptr) return 0;
      if (stream->events_ != nullptr) stream->events_->traffic.received.wire += frame->hd.length + kFrameHeader;
      if (end_stream && !stream->body_length_.complete()) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
        return 0;
      }
      stream->remote_ended_ |= end_stream;
      if (self.held_stream_ != nullptr) {
        self.deliver_held(end_stream);
      } else if (end_stream && stream->events_ != nullptr) {
        stream->receive_body({}, true);
      }
      return 0;
    }
    case NGHTTP2_HEADERS: {
      if (const Flood flood = self.guard_.received_payload(frame->hd.length, end_stream); flood != Flood::kNone) {
        self.flood(flood, Callbacks::stream(self, frame->hd.stream_id));
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      }
      H2Stream* stream = Callbacks::stream(self, frame->hd.stream_id);
      if (stream == nullptr) return 0;
      stream->remote_ended_ |= end_stream;
      if (stream->events_ == nullptr || self.block_stream_ != stream) return 0;
      stream->events_->traffic.received.wire += frame->hd.length + kFrameHeader;
      stream->events_->traffic.received.headers += frame->hd.length + kFrameHeader;
      return head_received(self, *stream, *frame) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    case NGHTTP2_RST_STREAM:
      if (H2Stream* stream = Callbacks::stream(self, frame->hd.stream_id)) {
        self.stats_.rx_reset.add();
        stream->reset_by_peer_ = true;
        self.reset_came_ = self.server();
      }
      return 0;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && self.keepalive_ != nullptr) self.keepalive_->on_answer();
      return 0;
    case NGHTTP2_GOAWAY:
      self.goaway_received();
      return 0;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) self.settings_received();
      return 0;
    default:
      return 0;
  }
}

bool Callbacks::head_received(Connection& self, H2Stream& stream, const nghttp2_frame& frame) {
  const bool end_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  self.block_stream_ = nullptr;
  if (const BlockReader::Verdict verdict = self.reader_.finish(end_stream); verdict != BlockReader::Verdict::kOk) {
    return refused(self, stream, verdict);
  }
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream.events_->traffic.received.decompressed += stream.events_->incoming_headers().byte_size();
    stream.extended_connect_ = extended_connect_to_upgrade(stream.events_->incoming_headers());
    stream.events_->on_headers(end_stream);
    return true;
  }
  if (self.server() || stream.answered_) {
    if (self.server()) self.stats_.trailers.add();  // as in Envoy, answers' trailers are not counted
    stream.events_->traffic.received.decompressed += stream.events_->incoming_trailers().byte_size();
    stream.receive_trailers();
    return true;
  }
  HeaderMap& headers = stream.events_->incoming_headers();
  stream.events_->traffic.received.decompressed += headers.byte_size();
  if (headers.status() >= 100 && headers.status() < 200) {
    stream.events_->on_informational();
    if (stream.events_ != nullptr) headers.clear();
    return true;
  }
  stream.answered_ = true;
  if (stream.extended_connect_) connect_response_to_upgrade(headers, stream.upgrade_);
  stream.events_->on_headers(end_stream);
  return true;
}

/// False if this ends the connection, which is what Envoy does unless it is told otherwise.
bool Callbacks::malformed(Connection& self, H2Stream& stream, std::string_view details) {
  self.stats_.rx_messaging_error.add();
  self.reset_later(stream, Reset::kProtocolError, details);
  if (!self.options_.override_stream_error_on_invalid_http_message) return false;
  nghttp2_submit_rst_stream(self.session_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_PROTOCOL_ERROR);
  return true;
}

int Callbacks::on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int error, void* user_data) {
  if (error == NGHTTP2_ERR_REFUSED_STREAM) {
    connection(user_data).stats_.stream_refused_errors.add();
    return 0;
  }
  // nghttp2 itself answers these as RFC 9113 says, with RST_STREAM or GOAWAY.
  if (error == NGHTTP2_ERR_STREAM_CLOSED || error == NGHTTP2_ERR_FLOW_CONTROL) return 0;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Callbacks::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  Connection& self = connection(user_data);
  const uint8_t type = frame->hd.type;
  const bool control = type == NGHTTP2_SETTINGS || type == NGHTTP2_PING || type == NGHTTP2_RST_STREAM;
  if (const Flood flood = self.guard_.sent(type == NGHTTP2_DATA, control); flood != Flood::kNone) self.flood(flood);

  if (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) {
    const bool end_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    H2Stream* stream = Callbacks::stream(self, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (stream->events_ != nullptr) {
      StreamTraffic::Direction& sent = stream->events_->traffic.sent;
      sent.wire += frame->hd.length + kFrameHeader;
      if (type == NGHTTP2_HEADERS) sent.headers += frame->hd.length + kFrameHeader;
    }
    if (type == NGHTTP2_DATA && !end_stream) return 0;
    stream->head_sent_ = true;
    if (stream->metadata_ != nullptr) [[unlikely]] {
      for (const std::string& block : std::exchange(stream->metadata_->waiting, {})) self.queue_metadata(stream->id_, block);
    }
    if (!end_stream) return 0;
    stream->local_ended_ = true;
    // The answer is complete: the client need not go on with its request (RFC 9113 §8.1).
    if (self.server() && !stream->remote_ended_) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
  } else if (type == NGHTTP2_RST_STREAM) {
    self.stats_.tx_reset.add();
  } else if (type == NGHTTP2_GOAWAY) {
    self.stats_.goaway_sent.add();
    if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !self.failure_) {
      // Whatever was wrong: Envoy's log knows but one word for it.
      self.failure_ = {nghttp2_strerror(NGHTTP2_ERR_CALLBACK_FAILURE), frame->goaway.error_code};
    }
  }
  return 0;
}

int Callbacks::on_stream_closed(nghttp2_session*, int32_t id, uint32_t error_code, void* user_data) {
  Connection& self = connection(user_data);
  H2Stream* stream = Callbacks::stream(self, id);
  self.recent_ = nullptr;
  if (stream == nullptr) return 0;
  if (stream->reset_by_peer_ || (stream->remote_ended_ && stream->local_ended_)) self.closed_.closed(static_cast<uint32_t>(id));
  self.closed_by_session(*stream, error_code);
  return 0;
}

ssize_t Callbacks::read_body(nghttp2_session*, int32_t, uint8_t*, size_t size, uint32_t* flags, nghttp2_data_source* source,
                             void*) {
  return static_cast<H2Stream*>(source->ptr)->next_data(size, flags);
}

int Callbacks::send_body(nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t size, nghttp2_data_source* source,
                         void* user_data) {
  ByteQueue& out = connection(user_data).bytes_.out();
  out.append(text(header, kFrameHeader));
  static_cast<H2Stream*>(source->ptr)->take_data(size, out);
  return 0;
}

}  // namespace weir::http::h2
