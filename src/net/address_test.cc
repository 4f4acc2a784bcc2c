// How addresses read and print, and which ranges hold them.
#include "net/address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace weir::net {
namespace {

TEST(Address, PrintsAsEnvoyDoes) {
  EXPECT_EQ(Address::from_ip("127.0.0.1", 80)->text(), "127.0.0.1:80");
  EXPECT_EQ(Address::from_ip("::1", 80)->text(), "[::1]:80");
  EXPECT_EQ(Address::from_ip("2001:DB8:0:0::1", 0)->text(), "[2001:db8::1]:0");
  EXPECT_EQ(Address::from_ip("::ffff:10.0.0.1", 1)->text(), "[::ffff:10.0.0.1]:1");
  EXPECT_EQ(Address::from_path("/run/app.sock")->text(), "/run/app.sock");
  EXPECT_EQ(Address::from_path("@app")->text(), "@app");
  EXPECT_EQ(Address::from_ip("::1", 80)->ip(), "::1");
}

TEST(Address, WhatIsNoAddressIsRefusedWithItsText) {
  for (const char* bad :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:80", "[::1]", ":::", "1.2.3.4 ", "0x7f.1"}) {
    const auto address = Address::from_ip(bad, 1);
    ASSERT_FALSE(address.has_value()) << bad;
    EXPECT_EQ(address.error().message, std::string("malformed IP address: ") + bad);
  }
}

TEST(Address, AZeroByteDoesNotEndAnIpAddress) {
  EXPECT_FALSE(Address::from_ip(std::string_view("127.0.0.1\0x", 11), 1).has_value());
}

TEST(Address, APathThatNoSocketCanHaveIsRefused) {
  EXPECT_FALSE(Address::from_path("").has_value());
  EXPECT_TRUE(Address::from_path(std::string(107, 'a')).has_value());
  EXPECT_FALSE(Address::from_path(std::string(108, 'a')).has_value());
}

TEST(Address, EqualIsWhatNamesTheSamePlace) {
  EXPECT_EQ(*Address::from_ip("0:0::1", 5), *Address::from_ip("::1", 5));
  EXPECT_FALSE(*Address::from_ip("::1", 5) == *Address::from_ip("::1", 6));
  EXPECT_EQ(Address::from_ip("10.0.0.1", 5)->with_port(6), *Address::from_ip("10.0.0.1", 6));
  EXPECT_EQ(Address::from_ip("fd00::1", 5)->with_port(65535).port(), 65535);
}

TEST(Address, TheEndsOfASocketAreItsAddresses) {
  const int listener = socket(AF_INET6, SOCK_STREAM, 0);
  const Address any = *Address::from_ip("::1", 0);
  ASSERT_EQ(bind(listener, any.get(), any.size()), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  const Address local = Address::local_of(listener);
  EXPECT_EQ(local.ip(), "::1");
  EXPECT_NE(local.port(), 0);
  const int client = socket(AF_INET6, SOCK_STREAM, 0);
  ASSERT_EQ(connect(client, local.get(), local.size()), 0);
  EXPECT_EQ(Address::remote_of(client), local);
  close(client);
  close(listener);
}

TEST(Address, AnUnnamedUnixSocketHasNoText) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(Address::local_of(pair[0]).text(), "");
  close(pair[0]);
  close(pair[1]);
}

TEST(Address, AUnixSocketKeepsItsNameAcrossTheKernel) {
  const std::string name = "@weir-test-" + std::to_string(getpid());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const Address address = *Address::from_path(name);
  ASSERT_EQ(bind(fd, address.get(), address.size()), 0);
  EXPECT_EQ(Address::local_of(fd).text(), name);
  close(fd);
}

TEST(Address, LoopbackIsAllOf127AndTheOneOfIpv6) {
  EXPECT_TRUE(Address::from_ip("127.0.0.1", 0)->is_loopback());
  EXPECT_FALSE(Address::from_ip("127.0.0.2", 0)->is_loopback());
  EXPECT_TRUE(Address::from_ip("::1", 0)->is_loopback());
  EXPECT_FALSE(Address::from_ip("128.0.0.1", 0)->is_loopback());
  EXPECT_FALSE(Address::from_ip("::2", 0)->is_loopback());
}

bool holds(const char* network, int prefix, const char* ip) {
  return Cidr::make(network, prefix)->contains(*Address::from_ip(ip, 1234));
}

TEST(Cidr, HoldsWhatSharesItsPrefixToTheBit) {
  EXPECT_TRUE(holds("10.0.0.0", 8, "10.255.0.1"));
  EXPECT_FALSE(holds("10.0.0.0", 8, "11.0.0.0"));
  EXPECT_TRUE(holds("192.168.128.0", 17, "192.168.255.255"));
  EXPECT_FALSE(holds("192.168.128.0", 17, "192.168.127.255"));
  EXPECT_TRUE(holds("1.2.3.4", 32, "1.2.3.4"));
  EXPECT_FALSE(holds("1.2.3.4", 32, "1.2.3.5"));
  EXPECT_TRUE(holds("fd00::", 7, "fc00::1"));
  EXPECT_FALSE(holds("fd00::", 8, "fc00::1"));
  EXPECT_TRUE(holds("::1", 128, "::1"));
  EXPECT_FALSE(holds("::1", 128, "::3"));
}

TEST(Cidr, APrefixOfZeroHoldsItsWholeFamilyAndNothingOfTheOther) {
  EXPECT_TRUE(holds("0.0.0.0", 0, "255.1.2.3"));
  EXPECT_FALSE(holds("0.0.0.0", 0, "::1"));
  EXPECT_TRUE(holds("::", 0, "2001::1"));
  EXPECT_FALSE(holds("::", 0, "1.2.3.4"));
}

TEST(Cidr, BitsBehindThePrefixDoNotMatter) { EXPECT_TRUE(holds("10.1.2.3", 8, "10.9.9.9")); }

TEST(Cidr, APrefixLongerThanAnAddressIsTheWholeAddress) {
  EXPECT_EQ(Cidr::make("1.2.3.4", 99)->prefix_length(), 32);
  EXPECT_EQ(Cidr::make("::1", 200)->prefix_length(), 128);
  EXPECT_FALSE(Cidr::make("not an ip", 8).has_value());
}

TEST(Cidr, AUnixSocketIsInNoRange) {
  EXPECT_FALSE(Cidr::make("0.0.0.0", 0)->contains(*Address::from_path("/run/x")));
  EXPECT_FALSE(Cidr::make("::", 0)->contains(*Address::from_path("@x")));
}

}  // namespace
}  // namespace weir::net
