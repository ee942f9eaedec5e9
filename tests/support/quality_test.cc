// The shipped rules against callers whose intent is known: every hostile one is found soon, no
// honest one is called hostile, and refusals get their right cause.
//
// PICKET_QUALITY_SEEDS=10 runs that many days with 100 honest callers and hostile ones of every
// kind, and as many times three weeks with one caller of each kind that takes its time.
#include "tests/support/quality.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "rules/rule_set.h"
#include "tests/support/engine_run.h"
#include "tests/support/scenario.h"

namespace picket {
namespace {

ScenarioOptions one_of_each(Cast cast) {
  ScenarioOptions options;
  options.cast = cast;
  options.honest = static_cast<uint32_t>(cast_of(cast, false).size());
  options.hostile = static_cast<uint32_t>(cast_of(cast, true).size());
  return options;
}

ScenarioOptions small_day() { return one_of_each(Cast::Day); }

ScenarioOptions three_weeks() {
  ScenarioOptions options = one_of_each(Cast::Weeks);
  options.length = 21 * Duration(24 * 3'600'000);
  return options;
}

void expect_goals(const Quality& quality) {
  EXPECT_EQ(quality.found, quality.hostile);
  EXPECT_EQ(quality.false_alarms, 0U);
  EXPECT_LE(quality.median_fast_delay(), 6U);
  EXPECT_LE(quality.long_slow_delay(), 12U);
  EXPECT_GE(quality.right_causes(), 0.995);
  if (testing::Test::HasFailure()) std::cout << quality.complaints.substr(0, 4000);
}

TEST(Quality, EveryIntentIsJudged) {
  Quality quality;
  measure(shipped_rules(), make_scenario(small_day()), quality);
  EXPECT_GT(quality.refusals, 10'000U);
  expect_goals(quality);
}

TEST(Quality, PatienceDoesNotHelp) {
  Quality quality;
  measure(shipped_rules(), make_scenario(three_weeks()), quality);
  expect_goals(quality);
}

// Adds what `options` give with that many other seeds.
void many(ScenarioOptions options, int seeds, Quality& quality) {
  const std::shared_ptr<const RuleSet> rules = shipped_rules();
  for (int i = 1; i <= seeds; ++i) {
    options.seed = static_cast<uint64_t>(i) * 7919;
    measure(rules, make_scenario(options), quality);
  }
}

TEST(Quality, ManyDays) {
  const char* seeds = std::getenv("PICKET_QUALITY_SEEDS");
  if (!seeds) GTEST_SKIP() << "PICKET_QUALITY_SEEDS says how many days";
  ScenarioOptions options = small_day();
  options.honest = 100;
  Quality quality;
  many(options, std::atoi(seeds), quality);
  std::cout << summary(quality);
  expect_goals(quality);
}

TEST(Quality, ManyWeeks) {
  const char* seeds = std::getenv("PICKET_QUALITY_SEEDS");
  if (!seeds) GTEST_SKIP() << "PICKET_QUALITY_SEEDS says how many times three weeks";
  Quality quality;
  many(three_weeks(), std::atoi(seeds), quality);
  std::cout << summary(quality);
  expect_goals(quality);
}

TEST(Scenario, EqualSeedsGiveEqualRows) {
  ScenarioOptions options = small_day();
  options.length = Duration(3'600'000);
  const auto text = [](const Scenario& scenario) {
    std::string all;
    for (const ScenarioRow& row : scenario.rows) all += row.text + "\n";
    return all;
  };
  const std::string first = text(make_scenario(options));
  EXPECT_EQ(first, text(make_scenario(options)));
  options.seed = 2;
  EXPECT_NE(first, text(make_scenario(options)));
}

TEST(Scenario, RowsComeOutOfOrderButNotLaterThanTheSpread) {
  ScenarioOptions options = small_day();
  options.length = Duration(3'600'000);
  Timestamp newest = options.start;
  Timestamp arrival = options.start;
  bool went_back = false;
  for (const ScenarioRow& row : make_scenario(options).rows) {
    EXPECT_GE(row.arrival, arrival);
    EXPECT_GE(row.time + options.spread, newest);
    went_back = went_back || row.time < newest;
    newest = std::max(newest, row.time);
    arrival = row.arrival;
  }
  EXPECT_TRUE(went_back);
}

TEST(Scenario, TruthNamesEveryCaller) {
  ScenarioOptions options = small_day();
  options.length = Duration(3'600'000);
  const Scenario scenario = make_scenario(options);
  const std::string truth = truth_lines(scenario);
  std::set<std::string_view> workspaces;
  for (const Caller& caller : scenario.callers) {
    EXPECT_TRUE(workspaces.insert(caller.client.workspace_id).second);
    EXPECT_NE(truth.find(caller.client.workspace_id), std::string::npos);
  }
  EXPECT_NE(truth.find(R"("kind":"fast_permissions","hostile":true)"), std::string::npos);
}

}  // namespace
}  // namespace picket
