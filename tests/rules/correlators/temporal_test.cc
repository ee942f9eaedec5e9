// temporal and temporal_ordered: orders, expressions and the ends of windows.
#include <gtest/gtest.h>

#include "tests/support/correlation_cases.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

std::string rule(const std::string& type, const std::string& rules, const std::string& condition) {
  return "  type: " + type + "\n  rules: [" + rules + "]\n" +
         (condition.empty() ? "" : "  condition: " + condition + "\n");
}

// "a@1000 b@2000" as events.
std::vector<TestEvent> events(std::vector<std::pair<std::string, int64_t>> list) {
  std::vector<TestEvent> out;
  for (auto& [name, time] : list) out.emplace_back(time, name, "");
  return out;
}

TEST(Temporal, AllOfTheRulesInAnyOrder) {
  const std::string all = rule("temporal", "a, b, c", "");
  EXPECT_EQ(opened(all, events({{"c", 1'000}, {"a", 2'000}, {"b", 11'000}})), "11000 ");
  EXPECT_EQ(opened(all, events({{"c", 1'000}, {"a", 2'000}, {"b", 11'001}})), "");
  EXPECT_EQ(opened(all, events({{"ab", 1'000}, {"c", 2'000}})), "2000 ");
  const std::string two = rule("temporal", "a, b, c", "{gte: 2}");
  EXPECT_EQ(opened(two, events({{"c", 1'000}, {"c", 2'000}, {"a", 3'000}})), "3000 ");
}

TEST(Temporal, Expressions) {
  const std::string either = rule("temporal", "a, b, c", "a and (b or c)");
  EXPECT_EQ(opened(either, events({{"b", 1'000}, {"c", 2'000}, {"a", 3'000}})), "3000 ");
  EXPECT_EQ(opened(either, events({{"b", 1'000}, {"c", 2'000}})), "");
  const std::string without = rule("temporal", "a, b", "a and not b");
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"x", 11'001}})), "11000 ");
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"b", 11'000}, {"x", 40'000}})), "");
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"b", 11'001}, {"x", 40'000}})), "11000 ");
  EXPECT_EQ(opened(without, events({{"b", 999}, {"a", 1'000}, {"x", 40'000}})), "11000 ")
      << "the window begins with a";
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"b", 2'000}, {"a", 2'001}, {"x", 40'000}})),
            "12001 ");
}

TEST(TemporalOrdered, TheOrderOfTheRules) {
  const std::string order = rule("temporal_ordered", "a, b, c", "");
  EXPECT_EQ(opened(order, events({{"a", 1'000}, {"b", 2'000}, {"c", 11'000}})), "11000 ");
  EXPECT_EQ(opened(order, events({{"a", 1'000}, {"b", 2'000}, {"c", 11'001}})), "");
  EXPECT_EQ(opened(order, events({{"b", 1'000}, {"a", 2'000}, {"c", 3'000}})), "");
  EXPECT_EQ(opened(order, events({{"a", 1'000}, {"a", 5'000}, {"b", 6'000}, {"c", 14'000}})),
            "14000 ")
      << "the later a begins the sequence";
  EXPECT_EQ(opened(order, events({{"ab", 1'000}, {"c", 1'000}})), "1000 ") << "order of reading";
  EXPECT_EQ(opened(rule("temporal_ordered", "a, a", ""), events({{"a", 1'000}})), "");
  EXPECT_EQ(opened(rule("temporal_ordered", "a, a", ""), events({{"a", 1'000}, {"a", 1'000}})),
            "1000 ");
}

TEST(TemporalOrdered, WithoutSomething) {
  const std::string without = rule("temporal_ordered", "a, b, c", "a and b and not c");
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"b", 2'000}, {"x", 40'000}})), "11000 ");
  EXPECT_EQ(opened(without, events({{"b", 1'000}, {"a", 2'000}, {"x", 40'000}})), "");
  EXPECT_EQ(opened(without, events({{"a", 1'000}, {"b", 2'000}, {"c", 3'000}, {"x", 40'000}})), "");
}

TEST(Temporal, Refusals) {
  EXPECT_EQ(problem(rule("temporal", "a, b", "not a")),
            "the condition holds when nothing at all happened");
  EXPECT_EQ(problem(rule("temporal", "a, b", "a and e")),
            "the condition speaks of 'e', which is not one of 'rules'");
  EXPECT_EQ(problem(rule("temporal", "a, b", "(a and b")), "a '(' in the condition is not closed");
  EXPECT_EQ(problem(rule("temporal", "a, b", "a b")), "expected 'and' or 'or' before 'b'");
  EXPECT_EQ(problem(rule("temporal", "a, b", "{gte: 3}")), "2 rules can never be 3 different ones");
  EXPECT_EQ(problem(rule("temporal_ordered", "a, b", "a or b")),
            "in temporal_ordered a condition is made of 'and' and 'not' only");
  EXPECT_EQ(problem(rule("temporal_ordered", "a, b", "{gte: 3}")), "2 rules can never be 3 steps");
  EXPECT_EQ(problem(rule("temporal_ordered", "a, b", "{lt: 2}")),
            "temporal_ordered cannot ask for few steps");
}

}  // namespace
}  // namespace picket
