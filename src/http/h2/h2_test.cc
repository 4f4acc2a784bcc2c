#include <gtest/gtest.h>

#include "http/h2/h2_test_peer.h"

namespace weir::http::h2 {
namespace {

class H2 : public testing::Test {
 protected:
  void run() { shuttle(loop, client, server); }

  loop::EventLoop loop{1};
  TestServer server{loop};
  TestClient client{loop};
};

TEST_F(H2, ARequestAndItsResponseGoThroughWithAllTheirParts) {
  TestStream& ours = client.open();
  ours.outgoing.set_pseudo(HeaderId::kMethod, "POST");
  ours.outgoing.set_pseudo(HeaderId::kPath, "/upload?x=1");
  ours.outgoing.add("x-custom", "one");
  ours.outgoing.add(HeaderId::kUserAgent, "test");
  ours.stream->send_headers(ours.outgoing, false);
  ours.stream->send_body("hello ", false);
  ours.stream->send_body("world", true);
  run();

  ASSERT_EQ(server.streams.size(), 1u);
  TestStream& theirs = *server.streams[0];
  EXPECT_EQ(theirs.headers.method(), "POST");
  EXPECT_EQ(theirs.headers.path(), "/upload?x=1");
  EXPECT_EQ(theirs.headers.authority(), "example.com");
  EXPECT_EQ(theirs.headers.scheme(), "http");
  EXPECT_EQ(theirs.headers.get_joined("x-custom"), "one");
  EXPECT_EQ(theirs.headers.get(HeaderId::kUserAgent), "test");
  EXPECT_EQ(theirs.body, "hello world");
  EXPECT_TRUE(theirs.ended);
  EXPECT_FALSE(theirs.complete);

  theirs.outgoing.set_status(201);
  theirs.outgoing.add("x-answer", "two");
  theirs.stream->send_headers(theirs.outgoing, false);
  theirs.stream->send_body("thanks", false);
  theirs.outgoing_trailers.add("grpc-status", "0");
  theirs.stream->send_trailers(theirs.outgoing_trailers);
  EXPECT_FALSE(theirs.complete) << "an event fired inside a call to the stream";
  run();

  EXPECT_TRUE(theirs.complete);
  EXPECT_EQ(ours.headers.status(), 201);
  EXPECT_EQ(ours.headers.get_joined("x-answer"), "two");
  EXPECT_EQ(ours.body, "thanks");
  EXPECT_TRUE(ours.got_trailers);
  EXPECT_EQ(ours.trailers.get_joined("grpc-status"), "0");
  EXPECT_TRUE(ours.complete);
  EXPECT_EQ(client.closed, 1);
  EXPECT_EQ(client.codec->active_streams(), 0u);
  EXPECT_EQ(server.codec->active_streams(), 0u);
  EXPECT_EQ(server.stats.streams_active.value(), 0);
}

TEST_F(H2, TheLastPieceOfABodySaysThatItIsTheLast) {
  TestStream& ours = client.post("all of it");
  run();
  EXPECT_EQ(server.streams[0]->pieces, 1);
  server.answer(0, "answer");
  run();
  EXPECT_EQ(ours.pieces, 1);
  EXPECT_TRUE(ours.complete);
}

TEST_F(H2, AnIdleConnectionLetsTheLoopSleep) {
  client.post("x");
  run();
  server.answer(0, std::string(100'000, 'y'));
  run();
  const int flushes = client.flushes + server.flushes;
  for (int i = 0; i < 10; ++i) loop.turn(0);
  EXPECT_EQ(client.flushes + server.flushes, flushes);
}

TEST_F(H2, ManyStreamsAtOnceKeepTheirBodiesApart) {
  for (int i = 0; i < 100; ++i) client.post("body " + std::to_string(i));
  run();
  ASSERT_EQ(server.streams.size(), 100u);
  for (int i = 99; i >= 0; --i) server.answer(i, server.streams[i]->body);
  run();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.streams[i]->body, "body " + std::to_string(i));
  EXPECT_EQ(client.closed, 100);
}

TEST_F(H2, AStreamObjectIsUsedAgainForALaterStream) {
  client.get();
  run();
  Stream* first = server.streams[0]->stream;
  server.answer(0, "x");
  run();
  client.get();
  run();
  EXPECT_EQ(server.streams[1]->stream, first);
  server.answer(1, "y");
  run();
  EXPECT_EQ(client.streams[1]->body, "y");
}

TEST_F(H2, ABodyLargerThanTheWindowsArrivesWhole) {
  const std::string large(40 * 1024 * 1024, 'z');
  TestStream& ours = client.get();
  run();
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(200);
  theirs.stream->send_headers(theirs.outgoing, false);
  theirs.stream->send_body(large, true);
  run();
  EXPECT_EQ(ours.body.size(), large.size());
  EXPECT_TRUE(ours.complete);
  EXPECT_TRUE(theirs.complete);
}

TEST_F(H2, APausedReceiverStopsTheSenderAtItsWindow) {
  server.pause_after = 1;
  TestStream& ours = client.open();
  ours.outgoing.set_pseudo(HeaderId::kMethod, "POST");
  ours.stream->send_headers(ours.outgoing, false);
  const std::string mebibyte(1024 * 1024, 'm');
  int sent = 0;
  for (; sent < 64 && !ours.stream->over_limit(); ++sent) {
    ours.stream->send_body(mebibyte, false);
    run();
  }
  EXPECT_LT(sent, 20) << "16 MiB of window and 1 MiB of buffer";
  EXPECT_GE(sent, 16);
  TestStream& theirs = *server.streams[0];
  EXPECT_LE(theirs.body.size(), 1024u * 1024);

  theirs.pause_after = 0;
  theirs.stream->resume();
  EXPECT_LE(theirs.body.size(), 1024u * 1024) << "an event fired inside a call to the stream";
  run();
  EXPECT_EQ(theirs.body.size(), sent * mebibyte.size());
  EXPECT_EQ(ours.rooms, 1);
  ours.stream->send_body("", true);
  run();
  EXPECT_TRUE(theirs.ended);
}

TEST_F(H2, TheEndOfAPausedBodyWaitsForTheBody) {
  server.pause_after = 1;
  TestStream& ours = client.post("one", false);
  run();
  TestStream& theirs = *server.streams[0];
  ours.stream->send_body("two", false);
  run();
  ours.outgoing_trailers.add("x-sum", "6");
  ours.stream->send_trailers(ours.outgoing_trailers);
  run();
  EXPECT_EQ(theirs.body, "one");
  EXPECT_FALSE(theirs.got_trailers);
  theirs.pause_after = 0;
  theirs.stream->resume();
  run();
  EXPECT_EQ(theirs.body, "onetwo");
  EXPECT_TRUE(theirs.got_trailers);
  EXPECT_EQ(theirs.trailers.get_joined("x-sum"), "6");
}

TEST_F(H2, APausedResponseIsCompleteOnlyWhenItWasDelivered) {
  TestStream& ours = client.get();
  ours.pause_after = 1;
  run();
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(200);
  theirs.stream->send_headers(theirs.outgoing, false);
  theirs.stream->send_body("a", false);
  run();
  theirs.stream->send_body("b", true);
  run();
  EXPECT_TRUE(theirs.complete);
  EXPECT_EQ(ours.body, "a");
  EXPECT_FALSE(ours.complete);
  ours.pause_after = 0;
  ours.stream->resume();
  run();
  EXPECT_EQ(ours.body, "ab");
  EXPECT_TRUE(ours.ended);
  EXPECT_TRUE(ours.complete);
}

TEST_F(H2, ASlowConnectionMakesTheProducerWaitAndThenGoOn) {
  client.get();
  run();
  server.wire.set_buffer_limit(64 * 1024);
  server.wire.set_blocked(true);
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(200);
  theirs.stream->send_headers(theirs.outgoing, false);
  size_t sent = 0;
  while (!theirs.stream->over_limit() && sent < 100 * 1024 * 1024) {
    theirs.stream->send_body(std::string(10'000, 's'), false);
    sent += 10'000;
    loop.turn(0);
  }
  EXPECT_LT(sent, 256u * 1024);
  EXPECT_LE(server.wire.unsent(), 64u * 1024 + 16 * 1024 + 100);
  EXPECT_EQ(theirs.rooms, 0);
  server.wire.set_blocked(false);
  server.wire.want_flush();
  run();
  EXPECT_EQ(theirs.rooms, 1);
  EXPECT_EQ(client.streams[0]->body.size(), sent);
}

TEST_F(H2, AnAnswerBeforeTheEndOfTheRequestIsFollowedByAResetWithoutError) {
  TestStream& ours = client.post("part", false);
  run();
  server.answer(0, "too early");
  run();
  EXPECT_TRUE(server.streams[0]->complete);
  EXPECT_EQ(server.stats.tx_reset.value(), 1u);
  EXPECT_EQ(ours.body, "too early");
  EXPECT_TRUE(ours.complete);
  EXPECT_EQ(client.stats.rx_reset.value(), 1u);
}

TEST_F(H2, AClientsResetReachesTheServersUserAndTheOtherWayRound) {
  TestStream& first = client.get();
  TestStream& second = client.get();
  run();
  first.stream->reset(Reset::kLocal);
  server.streams[1]->stream->reset(Reset::kLocalRefused);
  run();
  EXPECT_TRUE(server.streams[0]->was_reset);
  EXPECT_EQ(server.streams[0]->reset, Reset::kRemote);
  EXPECT_EQ(server.streams[0]->reset_details, "http2.remote_reset");
  EXPECT_FALSE(first.was_reset) << "who resets is not told";
  EXPECT_TRUE(second.was_reset);
  EXPECT_EQ(second.reset, Reset::kRemoteRefused);
  EXPECT_EQ(client.closed, 2);
}

TEST_F(H2, WhatWasSentBeforeAResetStillArrives) {
  TestStream& ours = client.get();
  run();
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(200);
  theirs.stream->send_headers(theirs.outgoing, false);
  theirs.stream->send_body("half", false);
  theirs.stream->reset(Reset::kLocal);
  run();
  EXPECT_EQ(ours.headers.status(), 200);
  EXPECT_EQ(ours.body, "half");
  EXPECT_TRUE(ours.was_reset);
  EXPECT_EQ(ours.reset, Reset::kRemote);
}

TEST_F(H2, AUserMayResetAStreamWhileItIsBeingToldOfABody) {
  TestStream& ours = client.get();
  ours.reset_after = 1;
  run();
  server.answer(0, "not wanted");
  run();
  EXPECT_EQ(ours.body, "not wanted");
  EXPECT_FALSE(ours.complete);
  EXPECT_FALSE(ours.was_reset);
  EXPECT_EQ(client.codec->active_streams(), 0u);
}

TEST_F(H2, InformationalResponsesComeBeforeTheFinalOne) {
  TestStream& ours = client.post("", false);
  run();
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(100);
  theirs.stream->send_informational(theirs.outgoing);
  run();
  EXPECT_EQ(ours.informational, std::vector<int>{100});
  EXPECT_EQ(ours.heads, 0);
  ours.stream->send_body("x", true);
  run();
  theirs.outgoing.clear();
  server.answer(0, "done");
  run();
  EXPECT_EQ(ours.headers.status(), 200);
  EXPECT_EQ(ours.body, "done");
}

TEST_F(H2, AHeadersOnlyResponseEndsTheStream) {
  TestStream& ours = client.open();
  ours.outgoing.set_pseudo(HeaderId::kMethod, "HEAD");
  ours.stream->send_headers(ours.outgoing, true);
  run();
  TestStream& theirs = *server.streams[0];
  theirs.outgoing.set_status(200);
  theirs.outgoing.add(HeaderId::kContentLength, "1000");
  theirs.stream->send_headers(theirs.outgoing, true);
  run();
  EXPECT_TRUE(ours.ended);
  EXPECT_TRUE(ours.complete);
  EXPECT_EQ(ours.headers.get(HeaderId::kContentLength), "1000");
}

TEST_F(H2, HeadersThatConcernOneHttp1ConnectionAreNotSent) {
  TestStream& ours = client.open();
  ours.outgoing.add(HeaderId::kConnection, "keep-alive");
  ours.outgoing.add(HeaderId::kKeepAlive, "timeout=5");
  ours.outgoing.add(HeaderId::kTransferEncoding, "chunked");
  ours.outgoing.add(HeaderId::kTe, "gzip, trailers");
  ours.stream->send_headers(ours.outgoing, true);
  run();
  const HeaderMap& got = server.streams[0]->headers;
  EXPECT_EQ(got.size(), 1u);
  EXPECT_EQ(got.get(HeaderId::kTe), "trailers");
}

TEST_F(H2, CookieCrumbsBecomeOneLine) {
  TestStream& ours = client.open();
  ours.outgoing.add(HeaderId::kCookie, "a=1");
  ours.outgoing.add(HeaderId::kCookie, "b=2");
  ours.outgoing.add("x-after", "y");
  ours.outgoing.add(HeaderId::kCookie, "c=3");
  ours.stream->send_headers(ours.outgoing, true);
  run();
  EXPECT_EQ(server.streams[0]->headers.get_joined("cookie"), "a=1; b=2; c=3");
  EXPECT_EQ(server.streams[0]->headers.size(), 2u);
}

TEST_F(H2, ShutdownIsAnnouncedFirstAndFinalLater) {
  client.get();
  run();
  server.codec->announce_shutdown();
  run();
  EXPECT_TRUE(client.goaway);
  EXPECT_EQ(client.codec->free_streams(), 0u);
  EXPECT_FALSE(server.codec->wants_close());
  server.codec->goaway();
  run();
  EXPECT_FALSE(server.codec->wants_close()) << "a stream is still open";
  server.answer(0, "last words");
  run();
  EXPECT_EQ(client.streams[0]->body, "last words");
  EXPECT_TRUE(server.codec->wants_close());
  EXPECT_EQ(server.stats.goaway_sent.value(), 2u);
}

TEST_F(H2, ALostConnectionResetsAllStreams) {
  client.get();
  client.get();
  run();
  server.codec->connection_lost();
  client.codec->connection_lost(Reset::kConnectionTermination, "gone");
  for (const auto& stream : server.streams) EXPECT_EQ(stream->reset, Reset::kConnectionTermination);
  for (const auto& stream : client.streams) EXPECT_EQ(stream->reset_details, "gone");
  EXPECT_EQ(server.codec->active_streams(), 0u);
  EXPECT_EQ(client.codec->free_streams(), 0u);
}

TEST_F(H2, TheClientLearnsHowManyStreamsTheServerTakes) {
  Http2Options options;
  options.max_concurrent_streams = 7;
  TestServer small(loop, options);
  TestClient other(loop);
  shuttle(loop, other, small);
  EXPECT_EQ(other.max_streams, 7u);
  other.get();
  EXPECT_EQ(other.codec->free_streams(), 6u);
}

TEST_F(H2, TooManyHeadersResetTheStreamAlone) {
  TestStream& large = client.open();
  for (int i = 0; i < 120; ++i) large.outgoing.add("x-many", "v");
  large.stream->send_headers(large.outgoing, true);
  TestStream& small = client.get();
  run();
  EXPECT_TRUE(large.was_reset);
  EXPECT_TRUE(server.streams[0]->was_reset);
  EXPECT_EQ(server.streams[0]->reset_details, "http2.too_many_headers");
  EXPECT_EQ(server.stats.header_overflow.value(), 1u);
  server.answer(1, "fine");
  run();
  EXPECT_EQ(small.body, "fine");
}

TEST_F(H2, AWebSocketOverHttp2LooksLikeAnUpgradeOnBothSides) {
  Http2Options options;
  options.allow_connect = true;
  TestServer connecting(loop, options);
  TestClient other(loop, options);
  TestStream& ours = other.open();
  ours.outgoing.add(HeaderId::kConnection, "Upgrade");
  ours.outgoing.add(HeaderId::kUpgrade, "websocket");
  ours.stream->send_headers(ours.outgoing, false);
  shuttle(loop, other, connecting);
  ASSERT_EQ(connecting.streams.size(), 1u);
  TestStream& theirs = *connecting.streams[0];
  EXPECT_EQ(theirs.headers.method(), "GET");
  EXPECT_EQ(theirs.headers.get(HeaderId::kUpgrade), "websocket");
  EXPECT_EQ(theirs.headers.get(HeaderId::kConnection), "upgrade");
  theirs.outgoing.set_status(101);
  theirs.outgoing.add(HeaderId::kUpgrade, "websocket");
  theirs.stream->send_headers(theirs.outgoing, false);
  theirs.stream->send_body("frame", false);
  shuttle(loop, other, connecting);
  EXPECT_EQ(ours.headers.status(), 101);
  EXPECT_EQ(ours.headers.get(HeaderId::kUpgrade), "websocket");
  EXPECT_EQ(ours.body, "frame");
}

}  // namespace
}  // namespace weir::http::h2
