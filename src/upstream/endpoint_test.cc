#include "upstream/endpoint.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

EndpointSpec at(uint16_t port, uint32_t weight = 1) {
  EndpointSpec spec;
  spec.address = std::make_shared<const net::Address>(*net::Address::from_ip("127.0.0.1", port));
  spec.weight = weight;
  return spec;
}

Assignment assignment(std::vector<EndpointSpec> endpoints) {
  Assignment result;
  result.localities.emplace_back().endpoints = std::move(endpoints);
  return result;
}

TEST(Endpoints, ThatAreDescribedAsBeforeStayWhatTheyAre) {
  const auto before = make_endpoint_set(assignment({at(1), at(2)}), 1, nullptr);
  const auto after = make_endpoint_set(assignment({at(1), at(2)}), 1, before.get());
  EXPECT_EQ(after->endpoints, before->endpoints);
  EXPECT_TRUE(before->same_as(*after));
}

TEST(Endpoints, LiveOnWhenTheirWeightHealthPriorityOrMetadataChange) {
  const auto before = make_endpoint_set(assignment({at(1), at(2)}), 1, nullptr);
  EndpointSpec changed = at(1, 7);
  changed.health = Health::kDegraded;
  changed.lb_metadata = std::make_shared<const LbMetadata>();
  Assignment next = assignment({changed, at(2)});
  next.localities[0].priority = 1;
  const auto after = make_endpoint_set(next, 1, before.get());
  EXPECT_FALSE(before->same_as(*after));
  EXPECT_NE(after->endpoints[0], before->endpoints[0]);
  EXPECT_EQ(after->endpoints[0]->life, before->endpoints[0]->life);
  EXPECT_EQ(after->endpoints[0]->weight, 7);
  EXPECT_EQ(before->endpoints[0]->weight, 1);
  EXPECT_EQ(after->endpoints[1]->life, before->endpoints[1]->life);
}

TEST(Endpoints, AreOthersInAnotherPlace) {
  const auto before = make_endpoint_set(assignment({at(1)}), 1, nullptr);
  Assignment next = assignment({at(1)});
  next.localities[0].locality.zone = "b";
  EXPECT_NE(make_endpoint_set(next, 1, before.get())->endpoints[0]->life, before->endpoints[0]->life);
}

TEST(Endpoints, AreFoundAgainInAnyOrder) {
  const auto before = make_endpoint_set(assignment({at(1), at(2), at(3)}), 1, nullptr);
  const auto after = make_endpoint_set(assignment({at(3), at(4), at(1)}), 1, before.get());
  ASSERT_EQ(after->endpoints.size(), 3);
  EXPECT_EQ(after->endpoints[0], before->endpoints[2]);
  EXPECT_EQ(after->endpoints[2], before->endpoints[0]);
}

TEST(Endpoints, OfOneAddressAreToldApartByTheNamesThatRequestsAskFor) {
  EndpointSpec one = at(1), other = at(1);
  one.name = "a.test:1";
  other.name = "b.test:1";
  const auto before = make_endpoint_set(assignment({one, other}), 1, nullptr);
  const auto after = make_endpoint_set(assignment({other}), 1, before.get());
  EXPECT_EQ(after->endpoints[0], before->endpoints[1]);
}

}  // namespace
}  // namespace weir::upstream
