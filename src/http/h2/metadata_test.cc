#include "http/h2/metadata.h"

#include <gtest/gtest.h>

#include "http/h2/h2_test_peer.h"

namespace weir::http::h2 {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view kBlock = "\0\1k\1v"sv;  // k: v

TEST(Metadata, ABlockIsPassedOnAsOneThatNeedsNoTable) {
  EXPECT_EQ(normalise_metadata(kBlock), kBlock);
  EXPECT_EQ(normalise_metadata("\x40\1k\1v"sv), kBlock) << "added to the table";
  EXPECT_EQ(normalise_metadata("\x40\1k\1v\xbe"sv), kBlock) << "and taken from it again";
  EXPECT_EQ(normalise_metadata("\x20\0\1k\1v"sv), kBlock) << "after a change of its size";
  EXPECT_EQ(normalise_metadata("\x82"sv), "\x82") << "fields that everybody knows";
}

TEST(Metadata, TheFirstValueOfANameCounts) { EXPECT_EQ(normalise_metadata("\0\1k\1v\0\1k\1w"sv), kBlock); }

TEST(Metadata, ABlockMayHoldNothing) {
  EXPECT_EQ(normalise_metadata(""), "");
  EXPECT_EQ(normalise_metadata("\x20"), "");
}

TEST(Metadata, WhatIsNoHpackIsRefused) {
  for (const std::string_view bad : {"\xff\xff\xff"sv, "\0\1k\1"sv, "\0\1k"sv, "\0"sv, "\xbe"sv, "\x80"sv,
                                     "\x3f\xe1\xff\3\0\1k\1v"sv, "\0\1k\x84\xff\xff\xff\xff"sv, "\0\1k\1v\x20"sv}) {
    EXPECT_EQ(normalise_metadata(bad), std::nullopt) << testing::PrintToString(bad);
  }
}

TEST(Metadata, AShortBlockCannotBecomeALongOne) {
  std::string block("\x40\1k\x7f\x81\x17", 6);  // a value of 3,072 bytes, in the table
  block.append(3072, 'x');
  block.append(5'000, '\xbe');
  const auto result = normalise_metadata(block);
  ASSERT_TRUE(result);
  EXPECT_LT(result->size(), 4000u);
  block.append(495'000, '\xbe');
  EXPECT_EQ(normalise_metadata(block), std::nullopt) << "nor take the time of one";
}

class MetadataFrames : public testing::Test {
 protected:
  void run() { shuttle(loop, client, server); }

  loop::EventLoop loop{1};
  TestServer server{loop};
  TestClient client{loop};
};

TEST_F(MetadataFrames, TheyFollowTheHeadOfARequestAndGoBeforeThatOfAnAnswerIfSaidBefore) {
  TestStream& ours = client.post("", false);
  ours.stream->send_metadata(kBlock);
  run();
  ASSERT_EQ(server.streams.size(), 1u);
  TestStream& theirs = *server.streams[0];
  EXPECT_EQ(theirs.heads, 1);
  EXPECT_EQ(theirs.metadata, std::vector<std::string>{std::string(kBlock)});
  theirs.stream->send_metadata(kBlock);
  run();
  EXPECT_EQ(ours.heads, 0);
  EXPECT_EQ(ours.metadata.size(), 1u);
  ours.stream->send_body("x", true);
  server.answer(0, "y");
  run();
  EXPECT_TRUE(ours.complete);
  EXPECT_EQ(ours.body, "y");
}

TEST_F(MetadataFrames, ALargeBlockTakesSeveralFrames) {
  TestStream& ours = client.post("", false);
  std::string large("\0\1k\x7f\xc1\xb7\2", 7);  // 40,000 bytes
  large.append(40'000, '~');
  ours.stream->send_metadata(large);
  run();
  ASSERT_EQ(server.streams[0]->metadata.size(), 1u);
  EXPECT_GE(server.streams[0]->metadata[0].size(), 40'000u);
  ours.stream->reset(Reset::kLocal);
  run();
}

TEST_F(MetadataFrames, TheyAreNotTakenAfterTheEnd) {
  TestStream& ours = client.get();
  ours.stream->send_metadata(kBlock);
  run();
  EXPECT_TRUE(server.streams[0]->metadata.empty());
  server.answer(0, "");
  run();
  EXPECT_TRUE(ours.complete);
}

TEST_F(MetadataFrames, EmptyOnesAreCounted) {
  TestStream& ours = client.post("", false);
  ours.stream->send_metadata("");
  run();
  EXPECT_EQ(server.stats.metadata_empty_frames.value(), 1u);
  EXPECT_TRUE(server.streams[0]->metadata.empty());
  ours.stream->reset(Reset::kLocal);
  run();
}

TEST_F(MetadataFrames, WhoDoesNotReadThemIsGivenUp) {
  TestStream& ours = client.post("", false);
  run();
  client.wire.set_blocked(true);
  const std::string large = "\0\1k\x7f\xc1\xb7\2"s + std::string(40'000, '~');
  for (int i = 0; i < 2000 && client.protocol_error.empty(); ++i) {
    ours.stream->send_metadata(large);
    loop.turn(0);
  }
  EXPECT_EQ(client.protocol_error, "Too many frames in the outbound queue.");
  EXPECT_LE(client.wire.unsent(), kMostUnsent + 100'000);
  EXPECT_TRUE(ours.was_reset);
}

TEST(MetadataLimit, MoreThanAStreamMayBringEndsTheConnection) {
  loop::EventLoop loop{1};
  Http2Options few;
  few.max_metadata_size = 9;
  TestServer server{loop, few};
  TestClient client{loop};
  TestStream& ours = client.post("", false);
  ours.stream->send_metadata(kBlock);
  shuttle(loop, client, server);
  EXPECT_EQ(server.streams[0]->metadata.size(), 1u);
  ours.stream->send_metadata(kBlock);
  shuttle(loop, client, server);
  EXPECT_TRUE(server.streams[0]->was_reset);
  EXPECT_EQ(server.protocol_error, "The user callback function failed");
}

}  // namespace
}  // namespace weir::http::h2
