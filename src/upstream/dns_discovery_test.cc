// How clusters follow DNS.
#include "upstream/dns_discovery.h"

#include <gtest/gtest.h>

#include "net/test_dns_server.h"

namespace weir::upstream {
namespace {

class Dns : public testing::Test {
 protected:
  Dns() {
    spec_->discovery = DiscoveryType::kStrictDns;
    spec_->dns_refresh_ms = 20;
    spec_->dns_failure_refresh_ms = 20;
    spec_->assignment.localities.emplace_back();
  }

  void name(const std::string& host) {
    EndpointSpec endpoint;
    endpoint.host = endpoint.hostname = host;
    endpoint.port = 80;
    spec_->assignment.localities[0].endpoints.push_back(endpoint);
  }
  void start() {
    cluster_ = std::make_unique<ClusterState>(spec_, 1);
    discovery_ = std::make_unique<DnsDiscovery>(
        loop_, resolver_, *cluster_, [this](EndpointSetPtr) { ++published_; }, [this] { ++warmed_; });
  }
  void wait_for(const std::function<bool()>& done) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (!done() && monotonic_now() < deadline) loop_.turn(50);
    EXPECT_TRUE(done()) << endpoints();
  }
  void wait_for(const std::string& wanted) {
    wait_for([&] { return endpoints() == wanted; });
  }
  void wait_for_warm() {
    wait_for([&] { return warmed_ > 0; });
  }
  void wait_for_refreshes(int count) {
    const int before = server_.questions;
    wait_for([&] { return server_.questions >= before + count; });
  }
  std::string endpoints() const {
    std::string text;
    if (const EndpointSetPtr set = cluster_->endpoints.load()) {
      for (const EndpointPtr& endpoint : set->endpoints) text += (text.empty() ? "" : " ") + endpoint->address->text();
    }
    return text;
  }

  loop::EventLoop loop_{1};
  net::TestDnsServer server_{loop_};
  net::ResolverStats resolver_stats_;
  net::Resolver resolver_{loop_, server_.spec(), resolver_stats_};
  std::shared_ptr<ClusterSpec> spec_ = std::make_shared<ClusterSpec>();
  std::unique_ptr<ClusterState> cluster_;
  std::unique_ptr<DnsDiscovery> discovery_;
  int published_ = 0;
  int warmed_ = 0;
};

TEST_F(Dns, StrictDnsHasAnEndpointForEachAddress) {
  server_.hosts["a.test"] = {"10.0.0.2", "10.0.0.1"};
  server_.hosts["b.test"] = {"10.0.0.3"};
  name("a.test");
  name("b.test");
  start();
  wait_for("10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
  EXPECT_EQ(warmed_, 1);
  EXPECT_EQ(cluster_->endpoints.load()->endpoints.at(0)->hostname, "a.test");
  EXPECT_EQ(cluster_->membership.membership_total.value(), 3);
}

TEST_F(Dns, AutoPrefersIpv6AndFallsBackToIpv4) {
  server_.hosts["both.test"] = {"10.0.0.1", "fd00::1"};
  name("both.test");
  start();
  wait_for("[fd00::1]:80");
  server_.hosts["both.test"] = {"10.0.0.1"};
  wait_for("10.0.0.1:80");
}

TEST_F(Dns, FamiliesCanBeChosen) {
  server_.hosts["both.test"] = {"10.0.0.1", "fd00::1"};
  name("both.test");
  for (const auto& [family, wanted] : {std::pair(DnsFamily::kV4Only, "10.0.0.1:80"),
                                       {DnsFamily::kV6Only, "[fd00::1]:80"},
                                       {DnsFamily::kV4Preferred, "10.0.0.1:80"},
                                       {DnsFamily::kAll, "10.0.0.1:80 [fd00::1]:80"}}) {
    spec_->dns_family = family;
    start();
    wait_for(wanted);
  }
}

TEST_F(Dns, EndpointsThatStayKeepTheirCounters) {
  server_.hosts["a.test"] = {"10.0.0.1", "10.0.0.2"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80 10.0.0.2:80");
  const EndpointPtr first = cluster_->endpoints.load()->endpoints.at(0);
  server_.hosts["a.test"] = {"10.0.0.3", "10.0.0.1"};
  wait_for("10.0.0.1:80 10.0.0.3:80");
  EXPECT_EQ(cluster_->endpoints.load()->endpoints.at(0), first);
}

TEST_F(Dns, ARotatedAnswerIsNoChange) {
  server_.hosts["a.test"] = {"10.0.0.1", "10.0.0.2"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80 10.0.0.2:80");
  const int published = published_;
  server_.hosts["a.test"] = {"10.0.0.2", "10.0.0.1"};
  wait_for_refreshes(4);
  EXPECT_EQ(published_, published);
  EXPECT_GT(cluster_->membership.update_no_rebuild.value(), 0u);
}

TEST_F(Dns, WhatWasKnownIsKeptWhileTheServerFails) {
  server_.hosts["a.test"] = {"10.0.0.1"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80");
  server_.failing = true;
  wait_for([&] { return cluster_->membership.update_failure.value() >= 2; });
  EXPECT_EQ(endpoints(), "10.0.0.1:80");
  server_.failing = false;
  server_.hosts["a.test"] = {"10.0.0.9"};
  wait_for("10.0.0.9:80");
}

TEST_F(Dns, AStrictNameThatIsGoneHasNoEndpoints) {
  server_.hosts["a.test"] = {"10.0.0.1"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80");
  server_.hosts.clear();
  wait_for("");
}

TEST_F(Dns, LogicalDnsHasOneEndpointThatStaysAsLongAsDnsNamesIt) {
  spec_->discovery = DiscoveryType::kLogicalDns;
  server_.hosts["a.test"] = {"10.0.0.1", "10.0.0.2"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80");
  server_.hosts["a.test"] = {"10.0.0.2", "10.0.0.1"};
  wait_for_refreshes(4);
  EXPECT_EQ(endpoints(), "10.0.0.1:80");
  server_.hosts["a.test"] = {"10.0.0.3", "10.0.0.2"};
  wait_for("10.0.0.3:80");
  server_.hosts.clear();
  wait_for_refreshes(4);
  EXPECT_EQ(endpoints(), "10.0.0.3:80");
}

TEST_F(Dns, AClusterIsWarmWhenOneNameIsFound) {
  server_.hosts["good.test"] = {"10.0.0.1"};
  name("localhost");
  name("good.test");
  start();
  EXPECT_FALSE(discovery_->warm());
  wait_for_warm();
  EXPECT_NE(endpoints(), "");
}

TEST_F(Dns, AClusterIsWarmWhenEveryNameHasFailed) {
  server_.failing = true;
  name("a.test");
  name("b.test");
  start();
  wait_for_warm();
  EXPECT_EQ(cluster_->membership.update_failure.value(), 2u);
  EXPECT_EQ(endpoints(), "");
}

TEST_F(Dns, AClusterWithoutNamesIsWarmAtOnce) {
  start();
  EXPECT_TRUE(discovery_->warm());
}

TEST_F(Dns, TheTimeToLiveIsTheNextRefreshIfTheClusterRespectsIt) {
  spec_->respect_dns_ttl = true;
  spec_->dns_refresh_ms = 60'000;
  server_.ttl = 1;
  server_.hosts["a.test"] = {"10.0.0.1"};
  name("a.test");
  start();
  wait_for("10.0.0.1:80");
  server_.hosts["a.test"] = {"10.0.0.2"};
  const MonotonicNs start = monotonic_now();
  wait_for("10.0.0.2:80");
  EXPECT_GT(monotonic_now() - start, 500 * kNsPerMs);
}

}  // namespace
}  // namespace weir::upstream
