// Fuzz target: whole connections. A requester, a relay with a server's and a client's codec, and an origin, joined by memory
// instead of sockets; the input decides which protocols they speak, what they say, when, and how the bytes are cut. A model says
// what must come out.
#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "http/codec.h"
#include "http/h2/h2_fuzz_user.h"
#include "net/memory_stream.h"

namespace weir::http {
namespace {

using h2::Script;

constexpr size_t kMostRequests = 12;
constexpr size_t kMostRounds = 4000;

/// What the body of a message is at one place.
char pattern(size_t id, size_t at) { return static_cast<char>('a' + (id * 7 + at + at / 251) % 26); }

std::string body_part(size_t id, size_t from, size_t size) {
  std::string part(size, ' ');
  for (size_t i = 0; i < size; ++i) part[i] = pattern(id, from + i);
  return part;
}

size_t number(const HeaderMap& headers, std::string_view name) {
  const std::string_view text = headers.get_joined(name);
  size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// What can excuse a request that is not answered in full.
struct World {
  loop::EventLoop loop{1};
  bool violence = false;  // somebody gave something up
};

/// Two ends joined; bytes move when they are told to.
struct Link {
  explicit Link(loop::EventLoop& loop) : near(loop), far(loop) {}

  /// Moves up to `most` bytes each way; whether any moved.
  bool move(size_t most) {
    to_far += near.take_sent();
    to_near += far.take_sent();
    return pass(to_far, far, most) | pass(to_near, near, most);
  }
  static bool pass(std::string& bytes, net::MemoryStream& to, size_t most) {
    const std::string part = bytes.substr(0, most);
    bytes.erase(0, part.size());
    if (!part.empty()) to.deliver(part);
    return !part.empty();
  }

  net::MemoryStream near, far;
  std::string to_far, to_near;
};

/// As with a socket, room is news.
void set_blocked(net::MemoryStream& wire, bool blocked) {
  wire.set_blocked(blocked);
  if (!blocked) wire.want_flush();
}

/// A side's end of a link.
template <class Codec>
struct End : net::ByteStream::Handler {
  explicit End(net::MemoryStream& wire) : wire(wire) {
    wire.set_handler(*this);
    wire.start();
  }
  void on_bytes(std::string_view bytes) override {
    if (!broken) codec->receive(bytes);
  }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override {}
  void on_drained() override { codec->on_drained(); }
  void before_flush() override {
    if (!broken) codec->before_flush();
  }

  net::MemoryStream& wire;
  std::unique_ptr<Codec> codec;
  bool broken = false;
};

struct Options {
  Http1Options http1;
  Http2Options http2;
  CodecLimits limits;
  Http1Stats stats1;
  Http2Stats stats2;
};

std::unique_ptr<ServerCodec> make_server(bool two, net::MemoryStream& wire, World& world, ServerEvents& events,
                                         Options& options) {
  return two ? make_http2_server(wire, world.loop, events, options.http2, options.limits, options.stats2)
             : make_http1_server(wire, world.loop, events, options.http1, options.limits, options.stats1);
}
std::unique_ptr<ClientCodec> make_client(bool two, net::MemoryStream& wire, World& world, ClientEvents& events,
                                         Options& options) {
  return two ? make_http2_client(wire, world.loop, events, options.http2, options.limits, options.stats2)
             : make_http1_client(wire, world.loop, events, options.http1, options.limits, options.stats1);
}

/// One direction of one stream, as it is heard: in order, once, and nothing after the end.
struct Ear : StreamEvents {
  HeaderMap& incoming_headers() override { return headers; }
  HeaderMap& incoming_trailers() override { return trailers; }
  void on_headers(bool end) override {
    CHECK(!gone && !head && !ended);
    head = true;
    ended = end;
    heard_head();
  }
  void on_body(std::string_view bytes, bool end) override {
    CHECK(!gone && head && !ended);
    ended = end;
    heard_body(bytes);
    received += bytes.size();
  }
  void on_trailers() override {
    CHECK(!gone && head && !ended);
    ended = true;
    heard_trailers();
  }
  void on_reset(Reset, std::string_view) override {
    CHECK(!gone);
    gone = true;
    stream = nullptr;
    heard_reset();
  }
  void on_complete() override {
    CHECK(!gone && !complete);
    complete = true;
    stream = nullptr;
  }
  void on_room() override {
    CHECK(!gone && stream != nullptr);
    heard_room();
  }
  virtual void heard_head() {}
  virtual void heard_body(std::string_view) {}
  virtual void heard_trailers() {}
  virtual void heard_reset() {}
  virtual void heard_room() {}
  void give_up() {
    if (stream == nullptr) return;
    gone = true;
    std::exchange(stream, nullptr)->reset(Reset::kLocal);
  }

  Arena arena;
  HeaderMap headers{arena}, trailers{arena};
  Stream* stream = nullptr;
  size_t received = 0;
  bool head = false, ended = false, gone = false, complete = false;
};

// --- the requester ---

struct Request final : Ear {
  Request(size_t id, size_t size, size_t wanted, bool trailers) : id(id), size(size), wanted(wanted), with_trailers(trailers) {}

  void send_head() {
    HeaderMap& map = head_to_send;
    map.set_pseudo(HeaderId::kMethod, size == 0 && !with_trailers ? "GET" : "POST");
    map.set_pseudo(HeaderId::kAuthority, "a.test");
    map.set_pseudo(HeaderId::kPath, "/");
    map.set_pseudo(HeaderId::kScheme, "http");
    map.add("x-id", arena.decimal(static_cast<int64_t>(id)));
    map.add("x-want", arena.decimal(static_cast<int64_t>(wanted)));
    map.add("x-size", arena.decimal(static_cast<int64_t>(size)));
    all_sent = size == 0 && !with_trailers;
    stream->send_headers(map, all_sent);
  }
  void send_more(size_t most) {
    if (all_sent || gone || stream == nullptr || waits || (ended && stream == nullptr)) return;
    const size_t part = std::min(most, size - sent);
    const bool last = sent + part == size;
    stream->send_body(body_part(id, sent, part), last && !with_trailers);
    sent += part;
    all_sent = last;
    if (last && with_trailers) {
      HeaderMap map{arena};
      map.add("x-end", "yes");
      stream->send_trailers(map);
    }
    if (!all_sent && stream != nullptr) waits = stream->over_limit();
    if (all_sent && ended) stream = nullptr;
  }
  void heard_room() override { waits = false; }
  void heard_body(std::string_view bytes) override {
    if (headers.status() != 200) return;
    for (size_t i = 0; i < bytes.size(); ++i) CHECK(bytes[i] == pattern(id + 1, received + i));
  }
  bool answered() const { return head && ended && headers.status() == 200 && received == wanted; }

  const size_t id, size, wanted;
  const bool with_trailers;
  HeaderMap head_to_send{arena};
  size_t sent = 0;
  bool all_sent = false, waits = false;
};

struct Requester final : End<ClientCodec>, ClientEvents {
  Requester(World& world, net::MemoryStream& wire, bool two, Options& options) : End(wire) {
    codec = make_client(two, wire, world, *this, options);
  }
  void on_stream_closed() override {}
  void on_goaway() override {}
  void on_protocol_error(const ProtocolError&) override { check_failed("the relay broke the protocol", __FILE__, __LINE__); }
};

// --- the origin ---

struct Answer final : Ear {
  explicit Answer(World& world) : world(world) {}
  void heard_body(std::string_view bytes) override {
    for (size_t i = 0; i < bytes.size(); ++i) CHECK(bytes[i] == pattern(number(headers, "x-id"), received + i));
  }
  void heard_room() override { waits = false; }
  void send_more(size_t most) {
    if (!head || gone || stream == nullptr || all_sent || waits) return;
    if (!ended) return;  // answers come when the request has
    CHECK(world.violence || received == number(headers, "x-size"));
    const size_t id = number(headers, "x-id") + 1, wanted = number(headers, "x-want");
    if (!head_sent) {
      head_sent = true;
      HeaderMap map{answer_arena};
      map.set_status(200);
      all_sent = wanted == 0;
      stream->send_headers(map, all_sent);
      return;
    }
    const size_t part = std::min(most, wanted - sent);
    all_sent = sent + part == wanted;
    stream->send_body(body_part(id, sent, part), all_sent);
    sent += part;
    if (!all_sent && stream != nullptr) waits = stream->over_limit();
  }

  World& world;
  Arena answer_arena;
  size_t sent = 0;
  bool head_sent = false, all_sent = false, waits = false;
};

struct Origin final : End<ServerCodec>, ServerEvents {
  Origin(World& world, net::MemoryStream& wire, bool two, Options& options) : End(wire), world(world) {
    codec = make_server(two, wire, world, *this, options);
  }
  StreamEvents& on_new_stream(Stream& stream) override {
    answers.push_back(std::make_unique<Answer>(world));
    answers.back()->stream = &stream;
    return *answers.back();
  }
  void on_protocol_error(const ProtocolError&) override { check_failed("the relay broke the protocol", __FILE__, __LINE__); }

  World& world;
  std::vector<std::unique_ptr<Answer>> answers;
};

// --- the relay ---

/// A connection to the origin, with the origin at its other end.
struct Upstream final : End<ClientCodec>, ClientEvents {
  Upstream(World& world, std::unique_ptr<Link> made, bool two, Options& near, Options& far)
      : End(made->near), link(std::move(made)), origin(world, link->far, two, far) {
    codec = make_client(two, wire, world, *this, near);
  }
  void on_stream_closed() override {}
  void on_goaway() override {}
  void on_protocol_error(const ProtocolError&) override { check_failed("the origin broke the protocol", __FILE__, __LINE__); }

  std::unique_ptr<Link> link;
  Origin origin;
};

/// What concerns only one connection stays there.
void make_end_to_end(HeaderMap& headers) {
  headers.remove(HeaderId::kTransferEncoding);
  headers.remove(HeaderId::kConnection);
}

/// A request on its way, heard from both sides.
struct Exchange final : Ear {
  struct Back final : Ear {
    explicit Back(Exchange& exchange) : exchange(exchange) {}
    void heard_head() override { exchange.answer_head(); }
    void heard_body(std::string_view bytes) override { exchange.answer_body(bytes); }
    void heard_trailers() override { exchange.answer_trailers(); }
    void heard_reset() override { exchange.failed(); }
    void heard_room() override {
      if (exchange.stream != nullptr) exchange.stream->resume();
    }
    Exchange& exchange;
  };

  void connect(ClientCodec& codec) {
    connected = true;
    if (headers.scheme().empty()) headers.set_pseudo(HeaderId::kScheme, "http");
    make_end_to_end(headers);
    back.stream = &codec.open(back);
    const bool all = ended && kept.empty() && !has_trailers;
    back.stream->send_headers(headers, all);
    if (!kept.empty()) back.stream->send_body(kept, ended && !has_trailers);
    if (has_trailers) back.stream->send_trailers(trailers);
    kept.clear();
  }
  bool wants_connection() const { return head && !connected && !gone; }

  void heard_body(std::string_view bytes) override {
    if (!connected) {
      kept += bytes;
    } else if (back.stream != nullptr) {
      back.stream->send_body(bytes, ended);
      if (!ended && back.stream != nullptr && back.stream->over_limit()) stream->pause();
    }
  }
  void heard_trailers() override {
    has_trailers = true;
    if (back.stream != nullptr) back.stream->send_trailers(trailers);
  }
  void heard_reset() override { back.give_up(); }
  void heard_room() override {
    if (back.stream != nullptr) back.stream->resume();
  }

  void answer_ended() {
    if (!back.ended) return;
    Stream* upstream = std::exchange(back.stream, nullptr);
    if (upstream != nullptr && !ended) upstream->reset(Reset::kLocal);
  }
  void answer_head() {
    answer_ended();
    make_end_to_end(back.headers);
    if (stream != nullptr) stream->send_headers(back.headers, back.ended);
  }
  void answer_body(std::string_view bytes) {
    answer_ended();
    if (stream == nullptr) return;
    stream->send_body(bytes, back.ended);
    if (!back.ended && stream != nullptr && stream->over_limit() && back.stream != nullptr) back.stream->pause();
  }
  void answer_trailers() {
    answer_ended();
    if (stream != nullptr) stream->send_trailers(back.trailers);
  }
  /// The upstream stream ended before its time.
  void failed() {
    if (stream == nullptr) return;
    if (back.head) return give_up();
    HeaderMap map{arena};
    map.set_status(503);
    stream->send_headers(map, true);
  }

  Back back{*this};
  std::string kept;
  bool connected = false, has_trailers = false;
};

struct Relay final : End<ServerCodec>, ServerEvents {
  Relay(World& world, net::MemoryStream& wire, bool two, Options& options) : End(wire) {
    codec = make_server(two, wire, world, *this, options);
  }
  StreamEvents& on_new_stream(Stream& stream) override {
    exchanges.push_back(std::make_unique<Exchange>());
    exchanges.back()->stream = &stream;
    return *exchanges.back();
  }
  void on_protocol_error(const ProtocolError&) override { check_failed("the requester broke the protocol", __FILE__, __LINE__); }

  std::vector<std::unique_ptr<Exchange>> exchanges;
};

// --- all together ---

class Run {
 public:
  explicit Run(Script& script) : script_(script) {
    const uint8_t choices = script.next();
    two_down_ = choices & 1;
    two_up_ = choices & 2;
    for (Options& options : options_) {
      options.http1.enable_trailers = true;
      if (choices & 4) options.http2.initial_stream_window_size = options.http2.initial_connection_window_size = 65535;
    }
    relay_ = std::make_unique<Relay>(world_, down_.near, two_down_, options_[0]);
    requester_ = std::make_unique<Requester>(world_, down_.far, two_down_, options_[1]);
    if (choices & 8) {
      down_.near.set_buffer_limit(4096);
      down_.far.set_buffer_limit(4096);
    }
    small_buffers_ = choices & 16;
  }

  void play() {
    while (!script_.done()) step(script_.next());
    for (size_t round = 0; round < kMostRounds && everybody_goes_on(); ++round) {
    }
    for (const auto& request : requests_) CHECK(world_.violence || request->answered());
    for (auto& upstream : upstreams_) {
      upstream->codec->connection_lost(Reset::kConnectionTermination, "");
      upstream->origin.codec->connection_lost();
    }
    relay_->codec->connection_lost();
    requester_->codec->connection_lost(Reset::kConnectionTermination, "");
    CHECK(relay_->codec->active_streams() == 0 && requester_->codec->active_streams() == 0);
  }

 private:
  void step(uint8_t what) {
    const size_t who = what % 16;
    switch (what / 16) {
      case 0:
      case 1:
        return begin(who);
      case 2:
      case 3:
        if (Request* request = pick(requests_, who)) request->send_more(1 + script_.next() * size_t{97});
        return;
      case 4:
      case 5:
        for (auto& upstream : upstreams_) {
          if (Answer* answer = pick(upstream->origin.answers, who)) answer->send_more(1 + script_.next() * size_t{97});
        }
        return;
      case 6:
        set_blocked(down_.near, who & 1);
        set_blocked(down_.far, who & 2);
        return;
      case 7:
        for (auto& upstream : upstreams_) set_blocked(upstream->wire, who & 1);
        return;
      case 8:
        world_.violence = true;
        if (Request* request = pick(requests_, who)) request->give_up();
        return;
      case 9:
        world_.violence = true;
        for (auto& upstream : upstreams_) {
          if (Answer* answer = pick(upstream->origin.answers, who)) answer->give_up();
        }
        return;
      case 10:
        world_.loop.turn(0);
        return;
      default:
        connect_waiting();
        move(1 + script_.next() * size_t{31});
    }
  }

  template <class T>
  static T* pick(std::vector<std::unique_ptr<T>>& from, size_t who) {
    return from.empty() ? nullptr : from[who % from.size()].get();
  }

  void begin(size_t kind) {
    if (requests_.size() == kMostRequests || requester_->codec->free_streams() == 0) return;
    const size_t size = kind & 1 ? script_.next() * size_t{311} : 0;
    const size_t wanted = kind & 2 ? script_.next() * size_t{733} : kind;
    requests_.push_back(std::make_unique<Request>(requests_.size(), size, wanted, (kind & 4) != 0));
    Request& request = *requests_.back();
    request.stream = &requester_->codec->open(request);
    request.send_head();
  }

  void connect_waiting() {
    for (auto& exchange : relay_->exchanges) {
      if (!exchange->wants_connection()) continue;
      if (upstreams_.empty() || upstreams_.back()->codec->free_streams() == 0) {
        upstreams_.push_back(
            std::make_unique<Upstream>(world_, std::make_unique<Link>(world_.loop), two_up_, options_[2], options_[3]));
        if (small_buffers_) upstreams_.back()->wire.set_buffer_limit(4096);
      }
      exchange->connect(*upstreams_.back()->codec);
    }
  }

  bool move(size_t most) {
    bool any = down_.move(most);
    for (auto& upstream : upstreams_) any |= upstream->link->move(most);
    return any;
  }

  /// Nothing is held back any more: whether anybody is still waiting for something.
  bool everybody_goes_on() {
    set_blocked(down_.near, false);
    set_blocked(down_.far, false);
    for (auto& request : requests_) request->send_more(5000);
    connect_waiting();
    for (auto& upstream : upstreams_) {
      set_blocked(upstream->wire, false);
      for (auto& answer : upstream->origin.answers) answer->send_more(5000);
    }
    world_.loop.turn(0);
    const bool moved = move(1 << 20);
    const auto waits = [](const auto& request) { return !request->gone && !(request->ended && request->all_sent); };
    return moved || std::ranges::any_of(requests_, waits);
  }

  Script& script_;
  World world_;
  Options options_[4];
  Link down_{world_.loop};
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<Requester> requester_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::unique_ptr<Request>> requests_;
  bool two_down_ = false, two_up_ = false, small_buffers_ = false;
};

}  // namespace
}  // namespace weir::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::http::h2::Script script(data, size);
  weir::http::Run(script).play();
  return 0;
}
