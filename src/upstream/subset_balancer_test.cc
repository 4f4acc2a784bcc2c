// Endpoints by their metadata, with all the ways to fall back.
#include <gtest/gtest.h>

#include <set>

#include "upstream/balancer.h"
#include "upstream/subset_plan.h"

namespace weir::upstream {
namespace {

using format::LbCriteria;
using Items = std::vector<std::pair<std::string, std::string>>;

LbCriteria criteria(Items items) {
  for (auto& [name, value] : items) value = format::canonical_text(value);
  return LbCriteria(std::move(items));
}

struct Wanting final : PickContext {
  explicit Wanting(std::optional<LbCriteria> wanted) : wanted(std::move(wanted)) {}
  const LbCriteria* criteria() override { return wanted ? &*wanted : nullptr; }
  std::optional<LbCriteria> wanted;
};

class Subsets : public testing::Test {
 protected:
  Subsets() {
    spec_.subsets.emplace().selectors = {{.keys = {"stage", "version"}}, {.keys = {"version"}}};
    endpoint({{"stage", "prod"}, {"version", "1"}});
    endpoint({{"stage", "dev"}, {"version", "1"}});
    endpoint({{"stage", "prod"}, {"version", "2"}});
    endpoint({{"version", "2"}});
    endpoint({});
  }
  Endpoint& endpoint(const Items& fields) {
    const auto port = static_cast<uint16_t>(1 + set_.endpoints.size());
    auto made = std::make_shared<Endpoint>(1, std::make_shared<const net::Address>(*net::Address::from_ip("10.0.0.1", port)));
    if (!fields.empty()) {
      auto metadata = std::make_shared<LbMetadata>();
      for (const auto& [name, value] : fields) metadata->fields.push_back({name, format::canonical_text(value), false, {}});
      made->lb_metadata = metadata;
    }
    set_.endpoints.push_back(made);
    return *made;
  }
  SubsetSpec& subsets() { return *spec_.subsets; }
  /// All endpoints that are picked in a hundred requests.
  std::set<uint32_t> picked(std::optional<LbCriteria> wanted) {
    plan_ = make_whole_plan(spec_, set_, nullptr);
    auto balancer = make_balancer({spec_, cluster_, cluster_.stats.mine(0), random_});
    balancer->adopt(set_, *plan_);
    Wanting request(std::move(wanted));
    std::set<uint32_t> result;
    for (int i = 0; i < 100; ++i) {
      if (const auto found = balancer->pick(request)) result.insert(*found);
    }
    return result;
  }
  using Picked = std::set<uint32_t>;

  BalancingSpec spec_;
  EndpointSet set_;
  Random random_{1};
  ClusterState cluster_{std::make_shared<ClusterSpec>(), 1};
  BalancingPlanPtr plan_;
};

TEST_F(Subsets, AreMadeOfWhatEndpointsHaveForTheKeysOfSelectors) {
  EXPECT_EQ(picked(criteria({{"version", "1"}})), (Picked{0, 1}));
  EXPECT_EQ(picked(criteria({{"stage", "prod"}, {"version", "2"}})), (Picked{2}));
  EXPECT_EQ(picked(criteria({{"stage", "prod"}})), Picked()) << "no selector has just this key";
  EXPECT_EQ(picked(std::nullopt), Picked());
  EXPECT_EQ(plan_->subsets->subsets.size(), 5u);
}

TEST_F(Subsets, FallBackToAnyOrToTheDefault) {
  subsets().fallback = SubsetSpec::Fallback::kAnyEndpoint;
  EXPECT_EQ(picked(criteria({{"version", "9"}})).size(), 5u);
  subsets().fallback = SubsetSpec::Fallback::kDefaultSubset;
  subsets().default_subset = criteria({{"stage", "prod"}});
  EXPECT_EQ(picked(criteria({{"version", "9"}})), (Picked{0, 2}));
  subsets().default_subset = criteria({{"stage", "never"}});
  EXPECT_EQ(picked(std::nullopt), Picked());
  subsets().panic_mode_any = true;
  EXPECT_EQ(picked(std::nullopt).size(), 5u);
}

TEST_F(Subsets, ASelectorHasItsOwnWayToFallBack) {
  subsets().fallback = SubsetSpec::Fallback::kAnyEndpoint;
  subsets().selectors = {{.keys = {"version"}, .fallback = SubsetSpec::SelectorFallback::kNone}};
  EXPECT_EQ(picked(criteria({{"version", "9"}})), Picked());
  subsets().selectors = {
      {.keys = {"stage", "version"}, .fallback = SubsetSpec::SelectorFallback::kKeysSubset, .fallback_keys = {"version"}},
      {.keys = {"version"}}};
  EXPECT_EQ(picked(criteria({{"stage", "dev"}, {"version", "2"}})), (Picked{2, 3}));
}

TEST_F(Subsets, AnEndpointThatIsNotHealthyStillMakesItsSubset) {
  spec_.healthy_panic_percent = 0;
  endpoint({{"version", "3"}}).health = Health::kUnhealthy;
  subsets().fallback = SubsetSpec::Fallback::kAnyEndpoint;
  EXPECT_EQ(picked(criteria({{"version", "3"}})), Picked());
}

TEST_F(Subsets, OneHostASubset) {
  subsets().selectors = {{.keys = {"version"}, .single_host = true}};
  EXPECT_EQ(picked(criteria({{"version", "2"}})), (Picked{2}));
  EXPECT_EQ(plan_->subsets->duplicates, 2u);
}

TEST_F(Subsets, RedundantKeysMayBeAllowed) {
  EXPECT_EQ(picked(criteria({{"other", "x"}, {"version", "1"}})), Picked());
  subsets().allow_redundant_keys = true;
  EXPECT_EQ(picked(criteria({{"other", "x"}, {"version", "1"}})), (Picked{0, 1}));
}

TEST_F(Subsets, WeightsOfLocalitiesMayBeScaledByHowManyEndpointsStay) {
  HostSets sets = make_host_sets(set_, nullptr);
  sets.levels[0].localities[0].weight = 10;
  const HostList members{0, 2};
  EXPECT_EQ(part_of(sets, members, LocalityWeights::kAsGiven).levels[0].localities[0].weight, 10u);
  EXPECT_EQ(part_of(sets, members, LocalityWeights::kScaled).levels[0].localities[0].weight, 4u);
  EXPECT_FALSE(part_of(sets, members, LocalityWeights::kNone).levels[0].has_locality_weights);
}

TEST(CanonicalValues, AreAlikeOnlyForLikeValues) {
  using namespace format;
  const std::set<std::string> all{canonical_null(),       canonical_bool(true),
                                  canonical_bool(false),  canonical_number(1),
                                  canonical_number(1.5),  canonical_text("1"),
                                  canonical_text(""),     canonical_list({}),
                                  canonical_list({"s1"}), canonical_list({"s1", "s"}),
                                  canonical_struct({}),   canonical_struct({{"a", "s1"}}),
                                  canonical_text("true"), canonical_list({canonical_list({"s1"}), "s"})};
  EXPECT_EQ(all.size(), 14u);
  EXPECT_EQ(canonical_number(0.0), canonical_number(-0.0));
}

}  // namespace
}  // namespace weir::upstream
