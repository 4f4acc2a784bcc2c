// The rules of a header block (RFC 9113 §8.2, §8.3), one fault a case, and the words of the access log that follow from them.
#include "http/h2/headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::http::h2 {
namespace {

using Block = BlockReader::Block;
using Verdict = BlockReader::Verdict;
using Fields = std::vector<std::pair<std::string, std::string>>;

/// Reads whole blocks.
struct Reading {
  /// The first verdict that is not kOk.
  Verdict read(Block block, const Fields& fields, bool end_stream = true) {
    reader.begin(map, block, body);
    for (const auto& [name, value] : fields) {
      if (const Verdict verdict = reader.add(name, value); verdict != Verdict::kOk) return verdict;
    }
    return reader.finish(end_stream);
  }

  Http2Stats stats;
  Arena arena;
  HeaderMap map{arena};
  BodyLength body;
  BlockReader reader{CodecLimits(), stats, /*allow_connect=*/true};
};

Verdict verdict(Block block, const Fields& fields, bool end_stream = true) { return Reading().read(block, fields, end_stream); }

const Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.example"}};

Fields get_with(std::pair<std::string, std::string> field) {
  Fields fields = kGet;
  fields.push_back(std::move(field));
  return fields;
}

TEST(H2Headers, AFieldThatMayNotBeThereIsABadField) {
  const Fields bad = {
      {"Upper", "x"},
      {"x y", "z"},
      {"", "x"},
      {"x\xe9", "y"},
      {"x", "a\nb"},
      {"x", " a"},
      {"x", "a\t"},
      {"x", "\x7f"},
      {"te", "gzip"},
      {"te", "Trailers"},
      {"connection", ""},
      {"upgrade", "x"},
      {"keep-alive", "x"},
      {"host", "a b"},
      {"host", "user@a.example"},
      {"content-length", "-1"},
      {"content-length", ""},
      {"x", std::string(40, 'a') + '\0' + "b"},
  };
  for (const auto& field : bad) {
    EXPECT_EQ(verdict(Block::kRequest, get_with(field)), Verdict::kBadField) << field.first << ": " << field.second;
  }
}

TEST(H2Headers, APseudoHeaderThatMayNotBeThereIsABadMessage) {
  const Fields bad = {{":path", "/twice"}, {":status", "200"}, {":unknown", "x"}};
  for (const auto& field : bad) EXPECT_EQ(verdict(Block::kRequest, get_with(field)), Verdict::kBadMessage) << field.first;
  EXPECT_EQ(verdict(Block::kRequestTrailers, {{":path", "/"}}), Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kResponse, {{":status", "200"}, {":path", "/"}}), Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kRequest, {{"x", "y"}, {":method", "GET"}}), Verdict::kBadField) << "after other fields";
}

TEST(H2Headers, EveryRequestHasAMethodASchemeAPathAndAHost) {
  for (size_t missing = 0; missing < kGet.size(); ++missing) {
    Fields fields = kGet;
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_EQ(verdict(Block::kRequest, fields), Verdict::kBadMessage) << "without " << kGet[missing].first;
  }
  Fields by_host(kGet.begin(), kGet.begin() + 3);
  by_host.emplace_back("host", "b.example");
  Reading reading;
  EXPECT_EQ(reading.read(Block::kRequest, by_host), Verdict::kOk);
  EXPECT_EQ(reading.map.authority(), "b.example");
}

TEST(H2Headers, ConnectNamesAnAuthorityAndNothingElseUnlessItNamesAProtocol) {
  EXPECT_EQ(verdict(Block::kRequest, {{":method", "CONNECT"}, {":authority", "a:1"}}), Verdict::kOk);
  EXPECT_EQ(verdict(Block::kRequest, {{":method", "CONNECT"}}), Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kRequest, {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}}), Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kRequest, get_with({":protocol", "websocket"})), Verdict::kBadMessage) << "with GET";
  Fields extended = get_with({":protocol", "websocket"});
  extended[0].second = "CONNECT";
  EXPECT_EQ(verdict(Block::kRequest, extended), Verdict::kOk);
}

TEST(H2Headers, APathBeginsWithASlashWhateverTheScheme) {
  EXPECT_EQ(verdict(Block::kRequest, {{":method", "GET"}, {":scheme", "ftp"}, {":path", "a"}, {":authority", "a"}}),
            Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kRequest, {{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}),
            Verdict::kOk);
}

TEST(H2Headers, WhatWasSaidMayBeSaidAgain) {
  Fields fields = kGet;
  fields.insert(fields.end(), {{"host", "a.example"}, {"host", "b.example"}, {"content-length", "3"}, {"content-length", "3"}});
  Reading reading;
  EXPECT_EQ(reading.read(Block::kRequest, fields, false), Verdict::kOk);
  EXPECT_EQ(reading.map.authority(), "a.example");
  EXPECT_EQ(reading.map.size(), 1u) << "one content-length";
  fields.back().second = "4";
  EXPECT_EQ(verdict(Block::kRequest, fields, false), Verdict::kBadField);
}

TEST(H2Headers, ABodyHasTheLengthThatItsHeadPromised) {
  Reading reading;
  EXPECT_EQ(reading.read(Block::kRequest, get_with({"content-length", "5"}), false), Verdict::kOk);
  EXPECT_TRUE(reading.body.admits(3));
  EXPECT_FALSE(reading.body.complete());
  EXPECT_TRUE(reading.body.admits(2));
  EXPECT_TRUE(reading.body.complete());
  EXPECT_FALSE(reading.body.admits(1));
  EXPECT_EQ(verdict(Block::kRequest, get_with({"content-length", "5"}), true), Verdict::kBodyMissing);
}

TEST(H2Headers, TrailersEndTheStreamAndNameNoHost) {
  EXPECT_EQ(verdict(Block::kRequestTrailers, {{"x", "y"}}, false), Verdict::kUnfinished);
  EXPECT_EQ(verdict(Block::kResponseTrailers, {{"host", "a"}}), Verdict::kBadMessage);
  EXPECT_EQ(verdict(Block::kResponseTrailers, {{"grpc-status", "0"}}), Verdict::kOk);
}

TEST(H2Headers, AStatusHasThreeDigitsAndIsNot101) {
  for (const char* status : {"99", "1000", "099", "abc", "101", ""}) {
    EXPECT_EQ(verdict(Block::kResponse, {{":status", status}}), Verdict::kBadField) << status;
  }
  EXPECT_EQ(verdict(Block::kResponse, {{"x", "y"}}), Verdict::kBadMessage);
}

TEST(H2Headers, SomeAnswersHaveNoBodyWhateverTheyPromise) {
  for (const char* status : {"204", "304"}) {
    Reading reading;
    EXPECT_EQ(reading.read(Block::kResponse, {{":status", status}}, false), Verdict::kOk);
    EXPECT_FALSE(reading.body.admits(1)) << status;
  }
  Reading head;
  head.body.of_head = true;
  EXPECT_EQ(head.read(Block::kResponse, {{":status", "200"}, {"content-length", "5"}}), Verdict::kOk);
  EXPECT_EQ(verdict(Block::kResponse, {{":status", "204"}, {"content-length", "5"}}), Verdict::kBadField);
  EXPECT_EQ(verdict(Block::kResponse, {{":status", "103"}}, true), Verdict::kBadMessage) << "a final one must follow";
}

}  // namespace
}  // namespace weir::http::h2
