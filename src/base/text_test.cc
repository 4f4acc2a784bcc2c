// Case, white space, numbers and lists, exactly as the RFCs mean them.
#include "base/text.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Text, OnlyAsciiLettersHaveCase) {
  EXPECT_EQ(lower("AbC-[@Z`{ 09"), "abc-[@z`{ 09");
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  const std::string lowered = lower(every);
  for (int c = 0; c < 256; ++c) {
    const bool capital = c >= 'A' && c <= 'Z';
    EXPECT_EQ(static_cast<unsigned char>(lowered[c]), capital ? c + 32 : c);
    EXPECT_EQ(to_lower(static_cast<char>(c)), lowered[c]);
  }
}

TEST(Text, ComparingIgnoresCaseAndNothingElse) {
  EXPECT_TRUE(iequals("Content-Length", "content-LENGTH"));
  EXPECT_TRUE(iequals("", ""));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("@", "`"));  // 0x20 apart, as 'A' and 'a' are
  EXPECT_FALSE(iequals("[", "{"));
}

TEST(Text, TrimmingTakesSpacesAndTabsAndNoOtherWhiteSpace) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim("\ra\n"), "\ra\n");
  EXPECT_EQ(trim("\v \f"), "\v \f");
  EXPECT_EQ(trim(" \t "), "");
}

TEST(Text, ANumberIsAllOfTheTextOrNothing) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_number<int>("-12"), -12);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0", "18446744073709551616", "12a"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_number<uint16_t>("65536"), std::nullopt);
}

TEST(Text, AListIsTakenApartOneTrimmedPieceAtATime) {
  std::string_view rest = " a ,, b\t";
  EXPECT_EQ(next_token(rest), "a");
  EXPECT_EQ(next_token(rest), "");
  EXPECT_EQ(next_token(rest), "b");
  EXPECT_TRUE(rest.empty());
  rest = "x;y";
  EXPECT_EQ(next_token(rest, ';'), "x");
  EXPECT_EQ(rest, "y");
}

TEST(Text, ATokenIsFoundInAListWhateverItsCaseButNotAsAPartOfAnother) {
  EXPECT_TRUE(list_has_token("keep-alive, Upgrade", "upgrade"));
  EXPECT_TRUE(list_has_token("close", "close"));
  EXPECT_FALSE(list_has_token("closed, not-close", "close"));
  EXPECT_FALSE(list_has_token("", "close"));
  EXPECT_FALSE(list_has_token(",,", "close"));
}

}  // namespace
}  // namespace weir
