// What an intrusive list promises: members leave by themselves when they end, also in the middle of a walk.
#include "base/list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir {
namespace {

struct Member : ListNode<Member> {
  explicit Member(int number) : number(number) {}
  int number;
};

std::string numbers(List<Member>& list) {
  std::string text;
  list.for_each([&](Member& member) { text += std::to_string(member.number); });
  return text;
}

TEST(List, MembersStandInTheOrderInWhichTheyCame) {
  List<Member> list;
  Member one(1), two(2), three(3);
  list.push_back(two);
  list.push_back(three);
  list.push_front(one);
  EXPECT_EQ(numbers(list), "123");
  EXPECT_EQ(list.front().number, 1);
  EXPECT_EQ(list.back().number, 3);
}

TEST(List, ADestroyedMemberHasLeft) {
  List<Member> list;
  Member one(1);
  list.push_back(one);
  {
    Member two(2);
    list.push_back(two);
    EXPECT_EQ(numbers(list), "12");
  }
  EXPECT_EQ(numbers(list), "1");
  one.unlink();
  EXPECT_TRUE(list.empty());
  one.unlink();  // harmless
  EXPECT_FALSE(one.linked());
}

TEST(List, AListThatEndsLetsItsMembersGo) {
  Member one(1);
  {
    List<Member> list;
    list.push_back(one);
    EXPECT_TRUE(one.linked());
  }
  EXPECT_FALSE(one.linked());
  List<Member> other;
  other.push_back(one);
  EXPECT_EQ(numbers(other), "1");
}

TEST(List, AMemberMayLeaveWhileItIsVisited) {
  List<Member> list;
  std::vector<std::unique_ptr<Member>> members;
  for (int i = 1; i <= 5; ++i) list.push_back(*members.emplace_back(std::make_unique<Member>(i)));
  std::string seen;
  list.for_each([&](Member& member) {
    seen += std::to_string(member.number);
    if (member.number % 2 == 0) members[member.number - 1].reset();
  });
  EXPECT_EQ(seen, "12345");
  EXPECT_EQ(numbers(list), "135");
}

TEST(List, TakingAllMovesThemBehindTheOwnOnes) {
  List<Member> first, second;
  Member one(1), two(2), three(3);
  first.push_back(one);
  second.push_back(two);
  second.push_back(three);
  first.take_all(second);
  EXPECT_EQ(numbers(first), "123");
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(first.pop_front().number, 1);
  EXPECT_FALSE(one.linked());
}

struct Red {};
struct Blue {};
struct Both : ListNode<Red>, ListNode<Blue> {};

TEST(List, OneThingCanStandInTwoListsOfDifferentKinds) {
  List<Both, Red> red;
  List<Both, Blue> blue;
  Both both;
  red.push_back(both);
  blue.push_back(both);
  both.ListNode<Red>::unlink();
  EXPECT_TRUE(red.empty());
  EXPECT_EQ(&blue.front(), &both);
}

}  // namespace
}  // namespace weir
