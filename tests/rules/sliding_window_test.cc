// Counts and values with every comparison, at events and at the ends of windows.
#include <gtest/gtest.h>

#include "tests/support/correlation_cases.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

std::string rule(const std::string& type, const std::string& condition) {
  return "  type: " + type + "\n  rules: [a, b]\n  condition: " + condition + "\n";
}
std::string counts(const std::string& condition) { return rule("event_count", condition); }

// Other events only move the time on.
TestEvent pass(int64_t time) { return {time, "other", ""}; }
TestEvent a(int64_t time, const std::string& f = "") { return {time, "a", f}; }

TEST(WindowEnd, TooFewEventsAreKnownWhenTheFirstWindowEnds) {
  EXPECT_EQ(opened(counts("{lt: 3}"), {a(1'000), pass(11'000), pass(11'001)}), "11000 ");
  EXPECT_EQ(opened(counts("{lt: 3}"), {a(1'000), pass(11'000)}), "") << "the end is not past yet";
  EXPECT_EQ(opened(counts("{lt: 3}"), {a(1'000), pass(10'999)}), "") << "no event passed the end";
  EXPECT_EQ(opened(counts("{lte: 2}"), {a(1'000), a(2'000), pass(20'000)}), "11000 ");
}

TEST(WindowEnd, AnEventAtTheVeryEndStillCounts) {
  EXPECT_EQ(opened(counts("{lt: 3}"), {a(1'000), a(2'000), a(11'000), pass(11'500)}), "11001 ")
      << "three at 11000; two once the first has left";
}

TEST(WindowEnd, EnoughEventsThenTooFew) {
  EXPECT_EQ(opened(counts("{lt: 3}"), {a(1'000), a(1'100), a(1'200), a(1'300), pass(30'000)}),
            "11101 ");
}

TEST(WindowEnd, NothingAtAllHoldsOnceTheWindowIsEmptyAndThenTheGroupIsForgotten) {
  EXPECT_EQ(opened(counts("{eq: 0}"), {a(1'000), pass(50'000), a(60'000), pass(90'000)}),
            "11001 70001 ");
}

TEST(WindowEnd, NotEqualIsJudgedWheneverAnEventLeaves) {
  EXPECT_EQ(opened(counts("{neq: 2}"), {a(1'000), a(2'000), pass(11'000), pass(40'000)}), "11001 ");
  EXPECT_EQ(opened(counts("{neq: 1}"), {a(1'000), pass(11'000), pass(40'000)}), "11001 ");
}

TEST(WindowEnd, OnTheEvent) {
  EXPECT_EQ(opened(counts("{eq: 2}"), {a(1'000), a(2'000), a(3'000)}), "2000 ");
  EXPECT_EQ(opened(counts("{neq: 0}"), {a(1'000)}), "1000 ");
  EXPECT_EQ(opened(counts("{gt: 1.5}"), {a(1'000), a(2'000)}), "2000 ");
}

TEST(WindowEnd, DistinctValues) {
  const std::string few = rule("value_count", "{lt: 2, field: f}");
  EXPECT_EQ(opened(few, {a(1'000, "1"), a(2'000, "2"), pass(11'000), pass(30'000)}), "11001 ");
  EXPECT_EQ(opened(few, {a(1'000, "1"), a(2'000, "1"), pass(11'001)}), "11000 ");
}

TEST(Values, SumMeanMedianPercentile) {
  const std::vector<TestEvent> events = {a(1'000, "4"), a(2'000, "1"), a(3'000, "10"),
                                         a(4'000, "\"x\""), a(5'000, "\"5\"")};
  EXPECT_EQ(opened(rule("value_sum", "{gte: 15, field: f}"), events), "3000 ");
  EXPECT_EQ(opened(rule("value_sum", "{eq: 20, field: f}"), events), "5000 ");
  EXPECT_EQ(opened(rule("value_avg", "{lt: 3, field: f}"), events), "2000 ");
  EXPECT_EQ(opened(rule("value_avg", "{eq: 2.5, field: f}"), events), "2000 ");
  EXPECT_EQ(opened(rule("value_median", "{eq: 4.5, field: f}"), events), "5000 ");
  EXPECT_EQ(opened(rule("value_percentile", "{eq: 10, field: f, percentile: 100}"), events),
            "3000 ");
  EXPECT_EQ(opened(rule("value_percentile", "{eq: 1, field: f, percentile: 0}"), events), "2000 ");
}

TEST(Values, SumsAreExact) {
  EXPECT_EQ(opened(rule("value_sum", "{eq: 2, field: f}"),
                   {a(1'000, "1e16"), a(2'000, "1"), a(3'000, "1"), a(11'500, "0")}),
            "11500 ")
      << "the large number left, and nothing of the small ones was lost";
}

TEST(Values, WhatIsNoNumberIsCountedApart) {
  EngineRun run(make_rules(correlation_rules(rule("value_sum", "{gte: 15, field: f}"))));
  run.lines(event_line(a(1'000, "\"x\"")) + event_line(a(2'000)));
  EXPECT_EQ(run.engine.stats().rules.back().not_numeric, 1U);
  EXPECT_EQ(run.engine.stats().rules.back().value_missing, 1U);
}

TEST(Bounds, WhatCannotHoldOrCannotBeKeptIsRefused) {
  EXPECT_EQ(problem(counts("{gte: 1000000000}")), "the threshold is above 10000");
  EXPECT_EQ(problem(counts("{gte: 3, lte: 2}")), "nothing can satisfy the condition >= 3, <= 2");
  EXPECT_EQ(problem(counts("{lt: 0}")), "nothing can satisfy the condition < 0");
  EXPECT_EQ(problem(counts("{eq: 1.5}")), "nothing can satisfy the condition = 1.5");
  EXPECT_EQ(problem(counts("{gte: 10000}")), "");
  EXPECT_EQ(problem(rule("value_sum", "{gte: 1000000000, field: f}")), "");
}

}  // namespace
}  // namespace picket
