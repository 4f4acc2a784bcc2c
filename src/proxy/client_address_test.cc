#include "proxy/client_address.h"

#include <gtest/gtest.h>

namespace weir::proxy {

namespace {

class ClientAddressTest : public testing::Test {
 protected:
  DetectedAddress detect(const AddressDetection& detection) {
    return detect_address(detection, request_, *net::Address::from_ip("127.0.0.1", 1));
  }
  static std::string text(const net::AddressPtr& address) { return address == nullptr ? "none" : std::string(address->ip()); }

  Arena arena_;
  http::HeaderMap request_{arena_};
};

}  // namespace

TEST_F(ClientAddressTest, TrustedHopsAreCountedFromTheRight) {
  request_.add("x-forwarded-for", "1.1.1.1, 2.2.2.2");
  request_.add("x-forwarded-for", "3.3.3.3");
  EXPECT_EQ(text(forwarded_address(request_, 0).address), "3.3.3.3");
  EXPECT_EQ(text(forwarded_address(request_, 2).address), "1.1.1.1");
  EXPECT_EQ(text(forwarded_address(request_, 3).address), "none");
}

TEST_F(ClientAddressTest, ASingleAddressMayMakeARequestInternalAListMayNot) {
  request_.add("x-forwarded-for", "10.0.0.1");
  EXPECT_TRUE(detect(ForwardedForDetection{}).trusted);
  request_.add("x-forwarded-for", "10.0.0.2");
  EXPECT_FALSE(detect(ForwardedForDetection{}).trusted);
}

TEST_F(ClientAddressTest, KnownProxiesAreSkippedUntilAStranger) {
  ForwardedForDetection detection{.trusted_proxies = {*net::Cidr::make("127.0.0.0", 8), *net::Cidr::make("10.0.0.0", 8)}};
  request_.add("x-forwarded-for", "8.8.8.8, 9.9.9.9, 10.0.0.1,10.0.0.2");
  EXPECT_EQ(text(detect(detection).address), "9.9.9.9");
  request_.set("x-forwarded-for", "10.0.0.1, 10.0.0.2");
  EXPECT_EQ(text(detect(detection).address), "10.0.0.1");
  request_.set("x-forwarded-for", "8.8.8.8, nonsense, 10.0.0.2");
  EXPECT_EQ(text(detect(detection).address), "none");
}

TEST_F(ClientAddressTest, AStrangersWordDoesNotCountAndItsAddressIsAppended) {
  ForwardedForDetection detection{.trusted_proxies = {*net::Cidr::make("10.0.0.0", 8)}};
  request_.add("x-forwarded-for", "8.8.8.8");
  const DetectedAddress found = detect(detection);
  EXPECT_EQ(text(found.address), "none");
  EXPECT_TRUE(found.append_peer);
}

TEST_F(ClientAddressTest, ACustomHeaderHoldsTheAddressAndNothingElse) {
  const CustomHeaderDetection detection{.header = http::HeaderName("X-Real-IP"), .trusted = true, .reject_status = 401};
  EXPECT_EQ(detect(detection).reject_status, 401);
  request_.add("x-real-ip", "10.0.0.1:80");
  EXPECT_EQ(detect(detection).reject_status, 401);
  request_.set("x-real-ip", "10.0.0.1");
  const DetectedAddress found = detect(detection);
  EXPECT_EQ(text(found.address), "10.0.0.1");
  EXPECT_TRUE(found.trusted);
  EXPECT_FALSE(found.reject_status);
}

}  // namespace weir::proxy
