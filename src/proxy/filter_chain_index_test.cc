#include "proxy/filter_chain_index.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using SourceType = FilterChainMatch::SourceType;

net::Address ip(std::string_view text, uint16_t port) { return *net::Address::from_ip(text, port); }

std::vector<net::Cidr> ranges(std::initializer_list<std::pair<std::string_view, int>> list) {
  std::vector<net::Cidr> result;
  for (const auto& [address, length] : list) result.push_back(*net::Cidr::make(address, length));
  return result;
}

/// A connection from 192.0.2.7:5000 to 10.1.2.3:443, unless said otherwise.
struct Caller {
  net::Address destination = ip("10.1.2.3", 443);
  net::Address source = ip("192.0.2.7", 5000);
  net::Address direct_source = ip("192.0.2.7", 5000);
  std::string server_name;
  std::string transport_protocol = "raw_buffer";
  std::vector<std::string> application_protocols;

  size_t chain(const FilterChainIndex& index) const {
    return index.find({destination, source, direct_source, server_name, transport_protocol,
                       application_protocols.empty() ? nullptr : &application_protocols});
  }
};

FilterChainIndex index_of(const std::vector<FilterChainMatch>& matches, size_t default_chain = FilterChainIndex::kNone) {
  return *FilterChainIndex::build(matches, default_chain);
}

TEST(FilterChainIndex, OneChainWithoutConditionsTakesEverything) {
  const FilterChainIndex index = index_of({{}});
  EXPECT_EQ(Caller().chain(index), 0u);
  EXPECT_EQ(Caller{.destination = *net::Address::from_path("/run/weir.sock")}.chain(index), 0u);
}

TEST(FilterChainIndex, WhatNoChainMatchesGoesToTheDefaultChainIfThereIsOne) {
  const std::vector<FilterChainMatch> matches = {{.destination_port = 80}};
  EXPECT_EQ(Caller().chain(index_of(matches)), FilterChainIndex::kNone);
  EXPECT_EQ(Caller().chain(index_of(matches, 1)), 1u);
  EXPECT_EQ(Caller().chain(index_of({}, 0)), 0u);
}

TEST(FilterChainIndex, TheLongestDestinationRangeWinsWhateverTheOrder) {
  const FilterChainIndex index = index_of({{.prefix_ranges = ranges({{"10.0.0.0", 8}})},
                                           {.prefix_ranges = ranges({{"10.1.2.0", 24}, {"2001:db8::", 32}})},
                                           {.prefix_ranges = ranges({{"10.1.0.0", 16}})},
                                           {}});
  EXPECT_EQ(Caller().chain(index), 1u);
  EXPECT_EQ(Caller{.destination = ip("10.1.9.9", 1)}.chain(index), 2u);
  EXPECT_EQ(Caller{.destination = ip("10.9.9.9", 1)}.chain(index), 0u);
  EXPECT_EQ(Caller{.destination = ip("11.9.9.9", 1)}.chain(index), 3u);
  EXPECT_EQ(Caller{.destination = ip("2001:db8::1", 1)}.chain(index), 1u);
  EXPECT_EQ(Caller{.destination = *net::Address::from_path("/run/weir.sock")}.chain(index), 3u);
}

TEST(FilterChainIndex, BitsOutsideOfAPrefixDoNotMatter) {
  const FilterChainIndex index = index_of({{.prefix_ranges = ranges({{"10.1.99.99", 16}})}});
  EXPECT_EQ(Caller().chain(index), 0u);
}

TEST(FilterChainIndex, AnExplicitRangeOfEverythingWinsOverNoRange) {
  const FilterChainIndex index = index_of({{}, {.prefix_ranges = ranges({{"0.0.0.0", 0}})}});
  EXPECT_EQ(Caller().chain(index), 1u);
  EXPECT_EQ(Caller{.destination = ip("2001:db8::1", 1)}.chain(index), 0u);
}

TEST(FilterChainIndex, ThereIsNoWayBackFromAMoreSpecificBucket) {
  // The first chain would take the connection, but the port's bucket was chosen before the source was looked at.
  const FilterChainIndex index = index_of({{.source_prefix_ranges = ranges({{"192.0.2.0", 24}})},
                                           {.destination_port = 443, .source_prefix_ranges = ranges({{"198.51.100.0", 24}})}},
                                          2);
  EXPECT_EQ(Caller().chain(index), 2u);
  EXPECT_EQ(Caller{.destination = ip("10.1.2.3", 80)}.chain(index), 0u);
}

TEST(FilterChainIndex, TheExactServerNameWinsThenTheLongestWildcard) {
  const FilterChainIndex index = index_of(
      {{.server_names = {"*.com"}}, {.server_names = {"*.example.com", "other.org"}}, {.server_names = {"www.example.com"}}, {}});
  EXPECT_EQ(Caller{.server_name = "www.example.com"}.chain(index), 2u);
  EXPECT_EQ(Caller{.server_name = "a.b.example.com"}.chain(index), 1u);
  EXPECT_EQ(Caller{.server_name = "other.org"}.chain(index), 1u);
  EXPECT_EQ(Caller{.server_name = "example.com"}.chain(index), 0u);
  EXPECT_EQ(Caller{.server_name = "com"}.chain(index), 3u);
  EXPECT_EQ(Caller{.server_name = ""}.chain(index), 3u);
}

TEST(FilterChainIndex, TransportAndApplicationProtocolsAreExactOrAbsent) {
  const FilterChainIndex index = index_of(
      {{.transport_protocol = "tls"}, {.application_protocols = {"h2", "h2c"}}, {.application_protocols = {"http/1.1"}}, {}});
  EXPECT_EQ(Caller{.transport_protocol = "tls"}.chain(index), 0u);
  EXPECT_EQ((Caller{.application_protocols = {"http/1.1", "h2"}}.chain(index)), 2u) << "the first that is offered";
  EXPECT_EQ((Caller{.application_protocols = {"h3", "h2"}}.chain(index)), 1u);
  EXPECT_EQ((Caller{.application_protocols = {"h3"}}.chain(index)), 3u);
}

TEST(FilterChainIndex, LoopbackAndTheSameAddressAreNear) {
  const FilterChainIndex index =
      index_of({{.source_type = SourceType::kSameIpOrLoopback}, {.source_type = SourceType::kExternal}, {}});
  EXPECT_EQ(Caller().chain(index), 1u);
  EXPECT_EQ(Caller{.source = ip("127.0.0.1", 1)}.chain(index), 0u);
  EXPECT_EQ(Caller{.source = ip("127.0.0.5", 1)}.chain(index), 1u) << "only the one address";
  EXPECT_EQ(Caller{.source = ip("10.1.2.3", 1)}.chain(index), 0u);
  EXPECT_EQ(Caller{.source = *net::Address::from_path("@client")}.chain(index), 0u);
}

TEST(FilterChainIndex, SourceAddressAndPortComeLastAndTheSocketsOwnAddressBefore) {
  const FilterChainIndex index = index_of({{.direct_source_prefix_ranges = ranges({{"203.0.113.1", 32}})},
                                           {.source_prefix_ranges = ranges({{"192.0.2.0", 24}}), .source_ports = {5000, 5001}},
                                           {.source_prefix_ranges = ranges({{"192.0.2.0", 24}})},
                                           {.source_ports = {5000}}});
  EXPECT_EQ(Caller{.direct_source = ip("203.0.113.1", 9)}.chain(index), 0u);
  EXPECT_EQ(Caller().chain(index), 1u);
  EXPECT_EQ(Caller{.source = ip("192.0.2.7", 6)}.chain(index), 2u);
  EXPECT_EQ(Caller{.source = ip("192.0.3.7", 5000)}.chain(index), 3u);
  EXPECT_EQ(Caller{.source = ip("192.0.3.7", 6)}.chain(index), FilterChainIndex::kNone);
}

TEST(FilterChainIndex, TwoChainsThatClaimTheSamePlaceAreRefused) {
  EXPECT_FALSE(FilterChainIndex::build({{}, {}}, FilterChainIndex::kNone));
  const auto overlap = FilterChainIndex::build({{.source_ports = {1, 2}}, {}, {.source_ports = {2, 3}}}, FilterChainIndex::kNone);
  ASSERT_FALSE(overlap);
  EXPECT_NE(overlap.error().message.find("0 and 2"), std::string::npos) << overlap.error().message;
  EXPECT_TRUE(FilterChainIndex::build({{.server_names = {"a.com", "a.com"}}}, FilterChainIndex::kNone))
      << "twice in one chain is fine";
}

}  // namespace
}  // namespace weir::proxy
