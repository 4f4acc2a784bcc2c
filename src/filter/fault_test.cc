#include "filter/fault.h"

#include <gtest/gtest.h>

#include "filter/test_exchange.h"
#include "stats/registry.h"

namespace weir::filter {
namespace {

class Faults : public testing::Test {
 protected:
  Faults() { exchange_.request_headers.set_pseudo(http::HeaderId::kMethod, "GET"); }

  Verdict ask(FaultSpec spec) {
    exchange_.factory = make_fault(std::make_shared<const FaultSpec>(std::move(spec)), stats_);
    filter_ = exchange_.factory->make(exchange_, {});
    return filter_ == nullptr ? Verdict::proceed() : filter_->on_request(exchange_);
  }
  FaultStats& counted() { return stats_->mine(0); }
  ~Faults() override {
    if (filter_ != nullptr) filter_->~Filter();
  }

  static FaultSpec aborting(int status) {
    FaultSpec spec;
    spec.abort.emplace();
    spec.abort->http_status = status;
    spec.abort->share.share = {100, 100};
    return spec;
  }

  std::shared_ptr<stats::Sharded<FaultStats>> stats_ = std::make_shared<stats::Sharded<FaultStats>>(1);
  TestExchange exchange_;
  Filter* filter_ = nullptr;
};

TEST_F(Faults, AnswerWithTheStatusThatIsConfigured) {
  const Verdict verdict = ask(aborting(418));
  EXPECT_EQ(verdict.kind, Verdict::Kind::kReply);
  EXPECT_EQ(verdict.answer.status, 418);
  EXPECT_EQ(counted().aborts_injected.value(), 1);
}

TEST_F(Faults, LeaveRequestsAloneThatAreNotMeant) {
  FaultSpec spec = aborting(418);
  spec.downstream_nodes = {"n1"};
  EXPECT_EQ(ask(std::move(spec)).kind, Verdict::Kind::kProceed);
  EXPECT_EQ(counted().aborts_injected.value(), 0);
}

TEST_F(Faults, FollowTheRuntimesKeysOfADownstreamCluster) {
  RuntimeValues runtime;
  runtime.assign({{"fault.http.web.abort.abort_percent", RuntimeValue::number(100)},
                  {"fault.http.web.abort.http_status", RuntimeValue::number(511)}});
  FaultSpec spec = aborting(500);
  spec.abort->share.share = {0, 100};
  spec.of_clusters = runtime.family("fault.http.");
  exchange_.request_headers.add("x-envoy-downstream-service-cluster", "web");
  const Verdict verdict = ask(std::move(spec));
  EXPECT_EQ(verdict.kind, Verdict::Kind::kReply);
  EXPECT_EQ(verdict.answer.status, 511);
}

TEST_F(Faults, OfOneClusterDoNotConcernAnother) {
  RuntimeValues runtime;
  runtime.assign({{"fault.http.web.abort.abort_percent", RuntimeValue::number(100)}});
  FaultSpec spec = aborting(500);
  spec.abort->share.share = {0, 100};
  spec.of_clusters = runtime.family("fault.http.");
  exchange_.request_headers.add("x-envoy-downstream-service-cluster", "other");
  EXPECT_EQ(ask(std::move(spec)).kind, Verdict::Kind::kProceed);
}

TEST_F(Faults, AreNoMoreThanMayBeActiveAtOnce) {
  FaultSpec spec = aborting(418);
  spec.max_active_faults = 0;
  EXPECT_EQ(ask(std::move(spec)).kind, Verdict::Kind::kProceed);
  EXPECT_EQ(counted().faults_overflow.value(), 1);
}

TEST_F(Faults, DelayARequestAndThenLetItGoOn) {
  FaultSpec spec;
  spec.delay.emplace();
  spec.delay->fixed_ms = 1;
  spec.delay->share.share = {100, 100};
  EXPECT_EQ(ask(std::move(spec)).kind, Verdict::Kind::kPause);
  for (int i = 0; i < 100 && !exchange_.proceeded; ++i) exchange_.event_loop.turn(5);
  EXPECT_TRUE(exchange_.proceeded);
  EXPECT_TRUE(exchange_.stream_info.flags.has(format::ResponseFlag::kDelayInjected));
}

}  // namespace
}  // namespace weir::filter
