// The client side of an HTTP/1 connection: one request, its response, then the next (no pipelining).
#include <string>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "http/codec.h"
#include "http/h1/body.h"
#include "http/h1/head.h"
#include "http/h1/write.h"

namespace weir::http {

namespace {

constexpr ProtocolError kHeadersTooLarge = {0, "http1.headers_too_large", "http/1.1 protocol error: headers size exceeds limit"};
constexpr ProtocolError kBareLineFeed = {0, "http1.codec_error", "http/1.1 protocol error: a line must end with CRLF"};
constexpr ProtocolError kNoHttp = {0, "http1.codec_error", "http/1.1 protocol error: a response begins with HTTP/"};
constexpr ProtocolError kUnasked = {0, "http1.codec_error", "http/1.1 protocol error: a response that nobody asked for"};
constexpr ProtocolError kCutOff = {0, "http1.codec_error", "http/1.1 protocol error: the connection ended within a head"};
constexpr ProtocolError kNoUpgrade = {0, "http1.codec_error", "http/1.1 protocol error: a protocol switch that nobody asked for"};
constexpr ProtocolError kTooManyInformational = {0, "http1.codec_error",
                                                 "http/1.1 protocol error: endless informational responses"};
constexpr size_t kMaxResponseHeadBytes = 80 * 1024;  // Envoy's limit for HTTP/1 responses
constexpr int kMaxInformational = 32;

class Http1Client final : public ClientCodec, private Stream, private loop::NextTurn {
 public:
  Http1Client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events, const Http1Options& options,
              const CodecLimits& limits, Http1Stats& stats)
      : connection_(connection), loop_(loop), events_(events), options_(options), limits_(limits), stats_(stats) {}

  Stream& open(StreamEvents& events) override {
    CHECK(exchange_ == nullptr && !done_for_);
    exchange_ = &events;
    reading_ = Reading::kHead;
    request_ended_ = response_ended_ = head_request_ = connect_request_ = carried_ = tunnel_open_ = false;
    informational_ = 0;
    paused_ = false;
    return *this;
  }
  void receive(std::string_view bytes) override;
  void receive_end() override;
  void connection_lost(Reset reason, std::string_view details) override;
  size_t active_streams() const override { return exchange_ != nullptr ? 1 : 0; }
  size_t free_streams() const override { return exchange_ == nullptr && !done_for_ ? 1 : 0; }
  void on_drained() override {
    if (exchange_ != nullptr && std::exchange(room_wanted_, false)) exchange_->on_room();
  }
  /// As in Envoy, that of the last answer: a server that speaks HTTP/1.0 is not known by its first request.
  Protocol protocol() const override { return version_; }
  void carry_tunnel() override { carried_ = true; }
  bool carries_tunnel() const override { return exchange_ != nullptr && connect_request_ && tunnel_open_; }

 private:
  enum class Reading : uint8_t { kHead, kBody, kDone };

  void process(std::string_view bytes);
  size_t read_head(std::string_view bytes);
  void take_head();
  size_t read_body(std::string_view bytes);
  /// Lets go of the exchange, if the request has ended too; its final event comes after this.
  StreamEvents& end_response();
  void close_stream();
  void count_sent(const h1::Written& written) {
    if (exchange_ == nullptr) return;
    StreamTraffic::Direction& sent = exchange_->traffic.sent;
    sent.wire += written.all;
    sent.headers += written.lines;
    sent.decompressed += written.lines;
  }
  void broken(const ProtocolError& error);
  void on_next_turn() override { receive({}); }

  void send_headers(const HeaderMap& headers, bool end_stream) override;
  void send_informational(const HeaderMap&) override {}
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
    connection_.resume();
    if (!kept_.empty()) loop_.at_next_turn(*this);
  }
  bool over_limit() override { return room_wanted_ = connection_.over_limit(); }

  net::ByteStream& connection_;
  loop::EventLoop& loop_;
  ClientEvents& events_;
  const Http1Options& options_;
  const CodecLimits& limits_;
  Http1Stats& stats_;

  StreamEvents* exchange_ = nullptr;
  h1::HeadFacts facts_;
  h1::BodyReader body_;
  std::string kept_;
  h1::HeadFinder head_finder_;
  int informational_ = 0;
  Reading reading_ = Reading::kDone;
  h1::Framing framing_ = h1::Framing::kNone;
  bool head_request_ = false;
  bool connect_request_ = false;
  bool upgrade_request_ = false;
  bool carried_ = false;      // the user says that it is a tunnel
  bool tunnel_open_ = false;  // what follows the response's head is no message
  bool request_ended_ = false;
  bool response_ended_ = false;
  Protocol version_ = Protocol::kHttp11;
  bool done_for_ = false;  // takes no further request
  bool deaf_ = false;      // what else comes does not matter
  bool paused_ = false;
  bool room_wanted_ = false;
};

void Http1Client::receive(std::string_view bytes) {
  if (exchange_ != nullptr) exchange_->traffic.received.wire += bytes.size();
  if (kept_.empty()) {
    process(bytes);
    return;
  }
  kept_.append(bytes);
  const std::string all = std::move(kept_);
  kept_.clear();
  process(all);
}

void Http1Client::process(std::string_view bytes) {
  while (!bytes.empty()) {
    if (exchange_ == nullptr || reading_ == Reading::kDone) {
      if (!deaf_ && exchange_ == nullptr) broken(kUnasked);
      return;
    }
    const bool wait = paused_ && reading_ == Reading::kBody;
    const size_t used = wait ? 0 : (reading_ == Reading::kHead ? read_head(bytes) : read_body(bytes));
    if (used == 0) {
      if (exchange_ != nullptr) kept_.assign(bytes);
      return;
    }
    bytes.remove_prefix(used);
  }
}

size_t Http1Client::read_head(std::string_view bytes) {
  if (bytes.front() != 'H') {  // as in Envoy: the first byte tells, whether a line ever ends or not
    broken(kNoHttp);
    return 0;
  }
  size_t size = 0;
  const size_t most =
      limits_.max_response_headers_kb == 0 ? kMaxResponseHeadBytes : size_t{limits_.max_response_headers_kb} * 1024;
  switch (head_finder_.look(bytes, most, size)) {
    case h1::HeadFinder::Verdict::kComplete:
      break;
    case h1::HeadFinder::Verdict::kTooLarge:
      broken(kHeadersTooLarge);
      return 0;
    case h1::HeadFinder::Verdict::kBareLineFeed:
      broken(kBareLineFeed);
      return 0;
    case h1::HeadFinder::Verdict::kIncomplete:
      if (bytes.find('\n') != bytes.npos && !bytes.starts_with("HTTP/")) broken(kNoHttp);
      return 0;
  }
  facts_ = {};
  HeaderMap& headers = exchange_->incoming_headers();
  headers.clear();
  if (options_.preserve_case) h1::keep_spelling(headers, bytes.substr(0, size), options_);
  if (auto error =
          h1::parse_response_head(h1::copy_head(headers, bytes.substr(0, size)), size, headers, facts_, limits_, stats_)) {
    broken(*error);
    return 0;
  }
  StreamTraffic::Direction& received = exchange_->traffic.received;
  received.headers += std::max<uint32_t>(facts_.header_bytes, 3);
  received.decompressed += received.headers;
  version_ = facts_.version;
  take_head();
  return size;
}

/// RFC 9112 §6.3: what follows a response's head.
void Http1Client::take_head() {
  const HeaderMap& headers = exchange_->incoming_headers();
  const int status = headers.status();
  if (status < 200 && status != 101) {
    if (++informational_ > kMaxInformational) {
      broken(kTooManyInformational);
      return;
    }
    exchange_->on_informational();
    return;
  }
  if (status == 101 && !upgrade_request_) {
    broken(kNoUpgrade);
    return;
  }
  const bool keep = facts_.version == Protocol::kHttp10 ? facts_.connection_keep_alive : !facts_.connection_close;
  if (!keep) done_for_ = true;

  if (status == 101 || (connect_request_ && status >= 200 && status < 300)) {
    done_for_ = tunnel_open_ = true;
    body_.begin(h1::BodyReader::Kind::kUntilEnd, 0);
  } else if (head_request_ || status == 204 || status == 304 || (facts_.has_content_length && facts_.content_length == 0)) {
    end_response().on_headers(true);
    close_stream();
    return;
  } else if (facts_.chunked) {
    body_.begin(h1::BodyReader::Kind::kChunked, 0);
  } else if (facts_.has_content_length) {
    body_.begin(h1::BodyReader::Kind::kLength, facts_.content_length);
  } else {
    done_for_ = true;
    body_.begin(h1::BodyReader::Kind::kUntilEnd, 0);
  }
  reading_ = Reading::kBody;
  exchange_->on_headers(false);
}

size_t Http1Client::read_body(std::string_view bytes) {
  auto step = body_.read(bytes, exchange_->incoming_trailers(), options_.enable_trailers, limits_, stats_);
  if (step.error) {
    broken(*step.error);
    return 0;
  }
  if (!step.end) {
    if (!step.body.empty()) exchange_->on_body(step.body, false);
    return step.used;
  }
  StreamEvents& exchange = end_response();
  if (step.trailers) {
    exchange.traffic.received.headers += h1::counted_size(exchange.incoming_trailers());
    exchange.on_trailers();
  } else {
    exchange.on_body(step.body, true);
  }
  close_stream();
  return step.used;
}

StreamEvents& Http1Client::end_response() {
  reading_ = Reading::kDone;
  response_ended_ = true;
  StreamEvents& exchange = *exchange_;
  if (request_ended_) {
    exchange_ = nullptr;
  } else {
    done_for_ = true;  // what is left of the request cannot be taken back
  }
  return exchange;
}

void Http1Client::close_stream() {
  if (exchange_ != nullptr) return;  // the request goes on; the user resets it
  if (done_for_) events_.on_goaway();
  events_.on_stream_closed();
}

void Http1Client::broken(const ProtocolError& error) {
  done_for_ = deaf_ = true;
  kept_.clear();
  if (exchange_ != nullptr && !response_ended_) {
    events_.on_cut();
    std::exchange(exchange_, nullptr)->on_reset(Reset::kProtocolError, error.details);
  }
  events_.on_protocol_error(error);
}

void Http1Client::receive_end() {
  done_for_ = true;
  if (exchange_ != nullptr && reading_ == Reading::kHead && !kept_.empty()) {
    broken(kCutOff);
    return;
  }
  if (exchange_ != nullptr && reading_ == Reading::kBody && body_.kind() == h1::BodyReader::Kind::kUntilEnd && !tunnel_open_) {
    end_response().on_body({}, true);
    close_stream();
    return;
  }
  if (exchange_ != nullptr && reading_ == Reading::kBody && !tunnel_open_) {
    broken(kCutOff);
    return;
  }
  connection_lost(Reset::kConnectionTermination, "");
}

void Http1Client::connection_lost(Reset reason, std::string_view details) {
  done_for_ = deaf_ = true;
  if (exchange_ == nullptr) return;
  StreamEvents& gone = *std::exchange(exchange_, nullptr);
  if (!response_ended_) gone.on_reset(reason, details);
}

void Http1Client::send_headers(const HeaderMap& headers, bool end_stream) {
  head_request_ = headers.method() == "HEAD";
  connect_request_ = headers.method() == "CONNECT";
  upgrade_request_ = headers.has(HeaderId::kUpgrade);
  std::string_view framing_line;
  if (connect_request_ || upgrade_request_) {
    framing_ = h1::Framing::kUntilEnd;
  } else if (headers.has(HeaderId::kContentLength)) {
    framing_ = h1::Framing::kLength;
  } else if (end_stream) {
    framing_ = h1::Framing::kNone;
    // A request that may carry content says that it carries none (RFC 9110 §8.6).
    const std::string_view method = headers.method();
    if (method != "GET" && method != "HEAD" && method != "DELETE" && method != "TRACE") framing_line = "content-length: 0\r\n";
  } else {
    framing_ = h1::Framing::kChunked;
    framing_line = "transfer-encoding: chunked\r\n";
  }
  count_sent(
      h1::write_request_head(connection_.out(), headers, framing_line, options_.proper_case, options_.send_fully_qualified_url));
  connection_.want_flush();
  request_ended_ = end_stream;
}

void Http1Client::send_body(std::string_view bytes, bool end_stream) {
  count_sent({h1::write_body(connection_, bytes, framing_), 0});
  if (!end_stream) return;
  if (framing_ == h1::Framing::kChunked) {
    connection_.out().append(h1::kLastChunk);
    count_sent({h1::kLastChunk.size(), 0});
    connection_.want_flush();
  }
  if (connect_request_ || carried_) connection_.finish();  // nothing else could tell where a tunnel's bytes end
  request_ended_ = true;
}

void Http1Client::send_trailers(const HeaderMap& trailers) {
  request_ended_ = true;
  if (framing_ != h1::Framing::kChunked) return;
  if (options_.enable_trailers) {
    count_sent(h1::write_trailers(connection_.out(), trailers));
  } else {
    connection_.out().append(h1::kLastChunk);
    count_sent({h1::kLastChunk.size(), 0});
  }
  connection_.want_flush();
}

void Http1Client::reset(Reset) {
  exchange_ = nullptr;
  events_.on_cut();
  kept_.clear();
  done_for_ = true;
  deaf_ = !response_ended_;
  connection_.want_flush();  // the owner closes the connection when it finds no stream and no future in it
  events_.on_goaway();
}

}  // namespace

std::unique_ptr<ClientCodec> make_http1_client(net::ByteStream& connection, loop::EventLoop& loop, ClientEvents& events,
                                               const Http1Options& options, const CodecLimits& limits, Http1Stats& stats) {
  return std::make_unique<Http1Client>(connection, loop, events, options, limits, stats);
}

}  // namespace weir::http
