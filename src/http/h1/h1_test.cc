// HTTP/1, both sides, over a MemoryStream.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/codec.h"
#include "net/memory_stream.h"

namespace weir::http {
namespace {

/// Hears about one exchange and remembers it; on the server's side it can answer.
struct Exchange final : StreamEvents {
  HeaderMap& incoming_headers() override { return headers; }
  HeaderMap& incoming_trailers() override { return trailers; }
  void on_headers(bool end) override {
    heads++;
    ended = end;
  }
  void on_informational() override { informational.push_back(headers.status()); }
  void on_body(std::string_view bytes, bool end) override {
    body += bytes;
    ended = end;
  }
  void on_trailers() override { ended = got_trailers = true; }
  void on_reset(Reset reason, std::string_view why) override {
    reset = reason;
    details = why;
  }
  void on_malformed(const ProtocolError& error) override { malformed = error; }
  void on_complete() override { complete = true; }

  Arena arena;
  HeaderMap headers{arena}, trailers{arena};
  Stream* stream = nullptr;
  int heads = 0;
  bool ended = false, got_trailers = false, complete = false;
  std::string body, details;
  std::vector<int> informational;
  std::optional<Reset> reset;
  std::optional<ProtocolError> malformed;
};

class Http1ServerTest : public ::testing::Test, public ServerEvents, public net::ByteStream::Handler {
 protected:
  Http1ServerTest() {
    connection.set_handler(*this);
    connection.start();
  }
  void open() { codec = make_http1_server(connection, loop, *this, options, limits, stats); }
  void receive(std::string_view bytes) {
    if (codec == nullptr) open();
    connection.deliver(bytes);
  }
  Exchange& last() { return *exchanges.back(); }
  void answer(Exchange& exchange, int status, std::string_view body) {
    HeaderMap response(exchange.arena);
    response.set_status(status);
    const std::string length = std::to_string(body.size());
    response.add(HeaderId::kContentLength, exchange.arena.copy(length));
    exchange.stream->send_headers(response, body.empty());
    if (!body.empty()) exchange.stream->send_body(body, true);
  }
  void next_turn() { loop.turn(0); }

  StreamEvents& on_new_stream(Stream& stream) override {
    exchanges.push_back(std::make_unique<Exchange>());
    last().stream = &stream;
    return last();
  }
  void on_protocol_error(const ProtocolError&) override {}
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(); }
  void before_flush() override { codec->before_flush(); }
  void on_drained() override { codec->on_drained(); }

  loop::EventLoop loop{1};
  net::MemoryStream connection{loop};
  Http1Options options;
  CodecLimits limits;
  Http1Stats stats;
  std::unique_ptr<ServerCodec> codec;
  std::vector<std::unique_ptr<Exchange>> exchanges;
};

TEST_F(Http1ServerTest, ARequestIsReadWithItsNamesInLowerCaseAndItsValuesTrimmed) {
  receive("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Thing: \t value with spaces \r\nAccept:*/*\r\n\r\n");
  ASSERT_EQ(exchanges.size(), 1u);
  EXPECT_TRUE(last().ended);
  EXPECT_EQ(last().headers.method(), "GET");
  EXPECT_EQ(last().headers.path(), "/a?b=c");
  EXPECT_EQ(last().headers.authority(), "example.com");
  EXPECT_EQ(last().headers.get_joined("x-thing"), "value with spaces");
  EXPECT_EQ(last().headers.get(HeaderId::kAccept), "*/*");
}

TEST_F(Http1ServerTest, ARequestMayComeByteByByte) {
  for (char c : std::string("\r\nPOST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")) receive({&c, 1});
  ASSERT_EQ(exchanges.size(), 1u);
  EXPECT_EQ(last().body, "hello");
  EXPECT_TRUE(last().ended);
}

TEST_F(Http1ServerTest, ChunksAreJoinedAndTheirExtensionsDropped) {
  receive("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  EXPECT_EQ(last().body, "hello world");
  EXPECT_TRUE(last().ended);
  EXPECT_TRUE(
      last().headers.has(HeaderId::kTransferEncoding));  // what is left out upstream is decided where requests are prepared
}

TEST_F(Http1ServerTest, TrailersAreKeptIfAskedForAndElseOnlyChecked) {
  const std::string request = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n";
  options.enable_trailers = true;
  receive(request);
  EXPECT_TRUE(last().got_trailers);
  EXPECT_EQ(last().trailers.get_joined("x-sum"), "1");
  answer(last(), 200, "");
  connection.take_sent();
  options.enable_trailers = false;
  receive(request);
  EXPECT_FALSE(last().got_trailers);
  EXPECT_TRUE(last().ended);
}

TEST_F(Http1ServerTest, WhatAnExchangeCostsIsCounted) {
  options.enable_trailers = true;
  const std::string request = "POST / HTTP/1.1\r\nHost:  a \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n";
  receive(request.substr(0, 10));
  receive(request.substr(10));
  answer(last(), 200, "hello");
  const StreamTraffic& traffic = last().traffic;
  EXPECT_EQ(traffic.received.wire, request.size());
  EXPECT_EQ(traffic.received.headers, (4 + 1 + 3) + (17 + 7 + 3) + (1 + 1 + 3));
  EXPECT_EQ(traffic.received.decompressed, (4 + 1 + 3) + (17 + 7 + 3));
  EXPECT_EQ(traffic.sent.headers, std::string_view("content-length: 5\r\n").size());
  EXPECT_EQ(traffic.sent.wire, std::string_view("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").size());
}

TEST_F(Http1ServerTest, ThePipelinedRequestWaitsForTheAnswerToTheFirst) {
  receive("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
  ASSERT_EQ(exchanges.size(), 1u);
  answer(last(), 200, "one");
  EXPECT_EQ(connection.take_sent(), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none");
  EXPECT_TRUE(last().complete);
  next_turn();
  ASSERT_EQ(exchanges.size(), 2u);
  EXPECT_EQ(last().headers.path(), "/2");
}

TEST_F(Http1ServerTest, AnAbsoluteTargetReplacesTheHost) {
  receive("GET http://other.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(last().headers.authority(), "other.example:81");
  EXPECT_EQ(last().headers.path(), "/p?q");
}

TEST_F(Http1ServerTest, AResponseWithoutLengthIsSentInChunks) {
  receive("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  HeaderMap response(last().arena);
  response.set_status(200);
  last().stream->send_headers(response, false);
  last().stream->send_body("abc", false);
  last().stream->send_body("", true);
  EXPECT_EQ(connection.take_sent(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(Http1ServerTest, TheAnswerToHeadHasNoBodyButKeepsItsLength) {
  receive("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
  HeaderMap response(last().arena);
  response.set_status(200);
  response.add(HeaderId::kContentLength, "10");
  last().stream->send_headers(response, false);
  last().stream->send_body("0123456789", true);
  EXPECT_EQ(connection.take_sent(), "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
}

TEST_F(Http1ServerTest, CloseIsPromisedAndKept) {
  receive("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  answer(last(), 200, "");
  EXPECT_EQ(connection.take_sent(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(codec->wants_close());
}

TEST_F(Http1ServerTest, AnAnswerBeforeTheEndOfTheRequestEndsTheConnection) {
  receive("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc");
  answer(last(), 413, "");
  connection.take_sent();
  EXPECT_TRUE(codec->wants_close());
  EXPECT_TRUE(last().complete);
}

TEST_F(Http1ServerTest, TheBeginningOfARequestIsOneThatWasCutOff) {
  receive("GET / HT");
  codec->receive_end();
  ASSERT_EQ(exchanges.size(), 1u);
  EXPECT_EQ(last().reset, Reset::kConnectionTermination);
  EXPECT_EQ(last().traffic.received.wire, 8u);
}

TEST_F(Http1ServerTest, AClientThatGoesAwayResetsItsExchange) {
  receive("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  connection.deliver_end();
  EXPECT_EQ(last().reset, Reset::kConnectionTermination);
}

TEST_F(Http1ServerTest, Http10IsRefusedUnlessConfigured) {
  receive("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(last().malformed);
  EXPECT_EQ(last().malformed->status, 426);
}

struct Malformed {
  const char* what;
  const char* bytes;
  int status;
};
class MalformedRequest : public Http1ServerTest, public ::testing::WithParamInterface<Malformed> {};

TEST_P(MalformedRequest, IsRefusedAndNothingAfterItIsRead) {
  receive(GetParam().bytes);
  ASSERT_FALSE(exchanges.empty());
  ASSERT_TRUE(last().malformed) << GetParam().what;
  EXPECT_EQ(last().malformed->status, GetParam().status) << GetParam().what;
  const size_t seen = exchanges.size();
  receive("GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(exchanges.size(), seen) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedRequest,
    ::testing::Values(
        Malformed{"length and chunks",
                  "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Malformed{"two lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400},
        Malformed{"a list of lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc", 400},
        Malformed{"a signed length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc", 400},
        Malformed{"a length beyond all bounds", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
                  400},
        Malformed{"two encodings",
                  "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 501},
        Malformed{"an unknown encoding", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", 501},
        Malformed{"chunked not last", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n", 501},
        Malformed{"obs-fold", "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n", 400},
        Malformed{"bare line feeds", "GET / HTTP/1.1\nhost: a\n\n", 400},
        Malformed{"a bare line feed in a head", "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", 400},
        Malformed{"a bare carriage return", "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r2\r\n\r\n", 400},
        Malformed{"a space before the colon", "GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400},
        Malformed{"a line without colon", "GET / HTTP/1.1\r\nhost: a\r\nnonsense\r\n\r\n", 400},
        Malformed{"an empty name", "GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n", 400},
        Malformed{"a control character in a value", "GET / HTTP/1.1\r\nhost: a\r\nx: \x01\r\n\r\n", 400},
        Malformed{"two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400},
        Malformed{"an unknown method", "FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 400},
        Malformed{"an unknown version", "GET / HTTP/1.2\r\nhost: a\r\n\r\n", 426},
        Malformed{"no version", "GET /\r\nhost: a\r\n\r\n", 426},
        Malformed{"a chunk size that is none", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400},
        Malformed{"a chunk size beyond all bounds",
                  "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n", 400},
        Malformed{"a chunk longer than it says", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxx\r\n",
                  400},
        Malformed{"a chunk size with a bare line feed",
                  "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400}));

TEST_F(Http1ServerTest, AHeadBeyondTheLimitIsRefusedBeforeItIsComplete) {
  receive("GET / HTTP/1.1\r\nhost: a\r\nx: ");
  for (int i = 0; i < 80 && (exchanges.empty() || !last().malformed); ++i) receive(std::string(1024, 'a'));
  ASSERT_FALSE(exchanges.empty());
  EXPECT_EQ(last().malformed->status, 431);
}

TEST_F(Http1ServerTest, TooManyHeadersAreRefused) {
  std::string request = "GET / HTTP/1.1\r\nhost: a\r\n";
  for (int i = 0; i < 101; ++i) request += "x: y\r\n";
  receive(request + "\r\n");
  EXPECT_EQ(last().malformed->status, 431);
}

class Http1ClientTest : public ::testing::Test, public ClientEvents, public net::ByteStream::Handler {
 protected:
  Http1ClientTest() {
    connection.set_handler(*this);
    connection.start();
    codec = make_http1_client(connection, loop, *this, options, limits, stats);
  }
  Stream& get(std::string_view path) {
    Stream& stream = codec->open(exchange);
    HeaderMap request(exchange.arena);
    request.set_pseudo(HeaderId::kMethod, "GET");
    request.set_pseudo(HeaderId::kPath, path);
    request.set_pseudo(HeaderId::kAuthority, "a");
    stream.send_headers(request, true);
    return stream;
  }
  void on_stream_closed() override { ++closed; }
  void on_goaway() override { goaway = true; }
  void on_protocol_error(const ProtocolError& e) override { error = e; }
  void on_bytes(std::string_view bytes) override { codec->receive(bytes); }
  void on_end() override { codec->receive_end(); }
  void on_failure(const net::StreamFailure&) override { codec->connection_lost(Reset::kConnectionTermination, ""); }
  void before_flush() override { codec->before_flush(); }

  loop::EventLoop loop{1};
  net::MemoryStream connection{loop};
  Http1Options options;
  CodecLimits limits;
  Http1Stats stats;
  std::unique_ptr<ClientCodec> codec;
  Exchange exchange;
  int closed = 0;
  bool goaway = false;
  std::optional<ProtocolError> error;
};

TEST_F(Http1ClientTest, AResponseLeavesTheConnectionFreeForTheNextRequest) {
  get("/x");
  EXPECT_EQ(connection.take_sent(), "GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
  connection.deliver("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_EQ(exchange.body, "hi");
  EXPECT_TRUE(exchange.ended);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(codec->free_streams(), 1u);
  EXPECT_FALSE(goaway);
}

TEST_F(Http1ClientTest, AResponseWithoutLengthEndsWithTheConnection) {
  get("/");
  connection.deliver("HTTP/1.1 200 OK\r\n\r\nabc");
  EXPECT_FALSE(exchange.ended);
  connection.deliver_end();
  EXPECT_EQ(exchange.body, "abc");
  EXPECT_TRUE(exchange.ended);
  EXPECT_EQ(codec->free_streams(), 0u);
}

TEST_F(Http1ClientTest, InformationalResponsesComeBeforeTheRealOne) {
  get("/");
  connection.deliver("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(exchange.informational, std::vector<int>{103});
  EXPECT_EQ(exchange.headers.status(), 204);
  EXPECT_TRUE(exchange.ended);
}

TEST_F(Http1ClientTest, AConnectionThatEndsInTheMiddleResetsTheExchange) {
  get("/");
  connection.deliver("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab");
  connection.deliver_end();
  EXPECT_EQ(exchange.reset, Reset::kProtocolError);  // a body that ends too early, as Envoy sees it
}

TEST_F(Http1ClientTest, AMalformedResponseIsAProtocolError) {
  get("/");
  connection.deliver("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(exchange.reset, Reset::kProtocolError);
  EXPECT_TRUE(error);
}

TEST_F(Http1ClientTest, AResponseNobodyAskedForIsAProtocolError) {
  connection.deliver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  EXPECT_TRUE(error);
}

TEST_F(Http1ClientTest, ConnectionCloseMakesTheConnectionUnfitForMore) {
  get("/");
  connection.deliver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_TRUE(exchange.ended);
  EXPECT_TRUE(goaway);
  EXPECT_EQ(codec->free_streams(), 0u);
}

}  // namespace
}  // namespace weir::http
