#include "net/proxy_protocol.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

using Found = ProxyHeaderFound;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

TEST(ProxyProtocolTest, Version1SaysWhoItIs) {
  ProxyHeader header;
  const std::string line = "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n";
  ASSERT_EQ(read_proxy_header(line + "GET", header), Found::kYes);
  EXPECT_EQ(header.size, line.size());
  EXPECT_EQ(header.source->text(), "1.2.3.4:1000");
  EXPECT_EQ(header.destination->text(), "5.6.7.8:80");
  for (size_t size = 0; size < line.size(); ++size) {
    EXPECT_EQ(read_proxy_header(std::string_view(line).substr(0, size), header), Found::kMore) << size;
  }
}

TEST(ProxyProtocolTest, BrokenLinesAreBroken) {
  ProxyHeader header;
  for (const std::string line :
       {"PROXY TCP4 1.2.3.4 5.6.7.8 1000\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80 9\r\n", "PROXY TCP4 1::2 3::4 1000 80\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 99999 80\r\n", "PROXY UDP4 a b 1 2\r\n", "PROXY TCP4 255.255.255.255 5.6.7.8 1 2\r\n"}) {
    EXPECT_EQ(read_proxy_header(line, header), Found::kBroken) << line;
  }
  EXPECT_EQ(read_proxy_header("PROXY " + std::string(200, 'x'), header), Found::kBroken);
  EXPECT_EQ(read_proxy_header("PROXY UNKNOWN whatever\r\n", header), Found::kYes);
  EXPECT_EQ(header.source, nullptr);
  EXPECT_EQ(read_proxy_header("GET / HTTP/1.1\r\n", header), Found::kNo);
}

TEST(ProxyProtocolTest, Version2HasAddressesAndExtensions) {
  ProxyHeader header;
  const std::string addresses("\x01\x02\x03\x04\x05\x06\x07\x08\x03\xe8\x00\x50", 12);
  const std::string bytes = kSignature + std::string("\x21\x11\x00\x11", 4) + addresses + std::string("\x02\x00\x02hi", 5);
  ASSERT_EQ(read_proxy_header(bytes, header), Found::kYes);
  EXPECT_EQ(header.size, bytes.size());
  EXPECT_EQ(header.source->text(), "1.2.3.4:1000");
  ASSERT_EQ(header.tlvs.size(), 1u);
  EXPECT_EQ(header.tlvs[0].second, "hi");
  EXPECT_EQ(read_proxy_header(kSignature + std::string("\x20\x00\x00\x00", 4), header), Found::kYes);     // LOCAL
  EXPECT_EQ(read_proxy_header(kSignature + std::string("\x21\x00\x00\x00", 4), header), Found::kBroken);  // nobody
  EXPECT_EQ(read_proxy_header(kSignature + std::string("\x31\x11\x00\x0c", 4), header), Found::kBroken);  // version 3
}

TEST(ProxyProtocolTest, WhatIsWrittenIsReadBack) {
  for (const auto& [from, to] : {std::pair("1.2.3.4", "5.6.7.8"), std::pair("2001:db8::1", "::2")}) {
    const Address source = *Address::from_ip(from, 1000), destination = *Address::from_ip(to, 80);
    const std::vector<ProxyTlv> tlvs{{2, "host"}, {234, std::string("\0x", 2)}, {5, ""}};
    for (const std::string& bytes : {proxy_header1(source, destination), proxy_header2(source, destination, tlvs)}) {
      ProxyHeader header;
      ASSERT_EQ(read_proxy_header(bytes + "GET", header), Found::kYes);
      EXPECT_EQ(header.size, bytes.size());
      EXPECT_EQ(header.source->text(), source.text());
      EXPECT_EQ(header.destination->text(), destination.text());
      if (header.version == 2) {
        EXPECT_EQ(header.tlvs, tlvs);
      }
    }
  }
  ProxyHeader header;
  ASSERT_EQ(read_proxy_header(proxy_header2_local(), header), Found::kYes);
  EXPECT_EQ(header.source, nullptr);
}

TEST(ProxyProtocolTest, WhatDoesNotFitIsLeftOut) {
  const Address address = *Address::from_ip("1.2.3.4", 1000);
  const std::vector<ProxyTlv> tlvs{{1, std::string(40'000, 'a')}, {2, std::string(40'000, 'b')}, {3, "c"}};
  ProxyHeader header;
  ASSERT_EQ(read_proxy_header(proxy_header2(address, address, tlvs), header), Found::kYes);
  ASSERT_EQ(header.tlvs.size(), 2u);
  EXPECT_EQ(header.tlvs[1].second, "c");
}

}  // namespace
}  // namespace weir::net
