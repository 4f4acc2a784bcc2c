#include "format/matcher_tree.h"

#include <gtest/gtest.h>

namespace weir::format {
namespace {

using Node = MatcherTree::Node;
using State = MatcherTree::State;

struct Request {
  Request() : headers(arena) { data.request = &headers; }
  Request& with(std::string_view name, std::string_view value) {
    headers.add(name, value);
    return *this;
  }
  Arena arena;
  http::HeaderMap headers;
  MatchData data;
};

MatchInput header(std::string_view name) { return MatchInput(MatchInput::Kind::kRequestHeader, name); }
MatchPredicate is(std::string_view name, std::string_view value) {
  return {.input = header(name), .condition = TextMatcher::make(TextMatcher::Kind::kExact, value)};
}
MatchPredicate combined(MatchPredicate::Kind kind, std::vector<MatchPredicate> inner) {
  return {.kind = kind, .input = {}, .condition = {}, .inner = std::move(inner)};
}
MatcherTree::OnMatch action(uint32_t number, bool keep_matching = false) {
  return {.action = number, .matcher = nullptr, .keep_matching = keep_matching};
}
MatcherTree::OnMatch more(Node node) {
  return {.action = MatcherTree::kNone, .matcher = std::make_shared<const Node>(std::move(node))};
}
MatcherTree tree(Node node) { return MatcherTree(std::make_shared<const Node>(std::move(node))); }

Node list(std::vector<MatcherTree::ListEntry> entries, std::optional<MatcherTree::OnMatch> otherwise = {}) {
  Node node;
  node.kind = Node::Kind::kList;
  node.list = std::move(entries);
  node.on_no_match = std::move(otherwise);
  return node;
}

TEST(MatcherTree, TheFirstEntryWhoseConditionHoldsIsTaken) {
  const MatcherTree matcher = tree(list({{is("a", "1"), action(1)}, {is("b", "2"), action(2)}}, action(3)));
  EXPECT_EQ(matcher.match(Request().with("a", "1").with("b", "2").data).action, 1u);
  EXPECT_EQ(matcher.match(Request().with("b", "2").data).action, 2u);
  EXPECT_EQ(matcher.match(Request().data).action, 3u);
}

TEST(MatcherTree, AfterAnInnerMatcherWithoutMatchTheNextEntryIsAsked) {
  const MatcherTree matcher = tree(list({{is("a", "1"), more(list({{is("b", "2"), action(1)}}))}, {is("a", "1"), action(2)}}));
  EXPECT_EQ(matcher.match(Request().with("a", "1").with("b", "2").data).action, 1u);
  EXPECT_EQ(matcher.match(Request().with("a", "1").data).action, 2u);
}

TEST(MatcherTree, WithKeepMatchingAMatchIsPassedOver) {
  const MatcherTree matcher = tree(list({{is("a", "1"), action(1, true)}, {is("a", "1"), action(2)}}));
  EXPECT_EQ(matcher.match(Request().with("a", "1").data).action, 2u);
}

TEST(MatcherTree, WhatIsNotKnownYetIsNeitherAMatchNorNone) {
  const MatchPredicate status{.input = MatchInput(MatchInput::Kind::kResponseHeader, ":status"),
                              .condition = TextMatcher::make(TextMatcher::Kind::kExact, "200")};
  const MatcherTree matcher = tree(list({{status, action(1)}}, action(2)));
  EXPECT_EQ(matcher.match(Request().data).state, State::kNotYet);
  EXPECT_EQ(holds(combined(MatchPredicate::Kind::kNot, {status}), Request().data), State::kNotYet);
  EXPECT_EQ(holds(combined(MatchPredicate::Kind::kAny, {status, is("a", "1")}), Request().with("a", "1").data), State::kMatch);
  EXPECT_EQ(holds(combined(MatchPredicate::Kind::kAll, {is("a", "1"), status}), Request().data), State::kNoMatch);
}

TEST(MatcherTree, AWiderRangeIsTriedAfterANarrowOneUnlessItIsExclusive) {
  Node node;
  node.kind = Node::Kind::kIp;
  node.input = header("ip");
  node.targets = {{action(0), true}, {more(list({{is("a", "1"), action(1)}})), false}, {action(2), false}};
  node.ranges.add(*net::Cidr::make("10.0.0.0", 8), 0);
  node.ranges.add(*net::Cidr::make("10.1.0.0", 16), 1);
  node.ranges.add(*net::Cidr::make("0.0.0.0", 0), 2);
  node.ranges.add(*net::Cidr::make("2001:db8::", 33), 0);
  node.ranges.finish();
  const MatcherTree matcher = tree(std::move(node));
  EXPECT_EQ(matcher.match(Request().with("ip", "10.2.3.4").data).action, 0u);
  EXPECT_EQ(matcher.match(Request().with("ip", "10.1.3.4").with("a", "1").data).action, 1u);
  EXPECT_EQ(matcher.match(Request().with("ip", "10.1.3.4").data).action, 2u);
  EXPECT_EQ(matcher.match(Request().with("ip", "2001:db8:7fff::1").data).action, 0u);
  EXPECT_EQ(matcher.match(Request().with("ip", "2001:db8:8000::1").data).state, State::kNoMatch);
  EXPECT_EQ(matcher.match(Request().with("ip", "nonsense").data).state, State::kNoMatch);
}

TEST(MatcherTree, ExplainsItsSteps) {
  const MatcherTree matcher = tree(list({{is("a", "1"), action(1)}, {is("b", "2"), action(2)}}));
  EXPECT_EQ(matcher.explain(Request().with("b", "2").data),
            (std::vector<std::string>{"header a exactly \"1\": no", "header b exactly \"2\": yes"}));
}

TEST(MatchInput, QueryParametersAreDecoded) {
  Request request;
  request.headers.set_pseudo(http::HeaderId::kPath, "/p?x=%zz&a%20b=1%2B+2&a%20b=3");
  Scratch scratch;
  const auto get = [&](std::string_view name) {
    return std::string(MatchInput(MatchInput::Kind::kQueryParameter, name).get(request.data, scratch).text);
  };
  EXPECT_EQ(get("a b"), "1++2");
  EXPECT_EQ(get("x"), "%zz");
  EXPECT_EQ(get("q"), "");
}

TEST(ValueMatcher, LooksIntoListsAndNumbers) {
  const MetadataValue items[] = {{.kind = MetadataValue::Kind::kText, .text = "a"},
                                 {.kind = MetadataValue::Kind::kNumber, .number = 2}};
  const MetadataValue list{.kind = MetadataValue::Kind::kList, .items = items};
  const auto some = [&](ValueMatcher inner) {
    return ValueMatcher{.kind = ValueMatcher::Kind::kList, .inner = {std::move(inner)}};
  };
  const ValueMatcher two{.kind = ValueMatcher::Kind::kNumberRange, .start = 2, .end = 3};
  EXPECT_TRUE(some(two).matches(&list));
  EXPECT_FALSE(two.matches(&list));
  EXPECT_FALSE(some({.kind = ValueMatcher::Kind::kNull}).matches(&list));
  EXPECT_FALSE(ValueMatcher({.kind = ValueMatcher::Kind::kPresent, .flag = false}).matches(nullptr));
}

TEST(DynamicMetadata, LaterNotesReplaceSingleMembers) {
  Arena arena;
  DynamicMetadata metadata;
  const std::string_view keys[] = {"a", "b"};
  const MetadataValue first[] = {{.kind = MetadataValue::Kind::kNumber, .number = 1},
                                 {.kind = MetadataValue::Kind::kNumber, .number = 2}};
  const MetadataValue second[] = {{.kind = MetadataValue::Kind::kNumber, .number = 3}};
  metadata.add(arena, "f", {.kind = MetadataValue::Kind::kStruct, .items = first, .keys = keys});
  metadata.add(arena, "f", {.kind = MetadataValue::Kind::kStruct, .items = second, .keys = std::span(keys).first(1)});
  EXPECT_EQ(metadata.find("f", std::vector<std::string>{"a"})->number, 3);
  EXPECT_EQ(metadata.find("f", std::vector<std::string>{"b"})->number, 2);
  EXPECT_EQ(metadata.find("g", std::vector<std::string>{"b"}), nullptr);
}

}  // namespace
}  // namespace weir::format
