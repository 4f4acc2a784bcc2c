#include "http/h2/connection.h"

#include <cstring>
#include <utility>

#include "http/h2/callbacks.h"

namespace weir::http::h2 {

namespace {

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

/// nghttp2's memory comes from the worker's pool: a stream is a dozen small pieces that come and go.
nghttp2_mem memory_of(SmallPool& pool) {
  const auto of = [](void* at) -> SmallPool& { return *static_cast<SmallPool*>(at); };
  static constexpr auto kPool = of;
  return {&pool, [](size_t size, void* at) { return kPool(at).allocate(size); },
          [](void* memory, void* at) { kPool(at).release(memory); },
          [](size_t count, size_t size, void* at) {
            void* memory = kPool(at).allocate(count * size);
            return memory == nullptr ? nullptr : std::memset(memory, 0, count * size);
          },
          [](void* memory, size_t size, void* at) { return kPool(at).resize(memory, size); }};
}

/// Envoy's spelling of an error in response code details.
std::string as_details(std::string_view message) {
  std::string details = "codec_error:";
  for (const char c : message) details += c == ' ' ? '_' : c;
  return details;
}

}  // namespace

Connection::Connection(Side side, net::ByteStream& bytes, const Http2Options& options, const CodecLimits& limits,
                       Http2Stats& stats, loop::EventLoop& loop)
    : options_(options), side_(side), bytes_(bytes), stats_(stats), loop_(loop), reader_(limits, stats), guard_(options) {
  start();
}

void Connection::start() {
  nghttp2_option* made = nullptr;
  CHECK(nghttp2_option_new(&made) == 0);
  const std::unique_ptr<nghttp2_option, OptionDeleter> option(made);
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_max_outbound_ack(made, options_.max_outbound_control_frames);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, options_.hpack_table_size);
  // Before the server's SETTINGS come, as many streams as we would open at all.
  nghttp2_option_set_peer_max_concurrent_streams(made, options_.max_concurrent_streams);

  nghttp2_mem memory = memory_of(loop_.small_pieces());
  const auto create = server() ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  CHECK(create(&session_, Callbacks::table(), this, made, &memory) == 0);

  // In Envoy's order, and like Envoy also where they say what goes without saying.
  nghttp2_settings_entry settings[5];
  size_t count = 0;
  settings[count++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options_.hpack_table_size};
  if (!server()) settings[count++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  settings[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams};
  settings[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.initial_stream_window_size};
  settings[count++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, options_.allow_connect};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.initial_connection_window_size));
  want_flush();
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  if (!dead_) stats_.streams_active.subtract(active_);
  guard_.written();
  update_gauges();
  for (List<H2Stream, ByState>* list : {&streams_, &retired_, &free_}) {
    while (!list->empty()) {
      const std::unique_ptr<H2Stream> gone(&list->pop_front());
      gone->recycle();
    }
  }
}

// --- bytes in ---

void Connection::receive_bytes(std::string_view bytes) {
  if (dead_) return;
  reuse_retired();
  receiving_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (held_stream_ != nullptr) deliver_held(false);
  block_stream_ = taken < 0 ? nullptr : block_stream_;
  receiving_ = false;
  if (dead_) return;
  if (taken == NGHTTP2_ERR_FLOODED) flood(Flood::kOutboundControl);
  if (taken < 0 && !failure_) failure_ = {nghttp2_strerror(static_cast<int>(taken)), NGHTTP2_PROTOCOL_ERROR};
  deliver_signals();
  if (failure_) {
    fail();
  } else if (nghttp2_session_want_write(session_) != 0 || !signals_.empty() || !nghttp2_session_want_read(session_)) {
    want_flush();
  }
}

void Connection::deliver_held(bool end_stream) {
  H2Stream& stream = *std::exchange(held_stream_, nullptr);
  const std::string_view bytes = std::exchange(held_, {});
  if (stream.events_ != nullptr && !dead_) {
    stream.receive_body(bytes, end_stream);
  } else {
    consumed(stream.id_, bytes.size());
  }
}

void Connection::consumed(int32_t id, size_t bytes) {
  if (dead_) return;
  nghttp2_session_consume(session_, id, bytes);
  if (!receiving_) want_flush();
}

// --- frames out ---

void Connection::turn_ends() {
  if (dead_) return;
  reuse_retired();
  turn_ending_ = true;
  do {
    pump();
  } while (!failure_ && deliver_signals() && !dead_);
  turn_ending_ = false;
  if (failure_ && !dead_) fail();
}

void Connection::drained() {
  if (dead_) return;
  if (receiving_ || sending_ || delivering_) {
    drained_meanwhile_ = true;
    want_flush();
    return;
  }
  const size_t room = bytes_.buffer_limit() / 2;
  streams_.for_each([&](H2Stream& stream) {
    if (stream.asleep_ && stream.has_data()) stream.wake();
    if (stream.wants_room_ && stream.outbox_.size() <= room) {
      stream.room_signal_ = true;
      signal(stream);
    }
  });
  want_flush();
}

void Connection::send_now() {
  if (!receiving_ && !sending_) pump();
}

void Connection::pump() {
  if (dead_) return;
  sending_ = true;
  if (bytes_.unsent() == 0) guard_.written();
  const uint8_t* frame = nullptr;
  ssize_t size = 0;
  while ((size = nghttp2_session_mem_send(session_, &frame)) > 0) {
    bytes_.out().append({reinterpret_cast<const char*>(frame), static_cast<size_t>(size)});
  }
  if (size < 0 && !failure_) failure_ = {nghttp2_strerror(static_cast<int>(size)), NGHTTP2_INTERNAL_ERROR};
  sending_ = false;
  update_gauges();
  want_flush();
  if (std::exchange(drained_meanwhile_, false)) drained();
}

void Connection::update_gauges() {
  stats_.outbound_frames_active.add(int64_t{guard_.queued()} - counted_frames_);
  stats_.outbound_control_frames_active.add(int64_t{guard_.queued_control()} - counted_control_frames_);
  counted_frames_ = guard_.queued();
  counted_control_frames_ = guard_.queued_control();
}

void Connection::submit_head(H2Stream& stream, const HeaderMap& headers, bool end_stream) {
  if (dead_) return;
  FieldList fields;
  nghttp2_data_provider body = Callbacks::body_of(stream);
  nghttp2_data_provider* const provider = end_stream ? nullptr : &body;
  want_flush();
  if (server()) {
    fields.add_response(headers);
    nghttp2_submit_response(session_, stream.id_, fields.data(), fields.size(), provider);
    return;
  }
  fields.add_request(headers);
  stream.extended_connect_ = fields.extended_connect();
  if (stream.extended_connect_) {
    stream.upgrade_ = headers.has_pseudo(HeaderId::kProtocol) ? headers.protocol() : headers.get(HeaderId::kUpgrade);
  }
  stream.id_ = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), provider, &stream);
  if (stream.id_ > 0) {
    stream.in_session_ = true;
    guard_.stream_opened();
  } else {  // the connection's stream numbers are used up
    stream.id_ = 0;
    reset_later(stream, Reset::kRemoteRefused, "");
    goaway_received();
  }
}

void Connection::submit_informational(H2Stream& stream, const HeaderMap& headers) {
  if (dead_) return;
  FieldList fields;
  fields.add_response(headers);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, fields.data(), fields.size(), nullptr);
  want_flush();
}

void Connection::submit_trailers(H2Stream& stream, const nghttp2_nv* fields, size_t count) {
  if (dead_) return;
  nghttp2_submit_trailer(session_, stream.id_, fields, count);
  want_flush();
}

void Connection::wake(H2Stream& stream) {
  if (dead_) return;
  nghttp2_session_resume_data(session_, stream.id_);
  want_flush();
}

void Connection::flood(Flood flood) {
  if (!failure_) failure_ = {std::string(count_flood(flood, stats_)), NGHTTP2_ENHANCE_YOUR_CALM};
}

// --- the lives of streams ---

StreamEvents& Connection::begin_request(H2Stream&) { check_failed("a client gets no requests", __FILE__, __LINE__); }

H2Stream& Connection::take_stream() {
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
  const bool complete =
      server() ? stream.local_ended_ : stream.remote_ended_ && stream.answered_ && error_code == NGHTTP2_NO_ERROR;
  if (complete && (error_code == NGHTTP2_NO_ERROR || stream.remote_ended_)) {
    stream.closed_ = true;
    if (!server() && stream.anything_to_deliver()) return;  // on_next_turn() will say so
    stream.complete_signal_ = true;
    signal(stream);
  } else if (error_code == NGHTTP2_REFUSED_STREAM) {
    reset_later(stream, Reset::kRemoteRefused, "http2.remote_refuse");
  } else if (error_code == NGHTTP2_PROTOCOL_ERROR && !stream.reset_by_peer_) {  // nghttp2 found the message to be wrong
    reset_later(stream, Reset::kProtocolError, kMessagingRule);
  } else {
    reset_later(stream, Reset::kRemote, "http2.remote_reset");
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
    stream.recycle();
    free_.push_front(stream);
  }
}

// --- ends ---

void Connection::say_goaway() {
  if (dead_ || goaway_sent_) return;
  goaway_sent_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr,
                        0);
  want_flush();
}

bool Connection::finished() const {
  if (dead_) return true;
  if (active_ != 0 || !streams_.empty()) return false;
  if (goaway_sent_ && nghttp2_session_want_write(session_) == 0) return true;
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Connection::fail() {
  const Failure failure = *failure_;
  // What was queued still goes out, while the text it points to is alive; then the peer learns why.
  nghttp2_session_terminate_session(session_, failure.code);
  pump();
  failure_details_ = as_details(failure.message);
  reset_all(Reset::kProtocolError, failure_details_);
  protocol_error({0, failure_details_, failure.message});
}

void Connection::lost(Reset reason, std::string_view details) {
  if (!dead_) reset_all(reason, details);
}

void Connection::reset_all(Reset reason, std::string_view details) {
  dead_ = true;
  held_stream_ = block_stream_ = nullptr;
  while (!streams_.empty()) {
    H2Stream& stream = streams_.front();
    StreamEvents* events = stream.events_;
    stream.in_session_ = false;
    if (events != nullptr) detach(stream);
    retire(stream);
    if (events != nullptr) events->on_reset(reason, details);
  }
}

}  // namespace weir::http::h2
