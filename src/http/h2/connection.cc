// Bytes in, frames out, and the end of an HTTP/2 connection; the lives of its streams are in connection_streams.cc.
#include "http/h2/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/h2/callbacks.h"

namespace weir::http::h2 {

namespace {

/// nghttp2's own limit of 64 KiB is far below what may be received (max_request_headers_kb: up to 8 MiB), and a head over it
/// would never be sent. No memory is taken before it is needed.
constexpr size_t kMaxSentHead = 16 << 20;
constexpr size_t kMostContinuations = 16 * 1024;

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

bool may_end_stream(const FrameScanner::Frame& frame) {
  if (frame.type == NGHTTP2_DATA || frame.type == NGHTTP2_HEADERS) return (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  return frame.type == NGHTTP2_RST_STREAM;
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
    : options_(options),
      side_(side),
      bytes_(bytes),
      stats_(stats),
      loop_(loop),
      reader_(limits, stats, options.allow_connect),
      guard_(options),
      scanner_(side == Side::kServer ? NGHTTP2_CLIENT_MAGIC_LEN : 0) {
  start();
}

void Connection::start() {
  nghttp2_option* made = nullptr;
  CHECK(nghttp2_option_new(&made) == 0);
  const std::unique_ptr<nghttp2_option, OptionDeleter> option(made);
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_no_http_messaging(made, 1);  // BlockReader and BodyLength look once at what nghttp2 would look at, too
  nghttp2_option_set_max_outbound_ack(made, options_.max_outbound_control_frames);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, options_.hpack_table_size);
  nghttp2_option_set_max_send_header_block_length(made, kMaxSentHead);
  nghttp2_option_set_user_recv_extension_type(made, kMetadataFrame);
  // Of one head. nghttp2's own limit, 8, would refuse heads that may be received; this one is for what Callbacks are not told of.
  nghttp2_option_set_max_continuations(made, kMostContinuations);
  // Before the server's SETTINGS come, as many streams as we would open at all.
  nghttp2_option_set_peer_max_concurrent_streams(made, options_.max_concurrent_streams);

  nghttp2_mem memory = memory_of(loop_.small_pieces());
  const auto create = server() ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  CHECK(create(&session_, Callbacks::table(), this, made, &memory) == 0);

  // By their numbers, as in Envoy, and like Envoy also where they say what goes without saying.
  nghttp2_settings_entry settings[5 + kMostSettings];
  size_t count = 0;
  settings[count++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options_.hpack_table_size};
  if (!server()) settings[count++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  settings[count++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams};
  settings[count++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.initial_stream_window_size};
  settings[count++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, options_.allow_connect};
  if (!options_.more_settings.empty()) {
    for (const auto& [id, value] : options_.more_settings) {
      if (server() || id != NGHTTP2_SETTINGS_ENABLE_PUSH) settings[count++] = {id, value};
    }
    std::ranges::stable_sort(settings, settings + count, {}, &nghttp2_settings_entry::settings_id);
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.initial_connection_window_size));
  if (options_.ping_interval_ms > 0 || options_.ping_after_idle_ms > 0) {
    KeepaliveUser& user = *this;
    keepalive_ = std::make_unique<Keepalive>(user, options_, loop_);
  }
  want_flush();
}

Connection::~Connection() {
  nghttp2_session_del(session_);
  if (!dead_) stats_.streams_active.subtract(active_);
  update_gauges(false);
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
  if (keepalive_ != nullptr) keepalive_->on_bytes();
  reuse_retired();
  receiving_ = true;
  const ssize_t taken = feed_checked(bytes);
  if (held_stream_ != nullptr) deliver_held(false);
  block_stream_ = taken < 0 ? nullptr : block_stream_;
  receiving_ = reset_came_ = false;
  if (dead_) return;
  if (unreturned_ != 0) nghttp2_session_consume_connection(session_, std::exchange(unreturned_, 0));
  if (taken == NGHTTP2_ERR_FLOODED) flood(Flood::kOutboundControl);
  if (taken < 0 && !failure_) failure_ = {nghttp2_strerror(static_cast<int>(taken)), NGHTTP2_PROTOCOL_ERROR};
  // That a GOAWAY ends streams is told when these bytes are through: they did not end by themselves.
  if (!std::exchange(goaway_refused_, false)) deliver_signals();
  if (failure_) {
    fail();
  } else if (nghttp2_session_want_write(session_) != 0 || !signals_.empty() || !nghttp2_session_want_read(session_)) {
    want_flush();
  }
}

ssize_t Connection::feed(std::string_view bytes) {
  return nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

/// nghttp2 passes over DATA of closed streams without a word. So where a frame may be such, nghttp2 gets the bytes before it
/// first, and then the memory of closed streams is asked. Streams begin and end about in the order of their numbers: mostly a
/// look at the newest that ends in these bytes says that there is nothing to ask.
ssize_t Connection::feed_checked(std::string_view bytes) {
  size_t fed = 0;
  ssize_t taken = 0;
  uint32_t newest_ended = 0;
  scanner_.scan(bytes, [&](const FrameScanner::Frame& frame, size_t end) {
    if (taken < 0) return;
    const uint32_t id = frame.stream_id;
    if (frame.type == NGHTTP2_DATA && (id <= newest_ended || closed_.was_closed(id))) {
      taken = feed(bytes.substr(fed, end - 1 - fed));  // all but the last byte of its header
      fed = end - 1;
      if (taken >= 0 && closed_.was_closed(id)) nghttp2_session_terminate_session(session_, NGHTTP2_STREAM_CLOSED);
    }
    if (may_end_stream(frame)) newest_ended = std::max(newest_ended, id);
  });
  return taken < 0 ? taken : feed(bytes.substr(fed));
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
  const bool stuck = bytes_.unsent() > bytes_.buffer_limit();  // more than goes out at the end of this turn
  if (bytes_.unsent() == 0) guard_.written();
  const uint8_t* frame = nullptr;
  ssize_t size = 0;
  while ((size = nghttp2_session_mem_send(session_, &frame)) > 0) {
    bytes_.out().append({reinterpret_cast<const char*>(frame), static_cast<size_t>(size)});
  }
  if (size < 0 && !failure_) failure_ = {nghttp2_strerror(static_cast<int>(size)), NGHTTP2_INTERNAL_ERROR};
  sending_ = false;
  update_gauges(stuck);
  want_flush();
  if (std::exchange(drained_meanwhile_, false)) drained();
}

/// What goes out at the end of this turn anyway does not count as waiting.
void Connection::update_gauges(bool stuck) {
  const uint32_t frames = stuck ? guard_.queued() : 0;
  const uint32_t control_frames = stuck ? guard_.queued_control() : 0;
  if (frames == counted_frames_ && control_frames == counted_control_frames_) return;
  stats_.outbound_frames_active.add(int64_t{frames} - std::exchange(counted_frames_, frames));
  stats_.outbound_control_frames_active.add(int64_t{control_frames} - std::exchange(counted_control_frames_, control_frames));
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
  fields.add_request(headers, !std::exchange(requests_begun_, true));
  stream.body_length_.of_head = headers.method() == "HEAD";
  stream.body_length_.of_connect = fields.extended_connect() || headers.method() == "CONNECT";
  if (keepalive_ != nullptr) keepalive_->before_request();
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

/// The stream that the frames were for has a word of its own for some of them.
void Connection::flood(Flood flood, H2Stream* stream) {
  if (failure_) return;
  failure_ = {std::string(count_flood(flood, stats_)), NGHTTP2_ENHANCE_YOUR_CALM, true};
  if (flood == Flood::kEmptyFrames && stream != nullptr) reset_later(*stream, Reset::kProtocolError, kEmptyFramesFlood);
}

/// The time is what Envoy sends, too; nobody reads it.
void Connection::send_ping() {
  if (dead_) return;
  auto time_ms = static_cast<uint64_t>(loop_.wall() / kNsPerMs);
  uint8_t data[8];
  for (int i = 7; i >= 0; --i, time_ms >>= 8) data[i] = static_cast<uint8_t>(time_ms);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, data);
  want_flush();
}

// --- ends ---

void Connection::on_silence() {
  if (dead_) return;
  stats_.keepalive_timeout.add();
  const bool active = active_ != 0;
  reset_all(Reset::kConnectionTermination, "");
  silence(active);
}

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
  // What was queued still goes out, while the text it points to is alive; then the peer learns why, unless it floods us.
  if (!failure.flood) nghttp2_session_terminate_session(session_, failure.code);
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
  if (keepalive_ != nullptr) keepalive_->stop();
  recent_ = held_stream_ = block_stream_ = nullptr;
  while (!streams_.empty()) {
    H2Stream& stream = streams_.front();
    StreamEvents* events = stream.events_;
    // The stream that caused it all knows better why it ends.
    const Reset own_reason = stream.reset_signal_ ? stream.reset_reason_ : reason;
    const std::string_view own_details = stream.reset_signal_ ? stream.reset_details_ : details;
    stream.in_session_ = false;
    if (events != nullptr) detach(stream);
    retire(stream);
    if (events != nullptr) events->on_reset(own_reason, own_details);
  }
}

}  // namespace weir::http::h2
