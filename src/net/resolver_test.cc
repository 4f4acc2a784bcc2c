// How names become addresses.
#include "net/resolver.h"

#include <gtest/gtest.h>

#include "net/test_dns_server.h"

namespace weir::net {
namespace {

class ResolverTest : public testing::Test {
 protected:
  loop::EventLoop loop_{1};
  TestDnsServer server_{loop_};
  ResolverStats stats_;
  Resolver resolver_{loop_, server_.spec(), stats_};

  void wait_for(const std::function<bool()>& done) {
    const MonotonicNs deadline = monotonic_now() + 10 * kNsPerSecond;
    while (!done() && monotonic_now() < deadline) loop_.turn(100);
  }
  // "ip ip …", or "error".
  std::string resolve(const std::string& name, AddressFamily family) {
    std::optional<Result<Resolver::Answer>> answer;
    const auto query = resolver_.resolve(name, family, [&](auto result) { answer = std::move(result); });
    EXPECT_FALSE(answer.has_value()) << "a callback never fires inside the call that registered it";
    wait_for([&] { return answer.has_value(); });
    if (!answer) return "timeout";
    if (!*answer) return "error";
    ttl_ = (*answer)->ttl_s;
    std::string text;
    for (const Address& address : (*answer)->addresses) text += (text.empty() ? "" : " ") + std::string(address.ip());
    return text;
  }
  std::optional<uint32_t> ttl_;
};

TEST_F(ResolverTest, AnswersHaveAddressesOfTheFamilyThatWasAskedFor) {
  server_.hosts["web.test"] = {"10.0.0.1", "10.0.0.2", "fd00::1"};
  EXPECT_EQ(resolve("web.test", AddressFamily::kV4), "10.0.0.1 10.0.0.2");
  EXPECT_EQ(ttl_, 60u);
  EXPECT_EQ(resolve("web.test", AddressFamily::kV6), "fd00::1");
  const std::string all = resolve("web.test", AddressFamily::kAny);
  EXPECT_NE(all.find("10.0.0.1"), std::string::npos);
  EXPECT_NE(all.find("fd00::1"), std::string::npos);
}

TEST_F(ResolverTest, ANameThatDoesNotExistHasNoAddresses) {
  EXPECT_EQ(resolve("nobody.test", AddressFamily::kV4), "");
  EXPECT_EQ(stats_.not_found.value(), 1u);
  server_.hosts["v4.test"] = {"10.0.0.1"};
  EXPECT_EQ(resolve("v4.test", AddressFamily::kV6), "");
}

TEST_F(ResolverTest, AServerThatFailsIsAnError) {
  server_.failing = true;
  EXPECT_EQ(resolve("web.test", AddressFamily::kV4), "error");
  EXPECT_EQ(stats_.get_addr_failure.value(), 1u);
}

TEST_F(ResolverTest, NumbersAndLocalhostNeedNoServer) {
  server_.silent = true;
  EXPECT_EQ(resolve("127.0.0.3", AddressFamily::kV4), "127.0.0.3");
  EXPECT_EQ(resolve("127.0.0.3", AddressFamily::kV6), "");
  EXPECT_EQ(resolve("::2", AddressFamily::kAny), "::2");
  EXPECT_EQ(resolve("localhost", AddressFamily::kV4), "127.0.0.1");
  EXPECT_EQ(resolve("Localhost.", AddressFamily::kV6), "::1");
  EXPECT_EQ(ttl_, std::nullopt);
  EXPECT_EQ(server_.questions, 0);
}

TEST_F(ResolverTest, ADroppedQueryIsNeverAnswered) {
  server_.hosts["web.test"] = {"10.0.0.1"};
  bool called = false;
  auto query = resolver_.resolve("web.test", AddressFamily::kV4, [&](auto) { called = true; });
  query.reset();
  EXPECT_EQ(resolve("web.test", AddressFamily::kV4), "10.0.0.1");
  query = resolver_.resolve("localhost", AddressFamily::kV4, [&](auto) { called = true; });
  query.reset();
  loop_.turn(0);
  EXPECT_FALSE(called);
}

TEST_F(ResolverTest, ACallbackMayDestroyItsQuery) {
  server_.hosts["web.test"] = {"10.0.0.1"};
  Resolver::QueryPtr query;
  bool called = false;
  query = resolver_.resolve("web.test", AddressFamily::kV4, [&](auto) {
    query.reset();
    called = true;
  });
  wait_for([&] { return called; });
  EXPECT_TRUE(called);
}

TEST_F(ResolverTest, AResolverMayGoWhileItsServerIsSilent) {
  server_.silent = true;
  bool called = false;
  {
    Resolver resolver(loop_, server_.spec(), stats_);
    const auto query = resolver.resolve("web.test", AddressFamily::kV4, [&](auto) { called = true; });
    loop_.turn(10);
  }
  loop_.turn(0);
  EXPECT_FALSE(called);
  EXPECT_EQ(stats_.pending_resolutions.value(), 0);
}

}  // namespace
}  // namespace weir::net
