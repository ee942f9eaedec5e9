#include <cmath>

#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

constexpr uint64_t kStrong = 1;
constexpr uint64_t kWeak = 2;
constexpr char kOptions[] = "type: risk, scores: {strong: 6, weak: 3}, half_life: 1h, gte: 10";
constexpr int64_t kHour = 3'600'000;

TEST(Risk, Borders) {
  struct Case {
    std::vector<std::pair<int64_t, uint64_t>> events;
    double sum;
    bool holds;
  };
  const Case cases[] = {
      {{{0, kStrong}}, 6, false},
      {{{0, kStrong}, {0, kWeak}}, 9, false},
      {{{0, kStrong | kWeak}, {0, kWeak}}, 12, true},
      {{{0, kStrong}, {kHour, kWeak}}, 6, false},
      {{{0, kStrong}, {kHour, kWeak}, {kHour, kStrong}}, 12, true},
      {{{0, kStrong}, {2 * kHour, kStrong}}, 7.5, false},
      {{{0, kStrong}, {0, kStrong}, {kHour, kWeak}}, 9, false},
      {{{2 * kHour, kStrong}, {0, kStrong}}, 7.5, false},      // late, faded by two hours
      {{{-kHour, kStrong}, {-2 * kHour, kStrong}}, 9, false},  // before the epoch
  };
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions);
    Judgement last;
    for (const auto& [time, roles] : test.events) last = run.hit(time, roles);
    EXPECT_NEAR(last.value, test.sum, 1e-9);
    EXPECT_EQ(last.score, last.value);
    EXPECT_EQ(last.holds, test.holds) << testing::PrintToString(test.events);
  }
}

TEST(Risk, DecimalPointsAddUp) {
  CorrelatorRun run("type: risk, scores: {a: 0.1}, gte: 1");
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(run.hit(0).holds);
  EXPECT_TRUE(run.hit(0).holds) << "ten times 0.1";
}

TEST(Risk, OnlyItsOwnRulesAreWorthAnything) {
  CorrelatorRun run(kOptions);
  EXPECT_EQ(run.hit(0, ~uint64_t{0}).value, 9);
  EXPECT_EQ(run.hit(0, 0).value, 9);
}

TEST(Risk, AddsLikeAList) {
  std::mt19937_64 random(41);
  int held = 0;
  CorrelatorRun run("type: risk, scores: {a: 1.5, b: 4}, half_life: 1s, gte: 9");
  std::vector<std::pair<int64_t, double>> events;
  int64_t newest = -5000;
  for (int i = 0; i < 1500; ++i) {
    const int64_t time = newest + static_cast<int64_t>(random() % 900) - 200;
    const uint64_t roles = 1 + random() % 3;
    newest = std::max(newest, time);
    events.emplace_back(time, (roles & 1U ? 1.5 : 0) + (roles & 2U ? 4 : 0));
    double sum = 0;
    for (const auto& [t, points] : events) {
      sum += points * std::pow(0.5, static_cast<double>(newest - t) / 1000);
    }
    if (random() % 20 == 0) run.reload();
    const Judgement judged = run.hit(time, roles);
    ASSERT_NEAR(judged.value, sum, 1e-6) << i;
    held += judged.holds ? 1 : 0;
  }
  EXPECT_GT(held, 50);
}

TEST(Risk, ManyEventsDoNotWearItOut) {
  CorrelatorRun run(kOptions);
  for (int i = 0; i < 1'000'000; ++i) run.hit(0, kWeak);
  EXPECT_EQ(run.hit(0, kWeak).value, 3'000'003);
  EXPECT_NEAR(run.hit(10 * kHour, 0).value, 3'000'003.0 / 1024, 1e-9);
  EXPECT_EQ(run.correlator().memory(Duration(0)), std::chrono::hours(20));
  EXPECT_EQ(run.hit(30 * kHour + 1, 0).value, 0);
}

constexpr char kContacts[] =
    "type: risk, scores: {a: 1, b: 4}, half_life: 1h, gte: 3, first_contact: x, occasion: 10m, "
    "repeated: 0.75";
constexpr int64_t kMinute = 60'000;

TEST(Risk, OnlyFirstContactsCount) {
  CorrelatorRun run("type: risk, scores: {a: 1}, half_life: 1h, gte: 3, first_contact: x");
  EXPECT_EQ(run.hit(0).value, 0) << "without the field";
  EXPECT_EQ(run.value_hit(0, 1, 7).value, 1);
  EXPECT_EQ(run.value_hit(0, 1, 7).value, 1);
  EXPECT_EQ(run.value_hit(0, 1, 8).value, 2);
  run.reload();
  EXPECT_EQ(run.value_hit(0, 1, 8).value, 2);
  const Judgement third = run.value_hit(0, 1, 9);
  EXPECT_TRUE(third.holds);
  EXPECT_EQ(third.distinct, 3U);
}

TEST(Risk, AContactIsNewAgainAfterFourHalfLives) {
  CorrelatorRun run("type: risk, scores: {a: 1}, half_life: 1h, gte: 3, first_contact: x");
  run.value_hit(0, 1, 7);
  EXPECT_NEAR(run.value_hit(4 * kHour, 1, 7).value, 1.0 / 16, 1e-9);
  EXPECT_NEAR(run.value_hit(8 * kHour + 1, 1, 7).value, 1 + 1.0 / 256, 1e-6);
}

TEST(Risk, WhatComesSoonBelongsToTheSameOccasion) {
  CorrelatorRun run(kContacts);
  EXPECT_EQ(run.value_hit(0, 1, 1).value, 1);
  EXPECT_NEAR(run.value_hit(10 * kMinute - 1, 1, 2).value, std::exp2(-1.0 / 6), 1e-6);
  EXPECT_NEAR(run.value_hit(10 * kMinute, 1, 3).value, 1 + std::exp2(-1.0 / 6), 1e-6);
  EXPECT_LT(run.value_hit(5 * kMinute, 1, 4).value, 2) << "late, and within both occasions";
}

TEST(Risk, AContactThatComesAgainGivesBackItsShareOnce) {
  CorrelatorRun run(kContacts);
  run.value_hit(0, 2, 1);
  EXPECT_NEAR(run.value_hit(kMinute, 2, 1).value, 4 * std::exp2(-1.0 / 60), 1e-6) << "too soon";
  EXPECT_NEAR(run.value_hit(kHour, 2, 1).value, 0.5, 1e-9);
  run.reload();
  EXPECT_NEAR(run.value_hit(kHour, 2, 1).value, 0.5, 1e-9);
  EXPECT_NEAR(run.value_hit(2 * kHour, 2, 1).value, 0.25, 1e-9);
}

TEST(Risk, RemembersABoundedNumberOfContacts) {
  CorrelatorRun run("type: risk, scores: {a: 1}, half_life: 1h, gte: 3, first_contact: x");
  uint64_t lost = 0;
  for (uint64_t i = 0; i < 300; ++i) lost += run.value_hit(static_cast<int64_t>(i), 1, i).forgotten;
  EXPECT_EQ(lost, 44U);
  EXPECT_EQ(run.value_hit(300, 1, 299).distinct, 256U);
}

TEST(Risk, Describes) {
  CorrelatorRun run(kOptions);
  run.hit(0, kStrong);
  EXPECT_EQ(run.describe(kHour), "3.0 of 10 points; 7.0 more hold; half of them fade every 1 h");
  run.hit(kHour, kStrong);
  run.hit(kHour, kStrong);
  EXPECT_EQ(run.describe(kHour), "15.0 of 10 points; it holds; half of them fade every 1 h");
}

TEST(Risk, FillsTheSpecAndReportsEveryProblem) {
  CorrelatorRun run(kOptions);
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"strong", "weak"}));
  EXPECT_EQ(run.spec().timespan, Duration(kHour));
  EXPECT_EQ(problems_of("type: risk, scores: {a: 0, b: -1, c: x, d: 1}, half_life: 0s"),
            (std::vector<std::string>{
                "3:41 points must be more than 0 and at most 1000000000",
                "3:47 points must be more than 0 and at most 1000000000",
                "3:54 expected a number, found 'x'",
                "3:75 'half_life' must be longer than nothing and at most ten years",
                "3:16 correlation 'risk' needs 'gte'",
            }));
  EXPECT_EQ(problems_of("type: risk, scores: [a], gte: 1"),
            (std::vector<std::string>{"3:37 'scores' must be a map of rules to points"}));
  EXPECT_EQ(problems_of("type: risk, scores: {a: 1}, gte: 1, occasion: 1h, repeated: 1"),
            (std::vector<std::string>{
                "3:77 'repeated' must be greater than 0 and less than 1",
                "3:63 'occasion' means nothing without 'first_contact'",
                "3:77 'repeated' means nothing without 'first_contact'",
            }));
}

TEST(Risk, SurvivesAnything) {
  CorrelatorRun run(kOptions);
  survive_extreme_times(run);
  run.forget();
  run.hit(1'000);
  survive_any_state(run);
  CorrelatorRun contacts(kContacts);
  survive_extreme_times(contacts);
  contacts.forget();
  contacts.value_hit(1'000, 1, 1);
  survive_any_state(contacts);
}

}  // namespace
}  // namespace picket
