#include "net/paired_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "net/internal_address.h"

namespace weir::net {
namespace {

struct Ear final : ByteStream::Handler {
  void on_connected() override { connected = true; }
  void on_bytes(std::string_view bytes) override { heard += bytes; }
  void on_end() override { ended = true; }
  void on_failure(const StreamFailure& failure) override { failed = failure.reason; }
  void on_drained() override { drained = true; }
  void on_finished() override { finished = true; }

  std::string heard, failed;
  bool connected = false, ended = false, drained = false, finished = false;
};

class PairedStreamTest : public ::testing::Test {
 protected:
  PairedStreamTest() {
    const auto address = [](std::string_view name) { return std::make_shared<const Address>(*make_internal_address(name, "")); };
    pair_ = PairedStream::make(loop_, address("client"), address("inner"), 1000);
    pair_.client->set_handler(client_);
    pair_.server->set_handler(server_);
    pair_.server->start();
    turn();
  }
  void turn() {
    for (int i = 0; i < 5; ++i) loop_.turn(0);
  }

  loop::EventLoop loop_{1};
  Ear client_, server_;
  PairedStream::Pair pair_;
};

TEST_F(PairedStreamTest, ConnectsInALaterTurnAndKnowsItsAddresses) {
  EXPECT_TRUE(client_.connected);
  EXPECT_EQ(pair_.client->remote_address()->text(), "envoy://inner/");
  EXPECT_EQ(pair_.server->remote_address()->text(), "envoy://client/");
  EXPECT_TRUE(is_internal(*pair_.client->remote_address()));
  EXPECT_EQ(internal_listener(*pair_.client->remote_address()), "inner");
}

TEST_F(PairedStreamTest, WhatOneHandlerLeavesTheNextGetsFirst) {
  pair_.server->pause();
  pair_.client->write("second");
  turn();
  Ear next;
  pair_.server->set_handler(next);
  pair_.server->unread("first ");
  pair_.server->start();
  turn();
  EXPECT_EQ(next.heard, "first second");
  EXPECT_EQ(server_.heard, "");
}

TEST_F(PairedStreamTest, BytesGoBothWaysAndAreCounted) {
  pair_.client->write("question");
  pair_.server->write("answer");
  EXPECT_EQ(server_.heard, "");  // never from inside the call
  turn();
  EXPECT_EQ(server_.heard, "question");
  EXPECT_EQ(client_.heard, "answer");
  EXPECT_EQ(pair_.client->bytes_sent(), 8u);
  EXPECT_EQ(pair_.client->bytes_received(), 6u);
}

TEST_F(PairedStreamTest, AHalfCloseComesAfterTheBytesBeforeIt) {
  pair_.server->pause();
  pair_.client->write("last");
  pair_.client->finish();
  turn();
  EXPECT_TRUE(client_.finished);
  EXPECT_FALSE(server_.ended);
  pair_.server->resume();
  turn();
  EXPECT_EQ(server_.heard, "last");
  EXPECT_TRUE(server_.ended);
  pair_.server->write("still");
  turn();
  EXPECT_EQ(client_.heard, "still");
}

TEST_F(PairedStreamTest, WhoReadsNothingHoldsTheWriterBack) {
  pair_.server->pause();
  pair_.client->set_buffer_limit(100);
  pair_.client->write(std::string(1500, 'x'));
  turn();
  pair_.client->write(std::string(500, 'y'));
  turn();
  EXPECT_EQ(pair_.client->unsent(), 500u);
  EXPECT_TRUE(pair_.client->over_limit());
  pair_.server->resume();
  turn();
  EXPECT_TRUE(client_.drained);
  EXPECT_EQ(server_.heard.size(), 2000u);
}

TEST_F(PairedStreamTest, ClosingOneEndIsTheEndOfTheOther) {
  pair_.client->write("bye");
  turn();
  pair_.client->close();
  turn();
  EXPECT_EQ(server_.heard, "bye");
  EXPECT_TRUE(server_.ended);
  pair_.server->write("nobody hears this");
  turn();
  EXPECT_EQ(server_.failed, "Connection reset by peer");
}

}  // namespace
}  // namespace weir::net
