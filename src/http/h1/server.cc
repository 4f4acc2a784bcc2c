// The server side of an HTTP/1 connection: one exchange at a time, the next request waits (RFC 9112 §9.3.2).
#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "http/codec.h"
#include "http/h1/body.h"
#include "http/h1/head.h"
#include "http/h1/request_line.h"
#include "http/h1/write.h"

namespace weir::http {

namespace {

constexpr uint32_t kPieceKb = 16;

bool has_three_words(std::string_view line) {
  line = trim(line);
  const size_t end = line.find_first_of(" \t");
  return end != std::string_view::npos && trim(line.substr(end)).find_first_of(" \t") != std::string_view::npos;
}

constexpr ProtocolError kHeadersTooLarge = {431, "http1.headers_too_large",
                                            "http/1.1 protocol error: headers size exceeds limit"};
constexpr ProtocolError kBareLineFeed = {400, "http1.codec_error", "http/1.1 protocol error: a line must end with CRLF"};
constexpr ProtocolError kNoHttp = {400, "http1.codec_error", "http/1.1 protocol error: HPE_INVALID_METHOD"};
constexpr ProtocolError kHeadTimeout = {408, "request_header_timeout", "request header timeout"};
constexpr size_t kMaxBacklog = 64 * 1024;  // of pipelined requests, while one is being answered
constexpr size_t kMaxLeadingBlank = 1024;  // empty lines before a request (RFC 9112 §2.2)

class Http1Server final : public ServerCodec, private Stream, private loop::NextTurn {
 public:
  Http1Server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events, const Http1Options& options,
              const CodecLimits& limits, Http1Stats& stats)
      : connection_(connection), loop_(loop), events_(events), options_(options), limits_(limits), stats_(stats) {}

  void receive(std::string_view bytes) override;
  void receive_end() override { connection_lost(); }
  void connection_lost() override;
  void announce_shutdown() override { shutting_down_ = true; }
  void goaway() override {}
  /// As in Envoy, a request begins with its first byte, also if that is a blank line before it.
  bool head_pending() const override { return reading_ == Reading::kHead && (!kept_.empty() || blank_bytes_ != 0); }
  void head_timeout() override { malformed(kHeadTimeout); }
  size_t active_streams() const override { return exchange_ != nullptr ? 1 : 0; }
  bool wants_close() const override { return wants_close_ && exchange_ == nullptr; }
  void before_flush() override;
  void on_drained() override {
    if (exchange_ != nullptr && std::exchange(room_wanted_, false)) exchange_->on_room();
  }
  Protocol protocol() const override { return facts_.version; }

 private:
  // kHead ─▶ kBody ─▶ kWait ─▶ kHead …; kBroken is for ever.
  enum class Reading : uint8_t { kHead, kBody, kWait, kBroken };

  // --- reading ---
  void process(std::string_view bytes);
  size_t read_head(std::string_view bytes);
  void begin_exchange(std::string_view head);
  size_t read_body(std::string_view bytes);
  void malformed(const ProtocolError& error);
  void keep(std::string_view bytes);
  void on_next_turn() override {
    if (exchange_ == nullptr) unclaimed_ = kept_.size();  // what waited behind the request before
    receive({});
  }
  void count_received(size_t bytes) { (exchange_ != nullptr ? exchange_->traffic.received.wire : unclaimed_) += bytes; }
  void count_sent(const h1::Written& written) {
    if (exchange_ == nullptr) return;
    StreamTraffic::Direction& sent = exchange_->traffic.sent;
    sent.wire += written.all;
    sent.headers += written.lines;
    sent.decompressed += written.lines;
  }
  void open_exchange();

  // --- writing (Stream) ---
  void send_headers(const HeaderMap& headers, bool end_stream) override;
  void send_informational(const HeaderMap& headers) override;
  void send_body(std::string_view bytes, bool end_stream) override;
  void send_trailers(const HeaderMap& trailers) override;
  void send_metadata(std::string_view) override { stats_.metadata_not_supported_error.add(); }
  void reset(Reset reason) override;
  void pause() override {
    paused_ = true;
    connection_.pause();
  }
  void resume() override {
    paused_ = false;
    if (!kept_.empty()) loop_.at_next_turn(*this);
    if (kept_.size() <= kMaxBacklog) connection_.resume();
  }
  bool over_limit() override { return room_wanted_ = connection_.over_limit(); }
  void end_response();
  std::string_view connection_line(const HeaderMap& headers);

  net::ByteStream& connection_;
  loop::EventLoop& loop_;
  ServerEvents& events_;
  const Http1Options& options_;
  const CodecLimits& limits_;
  Http1Stats& stats_;

  StreamEvents* exchange_ = nullptr;
  h1::HeadFacts facts_;
  h1::BodyReader body_;
  std::string kept_;  // bytes that could not be used yet: part of a head, or pipelined requests
  h1::HeadFinder head_finder_;
  size_t blank_bytes_ = 0;
  uint64_t unclaimed_ = 0;  // bytes of a request that has not begun yet
  Reading reading_ = Reading::kHead;
  h1::Framing framing_ = h1::Framing::kNone;
  bool head_request_ = false;
  bool connect_request_ = false;
  bool response_started_ = false;
  bool response_ended_ = false;
  bool shutting_down_ = false;
  bool wants_close_ = false;
  bool paused_ = false;
  bool room_wanted_ = false;
};

void Http1Server::receive(std::string_view bytes) {
  count_received(bytes.size());
  if (kept_.empty()) {
    process(bytes);
    return;
  }
  kept_.append(bytes);
  const std::string all = std::move(kept_);
  kept_.clear();
  process(all);
}

void Http1Server::process(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t used = 0;
    switch (reading_) {
      case Reading::kHead:
        used = read_head(bytes);
        break;
      case Reading::kBody:
        used = paused_ ? 0 : read_body(bytes);
        break;
      case Reading::kWait:
        break;
      case Reading::kBroken:
        return;
    }
    if (used == 0) {
      if (reading_ != Reading::kBroken) keep(bytes);
      return;
    }
    bytes.remove_prefix(used);
  }
}

void Http1Server::keep(std::string_view bytes) {
  kept_.assign(bytes);
  if (reading_ == Reading::kWait && kept_.size() > kMaxBacklog) connection_.pause();
}

/// Returns how many bytes were used; 0 if the head is not complete.
size_t Http1Server::read_head(std::string_view bytes) {
  if (exchange_ == nullptr && shutting_down_ && wants_close_) return bytes.size();
  size_t blank = 0;
  while (bytes.substr(blank).starts_with("\r\n")) blank += 2;
  if (blank != 0) {
    blank_bytes_ += blank;
    head_finder_.restart();
    if (blank_bytes_ > kMaxLeadingBlank) malformed(kBareLineFeed);
    return blank;
  }

  size_t size = 0;
  switch (head_finder_.look(bytes, limits_.max_headers_kb * 1024, size)) {
    case h1::HeadFinder::Verdict::kComplete:
      break;
    case h1::HeadFinder::Verdict::kTooLarge: {
      // What is wrong with a first line that is there is wrong before there is too much of the rest, unless both come in one of
      // the pieces that Envoy's parser is given; a line of fewer than three words ends even that.
      const std::string_view seen = bytes.substr(0, limits_.max_headers_kb * 1024);
      size = 0;
      auto error = h1::check_first_line(seen, size, options_.allow_custom_methods);
      if (!error && size != 0) break;  // no version: there is no rest
      if (limits_.max_headers_kb <= kPieceKb && has_three_words(seen.substr(0, seen.find('\r')))) error.reset();
      malformed(error ? *error : static_cast<unsigned char>(bytes.front()) > ' ' ? kHeadersTooLarge : kNoHttp);
      return 0;
    }
    case h1::HeadFinder::Verdict::kBareLineFeed:
      malformed(kBareLineFeed);
      return 0;
    case h1::HeadFinder::Verdict::kIncomplete:
      if (!h1::may_begin_request(bytes)) {
        malformed(kNoHttp);
        return 0;
      }
      if (auto error = h1::check_first_line(bytes, size, options_.allow_custom_methods)) malformed(*error);
      if (size == 0) return 0;
      head_finder_.restart();
      break;
  }
  blank_bytes_ = 0;
  begin_exchange(bytes.substr(0, size));
  return size;
}

void Http1Server::open_exchange() {
  exchange_ = &events_.on_new_stream(*this);
  exchange_->traffic.received.wire = std::exchange(unclaimed_, 0);
}

void Http1Server::begin_exchange(std::string_view head) {
  response_started_ = response_ended_ = false;
  facts_ = {};
  open_exchange();
  HeaderMap& headers = exchange_->incoming_headers();
  if (options_.preserve_case) h1::keep_spelling(headers, head, options_);
  if (auto error =
          h1::parse_request_head(h1::copy_head(headers, head), head.size(), headers, facts_, options_, limits_, stats_)) {
    head_request_ = head.starts_with("HEAD ");
    connect_request_ = false;
    malformed(*error);
    return;
  }
  StreamTraffic::Direction& received = exchange_->traffic.received;
  received.headers = received.decompressed = std::max<uint32_t>(facts_.header_bytes, 3);
  head_request_ = headers.method() == "HEAD";
  connect_request_ = headers.method() == "CONNECT";
  if (facts_.version == Protocol::kHttp10 && !headers.has_pseudo(HeaderId::kAuthority) &&
      !options_.default_host_for_http_10.empty()) {
    headers.set_pseudo(HeaderId::kAuthority, options_.default_host_for_http_10);
  }

  const bool tunnel = connect_request_ || (facts_.connection_upgrade && headers.has(HeaderId::kUpgrade));
  if (tunnel) {
    body_.begin(h1::BodyReader::Kind::kUntilEnd, 0);
  } else if (facts_.chunked) {
    body_.begin(h1::BodyReader::Kind::kChunked, 0);
  } else if (facts_.content_length > 0) {
    body_.begin(h1::BodyReader::Kind::kLength, facts_.content_length);
  } else {
    reading_ = Reading::kWait;
    exchange_->on_headers(true);
    return;
  }
  reading_ = Reading::kBody;
  exchange_->on_headers(false);
}

size_t Http1Server::read_body(std::string_view bytes) {
  auto step = body_.read(bytes, exchange_->incoming_trailers(), options_.enable_trailers, limits_, stats_);
  if (step.error) {
    malformed(*step.error);
    return 0;
  }
  if (step.end) reading_ = Reading::kWait;
  if (step.trailers) {
    exchange_->traffic.received.headers += h1::counted_size(exchange_->incoming_trailers());
    exchange_->on_trailers();
  } else {
    // The end is told by itself, as Envoy does: who answers because of the body answers before the request has ended.
    if (!step.body.empty()) exchange_->on_body(step.body, false);
    if (step.end && exchange_ != nullptr) exchange_->on_body({}, true);
  }
  if (step.end && response_ended_) connection_.want_flush();  // the exchange is over: before_flush() says so
  return step.used;
}

void Http1Server::malformed(const ProtocolError& error) {
  reading_ = Reading::kBroken;
  wants_close_ = true;
  kept_.clear();
  if (exchange_ == nullptr) {
    response_started_ = response_ended_ = head_request_ = connect_request_ = false;
    open_exchange();
  }
  exchange_->on_malformed(error);
}

void Http1Server::connection_lost() {
  // A request has begun with its first byte, and is cut off.
  if (exchange_ == nullptr && head_pending()) {
    response_started_ = response_ended_ = false;
    open_exchange();
  }
  reading_ = Reading::kBroken;
  wants_close_ = true;
  if (exchange_ == nullptr) return;
  StreamEvents& gone = *std::exchange(exchange_, nullptr);
  if (response_ended_) {
    gone.on_complete();
  } else {
    gone.on_reset(Reset::kConnectionTermination, "");
  }
}

void Http1Server::before_flush() {
  if (exchange_ == nullptr || !response_ended_) return;
  const bool request_ended = reading_ == Reading::kWait;
  if (!request_ended) {
    // Answered before the request was complete: the rest of it is of no use, and what follows it cannot be found.
    reading_ = Reading::kBroken;
    wants_close_ = true;
    kept_.clear();
  }
  std::exchange(exchange_, nullptr)->on_complete();
  if (reading_ == Reading::kWait) reading_ = Reading::kHead;
  if (wants_close_) {
    kept_.clear();  // nobody reads it
    return;
  }
  paused_ = false;
  connection_.resume();
  if (!kept_.empty()) loop_.at_next_turn(*this);
}

std::string_view Http1Server::connection_line(const HeaderMap& headers) {
  if (headers.has(HeaderId::kConnection)) {
    if (list_has_token(headers.get(HeaderId::kConnection), "close")) wants_close_ = true;
    return "";
  }
  // An old client is told the end of every answer, also of those that have no body.
  const bool keep = facts_.version == Protocol::kHttp10 ? facts_.connection_keep_alive && headers.has(HeaderId::kContentLength)
                                                        : !facts_.connection_close;
  if (!keep || shutting_down_ || reading_ == Reading::kBroken || framing_ == h1::Framing::kUntilEnd) wants_close_ = true;
  if (wants_close_) return "connection: close\r\n";
  return facts_.version == Protocol::kHttp10 ? "connection: keep-alive\r\n" : "";
}

void Http1Server::send_headers(const HeaderMap& headers, bool end_stream) {
  CHECK(!response_started_);
  response_started_ = true;
  const int status = headers.status();
  const bool tunnel = status == 101 || (connect_request_ && status >= 200 && status < 300);
  const bool bodiless = head_request_ || status == 204 || status == 304;
  std::string_view framing_line;
  if (tunnel) {
    framing_ = h1::Framing::kUntilEnd;
    if (end_stream && connect_request_ && !headers.has(HeaderId::kContentLength))
      framing_line = "content-length: 0\r\n";  // it ends at once
  } else if (headers.has(HeaderId::kContentLength)) {
    framing_ = bodiless ? h1::Framing::kNone : h1::Framing::kLength;
  } else if (end_stream && !head_request_) {
    framing_ = h1::Framing::kNone;
    if (!bodiless) framing_line = "content-length: 0\r\n";
  } else if (facts_.version == Protocol::kHttp10) {
    framing_ = h1::Framing::kUntilEnd;
  } else if (status == 204 || status == 304) {
    framing_ = h1::Framing::kNone;
  } else {
    framing_line = "transfer-encoding: chunked\r\n";
    framing_ = head_request_ ? h1::Framing::kNone : h1::Framing::kChunked;
  }
  const std::string_view connection = tunnel ? std::string_view() : connection_line(headers);
  if (tunnel) wants_close_ = true;
  const Protocol version = options_.accept_http_10 ? facts_.version : Protocol::kHttp11;
  count_sent(h1::write_response_head(connection_.out(), headers, version, connection, framing_line, options_.proper_case));
  connection_.want_flush();
  if (end_stream) end_response();
}

void Http1Server::send_informational(const HeaderMap& headers) {
  const Protocol version = options_.accept_http_10 ? facts_.version : Protocol::kHttp11;
  count_sent(h1::write_response_head(connection_.out(), headers, version, "", "", options_.proper_case));
  connection_.want_flush();
}

void Http1Server::send_body(std::string_view bytes, bool end_stream) {
  if (framing_ != h1::Framing::kNone) count_sent({h1::write_body(connection_, bytes, framing_), 0});
  if (!end_stream) return;
  if (framing_ == h1::Framing::kChunked) {
    connection_.out().append(h1::kLastChunk);
    count_sent({h1::kLastChunk.size(), 0});
  }
  end_response();
}

void Http1Server::send_trailers(const HeaderMap& trailers) {
  if (framing_ == h1::Framing::kChunked) {
    if (options_.enable_trailers) {
      count_sent(h1::write_trailers(connection_.out(), trailers));
    } else {
      connection_.out().append(h1::kLastChunk);
      count_sent({h1::kLastChunk.size(), 0});
    }
  }
  end_response();
}

void Http1Server::end_response() {
  response_ended_ = true;
  connection_.want_flush();
}

void Http1Server::reset(Reset) {
  // HTTP/1 has no way to end one exchange but to end the connection.
  exchange_ = nullptr;
  reading_ = Reading::kBroken;
  wants_close_ = true;
  kept_.clear();
  connection_.want_flush();
}

}  // namespace

std::unique_ptr<ServerCodec> make_http1_server(net::ByteStream& connection, loop::EventLoop& loop, ServerEvents& events,
                                               const Http1Options& options, const CodecLimits& limits, Http1Stats& stats) {
  return std::make_unique<Http1Server>(connection, loop, events, options, limits, stats);
}

}  // namespace weir::http
