#include <gtest/gtest.h>

#include "http/h2/h2_test_frames.h"
#include "http/h2/h2_test_peer.h"

namespace weir::http::h2 {
namespace {

/// A server whose peer writes frames by hand.
struct RawPeer {
  explicit RawPeer(const Http2Options& options = {}, const CodecLimits& limits = {}) : server(loop, options, limits) {
    server.wire.deliver(kPreface + frame(kSettings, 0, 0));
    greeting = frames(server.wire.take_sent());
    server.wire.deliver(frame(kSettings, kAck, 0));
  }
  void send(std::string_view bytes) { server.wire.deliver(bytes); }
  void request(uint32_t id, std::string_view extra = "", uint8_t flags = kEndStream) {
    send(frame(kHeaders, kEndHeaders | flags, id, request_fields() + std::string(extra)));
  }
  std::vector<Frame> received() {
    loop.turn(0);
    return frames(server.wire.take_sent());
  }
  TestStream& stream(size_t index) { return *server.streams.at(index); }

  loop::EventLoop loop{1};
  TestServer server;
  std::vector<Frame> greeting;
};

TEST(H2Wire, TheGreetingIsSettingsAndAConnectionWindow) {
  RawPeer peer;
  ASSERT_EQ(peer.greeting.size(), 3u);
  EXPECT_EQ(peer.greeting[0].type, kSettings);
  EXPECT_EQ(peer.greeting[0].payload, std::string("\0\1", 2) + number(4096) + std::string("\0\3", 2) + number(1024) +
                                          std::string("\0\4", 2) + number(16 * 1024 * 1024) + std::string("\0\x8", 2) +
                                          number(0));
  EXPECT_EQ(count(peer.greeting, kWindowUpdate), 1);
  EXPECT_EQ(count(peer.greeting, kSettings), 2) << "ours, and the acknowledgement of theirs";
}

TEST(H2Wire, SettingsWithoutAFieldStandInTheirPlaces) {
  Http2Options options;
  options.more_settings = {{0, 3}, {5, 20000}, {0xfe03, 7}};
  RawPeer peer(options);
  EXPECT_EQ(peer.greeting.at(0).payload, std::string("\0\0", 2) + number(3) + std::string("\0\1", 2) + number(4096) +
                                             std::string("\0\3", 2) + number(1024) + std::string("\0\4", 2) +
                                             number(16 * 1024 * 1024) + std::string("\0\5", 2) + number(20000) +
                                             std::string("\0\x8", 2) + number(0) + std::string("\xfe\3", 2) + number(7));
}

uint32_t goaway_code(const std::vector<Frame>& all) {
  for (const Frame& one : all) {
    if (one.type == kGoaway && one.payload.size() >= 8) return static_cast<unsigned char>(one.payload[7]);
  }
  return 0;
}

// RFC 9113 §5.1
TEST(H2Wire, FramesOnAStreamThatTheClientClosedEndTheConnection) {
  const std::string after[] = {frame(kData, 0, 1, "late"), frame(kHeaders, kEndHeaders | kEndStream, 1, request_fields())};
  for (const std::string& late : after) {
    RawPeer peer;
    peer.request(1, "", 0);
    peer.send(frame(kRst, 0, 1, number(8)) + late);
    EXPECT_EQ(goaway_code(peer.received()), 5u) << "STREAM_CLOSED";
  }
}

TEST(H2Wire, FramesOnAStreamThatWeResetMayStillBeUnderWay) {
  RawPeer peer;
  peer.request(1, "", 0);
  peer.stream(0).stream->reset(Reset::kLocal);
  EXPECT_EQ(count(peer.received(), kRst), 1);
  peer.send(frame(kData, 0, 1, "late") + frame(kData, kEndStream, 1, "later"));
  EXPECT_EQ(count(peer.received(), kGoaway), 0);
}

// RFC 9113 §5.1.1
TEST(H2Wire, WhatFollowsOfAHeadGoesNowhereWhenItsStreamWasGivenUp) {
  const std::string fields = request_fields();
  const std::string head = frame(kHeaders, kEndHeaders | kEndStream, 1, fields + field("x-early", "1") + field("x-late", "2"));
  RawPeer peer;
  peer.send(head.substr(0, head.size() - field("x-late", "2").size()));
  ASSERT_EQ(peer.server.streams.size(), 1u);
  TestStream& given_up = peer.stream(0);
  ASSERT_TRUE(given_up.headers.has_pseudo(HeaderId::kPath)) << "half of it was read";
  given_up.stream->reset(Reset::kLocal);
  given_up.headers.clear();
  peer.send(head.substr(head.size() - field("x-late", "2").size()));
  EXPECT_EQ(given_up.headers.begin(), given_up.headers.end());
  EXPECT_EQ(given_up.heads, 0);
  peer.request(3);
  EXPECT_EQ(peer.stream(1).heads, 1) << "the connection goes on";
}

TEST(H2Wire, AStreamThatWasPassedOverCannotBeOpened) {
  RawPeer peer;
  peer.request(5);
  peer.request(3);
  EXPECT_EQ(goaway_code(peer.received()), 1u) << "PROTOCOL_ERROR";
}

TEST(H2Wire, AMalformedRequestEndsTheConnection) {
  const std::string bad[] = {
      field("Upper", "x"), field("te", "gzip"),      field("connection", "close"),
      field("x", "a\nb"),  field(":path", "/twice"), field("x y", "z"),
  };
  for (const std::string& extra : bad) {
    RawPeer peer;
    peer.request(1, extra);
    EXPECT_EQ(peer.server.protocol_error, "The user callback function failed");
    ASSERT_EQ(peer.server.streams.size(), 1u);
    EXPECT_EQ(peer.stream(0).heads, 0);
    EXPECT_EQ(peer.stream(0).reset, Reset::kProtocolError);
    EXPECT_TRUE(peer.stream(0).reset_details == "http2.invalid.header.field" ||
                peer.stream(0).reset_details == "http2.violation.of.messaging.rule")
        << peer.stream(0).reset_details;
    EXPECT_EQ(peer.server.stats.rx_messaging_error.value(), 1u);
    EXPECT_EQ(count(peer.received(), kGoaway), 1);
    EXPECT_TRUE(peer.server.codec->wants_close());
  }
}

TEST(H2Wire, AMalformedRequestResetsOnlyItsStreamIfSoConfigured) {
  Http2Options options;
  options.override_stream_error_on_invalid_http_message = true;
  RawPeer peer(options);
  peer.request(1, field("te", "gzip"));
  peer.send(frame(kHeaders, kEndHeaders | kEndStream, 3, field(":method", "GET") + field(":scheme", "http")));
  peer.request(5);
  EXPECT_EQ(peer.server.protocol_error, "");
  EXPECT_EQ(peer.stream(0).reset, Reset::kProtocolError);
  EXPECT_EQ(peer.stream(0).reset_details, "http2.invalid.header.field");
  EXPECT_EQ(peer.stream(1).reset_details, "http2.violation.of.messaging.rule");
  EXPECT_EQ(peer.stream(2).heads, 1);
  const auto got = peer.received();
  ASSERT_EQ(count(got, kRst), 2);
  for (const Frame& one : got) {
    if (one.type != kRst) continue;
    EXPECT_EQ(one.payload, number(1)) << "PROTOCOL_ERROR";
  }
  EXPECT_EQ(count(got, kGoaway), 0);
}

TEST(H2Wire, ABodyThatDoesNotMatchItsContentLengthIsNeverCompleted) {
  for (const char* length : {"4", "6"}) {
    RawPeer peer;
    peer.request(1, field("content-length", length), 0);
    peer.send(frame(kData, kEndStream, 1, "12345"));
    EXPECT_EQ(count(peer.received(), kRst), 1);
    EXPECT_EQ(peer.stream(0).heads, 1);
    EXPECT_FALSE(peer.stream(0).ended);
    EXPECT_EQ(peer.stream(0).reset, Reset::kRemote);
    EXPECT_EQ(peer.stream(0).reset_details, "http2.remote_reset");
  }
}

TEST(H2Wire, HostStandsInForAMissingAuthorityAndYieldsToOne) {
  RawPeer peer;
  const std::string start = field(":method", "GET") + field(":scheme", "http") + field(":path", "/");
  peer.send(frame(kHeaders, kEndHeaders | kEndStream, 1, start + field("host", "from.host")));
  peer.send(frame(kHeaders, kEndHeaders | kEndStream, 3, request_fields() + field("host", "from.host")));
  EXPECT_EQ(peer.stream(0).headers.authority(), "from.host");
  EXPECT_EQ(peer.stream(1).headers.authority(), "a.example");
  for (const auto& stream : peer.server.streams) EXPECT_EQ(stream->headers.size(), 0u);
}

TEST(H2Wire, NamesWithUnderscoresAreKeptDroppedOrRejected) {
  CodecLimits limits;
  RawPeer keeping({}, limits);
  limits.underscores = CodecLimits::Underscores::kDrop;
  RawPeer dropping({}, limits);
  limits.underscores = CodecLimits::Underscores::kReject;
  RawPeer rejecting({}, limits);
  for (RawPeer* peer : {&keeping, &dropping, &rejecting}) peer->request(1, field("a_b", "1") + field("c", "2"));
  EXPECT_EQ(keeping.stream(0).headers.get_joined("a_b"), "1");
  EXPECT_EQ(dropping.stream(0).headers.size(), 1u);
  EXPECT_EQ(dropping.server.stats.dropped_headers_with_underscores.value(), 1u);
  EXPECT_TRUE(rejecting.stream(0).was_reset);
  EXPECT_EQ(rejecting.stream(0).reset_details, "http2.unexpected_underscore");
  EXPECT_EQ(rejecting.server.stats.requests_rejected_with_underscores_in_headers.value(), 1u);
  EXPECT_EQ(rejecting.server.protocol_error, "");
}

TEST(H2Wire, PaddingIsTakenAwayAndSplitFramesArePutTogether) {
  RawPeer peer;
  peer.request(1, "", 0);
  const std::string bytes = frame(kData, kPadded | kEndStream, 1, std::string("\3hello\0\0\0", 9));
  for (const char byte : bytes) peer.send(std::string_view(&byte, 1));
  EXPECT_EQ(peer.stream(0).body, "hello");
  EXPECT_TRUE(peer.stream(0).ended);
}

TEST(H2Wire, AConsumedBodyOpensTheWindowsAgain) {
  Http2Options options;
  options.initial_stream_window_size = 65535;
  options.initial_connection_window_size = 65535;
  RawPeer peer(options);
  peer.request(1, "", 0);
  const std::string piece(16384, 'p');
  for (int i = 0; i < 3; ++i) peer.send(frame(kData, 0, 1, piece));
  EXPECT_EQ(count(peer.received(), kWindowUpdate), 2) << "stream and connection";
  peer.stream(0).stream->pause();
  for (int i = 0; i < 2; ++i) peer.send(frame(kData, 0, 1, piece));
  EXPECT_EQ(count(peer.received(), kWindowUpdate), 0);
  peer.stream(0).stream->resume();
  peer.loop.turn(0);
  EXPECT_EQ(peer.stream(0).body.size(), 5 * piece.size());
  EXPECT_GT(count(peer.received(), kWindowUpdate), 0);
}

TEST(H2Wire, ABodyThatWasNotTakenStillCountsForTheConnectionWhenItsStreamIsReset) {
  Http2Options options;
  options.initial_connection_window_size = 65535;
  RawPeer peer(options);
  const std::string piece(16384, 'p');
  for (uint32_t id = 1; id < 21; id += 2) {
    peer.request(id, "", 0);
    TestStream& stream = *peer.server.streams.back();
    stream.stream->pause();
    peer.send(frame(kData, 0, id, piece));
    peer.send(frame(kData, 0, id, piece));
    stream.stream->reset(Reset::kLocal);
    peer.received();
  }
  EXPECT_EQ(peer.server.protocol_error, "") << "the connection window was given back each time";
}

TEST(H2Wire, ATinyWindowOfThePeerIsRespected) {
  RawPeer peer;
  peer.send(frame(kSettings, 0, 0, std::string("\0\4", 2) + number(10)));
  peer.request(1);
  peer.server.answer(0, std::string(25, 'b'));
  auto got = peer.received();
  ASSERT_EQ(count(got, kData), 1);
  EXPECT_EQ(got.back().payload.size(), 10u);
  EXPECT_FALSE(peer.stream(0).complete);
  peer.send(frame(kWindowUpdate, 0, 1, number(100)));
  got = peer.received();
  EXPECT_EQ(got.back().payload.size(), 15u);
  EXPECT_EQ(got.back().flags, kEndStream);
  EXPECT_TRUE(peer.stream(0).complete);
}

TEST(H2Wire, AGrpcAnswerWithoutBodyHasNoEmptyDataFrame) {
  RawPeer peer;
  peer.request(1);
  TestStream& stream = peer.stream(0);
  stream.outgoing.set_status(200);
  stream.stream->send_headers(stream.outgoing, false);
  stream.outgoing_trailers.add("grpc-status", "5");
  stream.stream->send_trailers(stream.outgoing_trailers);
  auto got = peer.received();
  EXPECT_EQ(count(got, kData), 0);
  EXPECT_EQ(count(got, kHeaders), 2);

  peer.request(3);
  TestStream& second = peer.stream(1);
  second.outgoing.set_status(200);
  second.stream->send_headers(second.outgoing, false);
  second.stream->send_body("x", false);
  peer.received();
  second.outgoing_trailers.add("grpc-status", "0");
  second.stream->send_trailers(second.outgoing_trailers);
  got = peer.received();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, kHeaders);
  EXPECT_TRUE(got[0].flags & kEndStream);
}

TEST(H2Wire, MoreStreamsThanAnnouncedEndTheConnection) {
  Http2Options options;
  options.max_concurrent_streams = 2;
  RawPeer peer(options);
  for (uint32_t id : {1, 3, 5}) peer.request(id);
  EXPECT_EQ(peer.server.protocol_error, "The user callback function failed");
  EXPECT_EQ(peer.server.codec->active_streams(), 0u);
}

TEST(H2Wire, GarbageInsteadOfThePrefaceEndsTheConnection) {
  loop::EventLoop loop(1);
  TestServer server(loop);
  server.wire.deliver("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_NE(server.protocol_error, "");
}

struct FloodCase {
  std::string bytes;
  std::string message;
};

TEST(H2Wire, FloodsEndTheConnectionInEnvoysWords) {
  const auto repeat = [](const std::string& bytes, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += bytes;
    return all;
  };
  const FloodCase cases[] = {
      {repeat(frame(kPing, 0, 0, "12345678"), 1100), "Too many control frames in the outbound queue."},
      {repeat(frame(kSettings, 0, 0), 1100), "Too many control frames in the outbound queue."},
      {frame(kHeaders, kEndHeaders, 1, request_fields()) + repeat(frame(kData, 0, 1), 2),
       "Too many consecutive frames with an empty payload"},
      {repeat(frame(kPriority, 0, 1, number(3) + "\x10"), 101), "Too many PRIORITY frames"},
      {repeat(frame(kWindowUpdate, 0, 0, number(1)), 6), "Too many WINDOW_UPDATE frames"},
  };
  for (const FloodCase& flood : cases) {
    RawPeer peer;
    peer.send(flood.bytes);
    peer.received();
    EXPECT_EQ(peer.server.protocol_error, flood.message);
  }
}

TEST(H2Wire, PingsOfAPeerThatDoesNotReadEndTheConnection) {
  RawPeer peer;
  peer.server.wire.set_blocked(true);
  for (int i = 0; i < 1100 && peer.server.protocol_error.empty(); ++i) {
    peer.send(frame(kPing, 0, 0, "12345678"));
    peer.received();
  }
  EXPECT_EQ(peer.server.protocol_error, "Too many control frames in the outbound queue.");
  EXPECT_EQ(peer.server.stats.outbound_control_flood.value(), 1u);
}

TEST(H2Wire, PingsOfAPeerThatReadsAreAnsweredForEver) {
  RawPeer peer;
  for (int i = 0; i < 3000; ++i) {
    peer.send(frame(kPing, 0, 0, "12345678"));
    ASSERT_EQ(count(peer.received(), kPing), 1);
  }
}

TEST(H2Wire, EndlessContinuationFramesEndTheConnection) {
  RawPeer peer;
  peer.send(frame(kHeaders, 0, 1, request_fields()));
  int frames = 0;
  for (; frames < 50'000 && peer.server.protocol_error.empty(); ++frames) peer.send(frame(kContinuation, 0, 1, field("a", "b")));
  EXPECT_NE(peer.server.protocol_error, "");
  EXPECT_GT(frames, 1000) << "as many as it likes, as long as the head is not too large";
}

TEST(H2Wire, LateFramesForAFinishedStreamAreHarmless) {
  RawPeer peer;
  peer.request(1, "", 0);
  peer.server.answer(0, "early");
  peer.received();
  for (int i = 0; i < 20; ++i) peer.send(frame(kData, 0, 1, std::string(10'000, 'l')));
  peer.send(frame(kWindowUpdate, 0, 1, number(5)));
  EXPECT_EQ(peer.server.protocol_error, "");
  peer.request(3);
  EXPECT_EQ(peer.stream(1).heads, 1);
}

TEST(H2Wire, AResponseAfterTheClientsResetGoesNowhere) {
  RawPeer peer;
  peer.request(1);
  peer.stream(0).outgoing.set_status(200);
  peer.stream(0).stream->send_headers(peer.stream(0).outgoing, false);
  peer.send(frame(kRst, 0, 1, number(8)));
  EXPECT_EQ(peer.stream(0).reset, Reset::kRemote);
  EXPECT_EQ(peer.server.codec->active_streams(), 0u);
}

/// A client whose server writes frames by hand.
struct RawServer {
  RawServer() { received(); }
  void send(std::string_view bytes) { client.wire.deliver(bytes); }
  std::vector<Frame> received() {
    loop.turn(0);
    std::string bytes = client.wire.take_sent();
    if (bytes.starts_with(kPreface)) bytes.erase(0, kPreface.size());
    return frames(bytes);
  }
  loop::EventLoop loop{1};
  TestClient client{loop};
};

TEST(H2Wire, AGoawayRefusesTheStreamsAboveIt) {
  RawServer server;
  TestStream& first = server.client.get();
  TestStream& second = server.client.get();
  server.received();
  server.send(frame(kSettings, 0, 0) + frame(kGoaway, 0, 0, number(1) + number(2)));
  server.received();
  EXPECT_TRUE(server.client.goaway);
  EXPECT_FALSE(first.was_reset);
  EXPECT_EQ(second.reset, Reset::kRemoteRefused);
  EXPECT_EQ(second.reset_details, "http2.remote_refuse");
  EXPECT_EQ(server.client.codec->free_streams(), 0u);
}

TEST(H2Wire, WhatIsNoFrameIsAProtocolErrorAlsoIfTheConnectionEndsWithIt) {
  loop::EventLoop loop{1};
  TestClient client(loop);
  TestStream& stream = client.get();
  loop.turn(0);
  client.wire.deliver("HTTP/1.1 400 Bad Request\r\n\r\n");
  client.wire.deliver_end();
  EXPECT_NE(client.protocol_error, "");
  EXPECT_EQ(stream.reset, Reset::kProtocolError);
}

TEST(H2Wire, ARefusedStreamMayBeTriedElsewhere) {
  RawServer server;
  TestStream& ours = server.client.get();
  server.received();
  server.send(frame(kSettings, 0, 0) + frame(kRst, 0, 1, number(7)));
  EXPECT_EQ(ours.reset, Reset::kRemoteRefused);
  EXPECT_EQ(server.client.closed, 1);
}

TEST(H2Wire, AMalformedResponseIsAProtocolError) {
  const std::string bad[] = {
      field(":status", "204") + field("content-length", "5"),
      field(":status", "200") + field("Upper", "x"),
      field("no-status", "x"),
      field(":status", "101"),
      field(":status", "200") + field("transfer-encoding", "chunked"),
  };
  for (const std::string& fields : bad) {
    RawServer server;
    TestStream& ours = server.client.get();
    server.received();
    server.send(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders | kEndStream, 1, fields));
    EXPECT_EQ(ours.reset, Reset::kProtocolError);
    EXPECT_EQ(ours.heads, 0);
    EXPECT_NE(server.client.protocol_error, "");
  }
}

TEST(H2Wire, ACancelledRequestSaysCancelToTheServer) {
  RawServer server;
  TestStream& ours = server.client.get();
  server.received();
  ours.stream->reset(Reset::kLocal);
  const auto got = server.received();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, kRst);
  EXPECT_EQ(got[0].payload, number(8));
  EXPECT_EQ(server.client.closed, 1);
}

TEST(H2Wire, ACancelledRequestThatWasNeverSentIsNotSent) {
  RawServer server;
  TestStream& ours = server.client.get();
  ours.stream->reset(Reset::kLocal);
  EXPECT_EQ(count(server.received(), kHeaders), 0);
  EXPECT_EQ(server.client.closed, 1);
  EXPECT_EQ(server.client.codec->active_streams(), 0u);
}

TEST(H2Wire, AnEarlyCompleteResponseFollowedByAResetWithoutErrorIsComplete) {
  RawServer server;
  TestStream& ours = server.client.post("part", false);
  server.received();
  server.send(frame(kSettings, 0, 0) + frame(kHeaders, kEndHeaders | kEndStream, 1, field(":status", "200")) +
              frame(kRst, 0, 1, number(0)));
  EXPECT_TRUE(ours.complete);
  EXPECT_FALSE(ours.was_reset);
}

}  // namespace
}  // namespace weir::http::h2
