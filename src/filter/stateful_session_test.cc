// What a client keeps of its session.
#include "filter/stateful_session.h"

#include <gtest/gtest.h>

namespace weir::filter {
namespace {

TEST(StatefulSession, AnAddressComesBackOutOfItsCookie) {
  for (const std::string address : {"127.0.0.1:80", "[::1]:12345", "/a/pipe"}) {
    EXPECT_EQ(session_address(session_value(address, 0), 1000), address);
    EXPECT_EQ(session_address(session_value(address, 1000), 1000), address);
  }
}

TEST(StatefulSession, AnExpiredOneIsNone) { EXPECT_EQ(session_address(session_value("127.0.0.1:80", 999), 1000), ""); }

TEST(StatefulSession, NonsenseIsNone) {
  for (const char* text : {"", "x", "====", "AAA", "CgA=", "not base64!!"}) EXPECT_EQ(session_address(text, 0), "") << text;
}

TEST(StatefulSession, WhatIsNoMessageIsTheAddressItself) {
  EXPECT_EQ(session_address("MTI3LjAuMC4xOjgw", 0), "127.0.0.1:80");
  EXPECT_EQ(session_address("Cv///////////wE=", 0), from_base64("Cv///////////wE=")) << "more bytes than there are";
}

TEST(StatefulSession, Base64IsPadded) {
  for (const std::string text : {"a", "ab", "abc", "abcd", "\xff\xfe"}) {
    EXPECT_EQ(base64(text).size() % 4, 0u);
    EXPECT_EQ(from_base64(base64(text)), text);
  }
  EXPECT_EQ(base64("127.0.0.1:80"), "MTI3LjAuMC4xOjgw");
}

}  // namespace
}  // namespace weir::filter
