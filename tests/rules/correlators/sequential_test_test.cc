#include "rules/correlators/sequential_test.h"

#include <cmath>
#include <map>
#include <set>

#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

constexpr uint64_t kSuccess = 1;
constexpr uint64_t kFailure = 2;
constexpr int64_t kDay = 86'400'000;
constexpr char kOptions[] = "type: sequential_test, success: s, failure: f, first_contact: target";

std::string with(const std::string& more) { return kOptions + (", " + more); }

// Failures in a row, all on new targets, until it holds.
int failures_until_decided(CorrelatorRun& run) {
  for (int i = 1; i <= 1000; ++i) {
    if (run.value_hit(i, kFailure, static_cast<uint64_t>(i)).holds) return i;
  }
  return 0;
}

TEST(SequentialTest, DecidesAfterTheStatedNumberOfFailures) {
  struct Case {
    std::string options;
    int attempts;
  };
  const Case cases[] = {
      {"", 7},  // ln(0.99 / 0.0001) / ln 4 = 6.6
      {", false_alarm: 0.01", 4},
      // Nine times nine: two weights make up the threshold exactly.
      {", p_honest: 0.1, p_prober: 0.9, false_alarm: 0.0111111111111111, missed: 0.1", 2},
      {", p_honest: 0.1, p_prober: 0.9, false_alarm: 0.0111, missed: 0.1", 3},
      // Shares that succeed, for the larger one is honest.
      {", p_honest: 0.8, p_prober: 0.2", 7},
      {", p_honest: 0.95, p_prober: 0.3", 4},
      {", p_honest: 1e-300, p_prober: 0.5", 1},
      {", p_honest: 0.49, p_prober: 0.51", 230},
  };
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions + test.options);
    const auto options = read_sequential_test(run.spec());
    ASSERT_TRUE(options);
    EXPECT_EQ(attempts_until_decision(*options), test.attempts) << test.options;
    EXPECT_EQ(failures_until_decided(run), test.attempts) << test.options;
  }
}

TEST(SequentialTest, StatesItsEvidenceAndErrorRate) {
  CorrelatorRun run(kOptions);
  const Judgement first = run.value_hit(0, kFailure, 1);
  EXPECT_NEAR(first.value, std::log(4), 1e-12);
  EXPECT_EQ(first.score, first.value);
  EXPECT_EQ(first.false_alarm, 0.0001);
  EXPECT_EQ(first.distinct, 1U);
  EXPECT_NEAR(run.value_hit(0, kSuccess, 2).value, 0, 1e-12);
}

TEST(SequentialTest, HarmlessSuccessesBuyNothing) {
  CorrelatorRun run(kOptions);
  for (uint64_t i = 0; i < 50; ++i) run.value_hit(0, kSuccess, 1000 + i);
  EXPECT_EQ(failures_until_decided(run), 7) << "no credit for the time before";

  CorrelatorRun repeating(kOptions);
  repeating.value_hit(0, kSuccess, 1000);
  bool decided = false;
  for (uint64_t i = 0; i < 7; ++i) {
    decided = repeating.value_hit(1, kFailure, i).holds;
    for (int j = 0; j < 20; ++j) repeating.value_hit(1, kSuccess, 1000);
  }
  EXPECT_TRUE(decided) << "a repeated success takes nothing away";
}

TEST(SequentialTest, ARepeatedMistakeFailsOnce) {
  CorrelatorRun run(kOptions);
  for (int64_t t = 0; t < 30 * kDay; t += kDay / 24) {
    ASSERT_LT(run.value_hit(t, kFailure, 1).value, 1.4) << "refreshed by each repeat";
  }
}

TEST(SequentialTest, AContactIsRememberedForTheTimespan) {
  // The other contact keeps the group itself from being forgotten.
  for (const auto& [again, counts] : {std::pair(60'000, false), std::pair(60'001, true)}) {
    CorrelatorRun run(kOptions, "timespan: 60s");
    run.value_hit(0, kFailure, 1);
    run.value_hit(30'000, kFailure, 2);
    const double before = run.value_hit(30'000, kFailure, 2).value;
    EXPECT_EQ(run.value_hit(again, kFailure, 1).value > before, counts) << again;
  }
}

TEST(SequentialTest, WhoWasQuietForTheTimespanBeginsAnew) {
  for (const auto& [again, anew] : {std::pair(60'000, false), std::pair(60'001, true)}) {
    CorrelatorRun run(kOptions, "timespan: 60s");
    for (uint64_t i = 0; i < 3; ++i) run.value_hit(0, kFailure, i);
    EXPECT_EQ(run.value_hit(again, kFailure, 9).value < 2, anew) << again;
  }
}

TEST(SequentialTest, OnlyFirstContactsWithAllFieldsCount) {
  CorrelatorRun run(kOptions);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run.hit(i, kFailure).value, 0);
  EXPECT_GT(run.value_hit(0, kSuccess | kFailure, 1).value, 1) << "both at once is a failure";
}

TEST(SequentialTest, HonestBehaviourBringsItDownSoon) {
  CorrelatorRun run(kOptions);
  for (uint64_t i = 0; i < 200; ++i) run.value_hit(0, kFailure, i);
  Judgement judged = run.value_hit(0, kFailure, 200);
  EXPECT_NEAR(judged.value, std::log(9900) + std::log(4), 1e-6)
      << "one failure above the threshold";
  EXPECT_TRUE(run.value_hit(1, kSuccess, 1001).holds) << "just at the threshold";
  EXPECT_FALSE(run.value_hit(1, kSuccess, 1002).holds);
  EXPECT_TRUE(run.value_hit(1, kFailure, 1003).holds);
}

TEST(SequentialTest, RemembersTheNewest256) {
  CorrelatorRun run(kOptions);
  for (int64_t i = 0; i < 257; ++i) {
    EXPECT_EQ(run.value_hit(i, kSuccess, static_cast<uint64_t>(i)).forgotten, i < 256 ? 0U : 1U);
  }
  EXPECT_EQ(run.value_hit(300, kFailure, 1).value, 0) << "still known";
  EXPECT_GT(run.value_hit(300, kFailure, 0).value, 1) << "the oldest gave way";
  EXPECT_LE(run.state().bytes(), 256U * 16 * 2 + 200);
}

TEST(SequentialTest, TooLateToTellDoesNotCount) {
  CorrelatorRun run(kOptions, "timespan: 60s");
  run.value_hit(100'000, kSuccess, 1);
  EXPECT_EQ(run.value_hit(39'999, kFailure, 2).value, 0);
  EXPECT_GT(run.value_hit(40'000, kFailure, 3).value, 1);
}

// All contacts in a map, the walk as the documentation puts it.
TEST(SequentialTest, WalksLikeTheDefinition) {
  std::mt19937_64 random(21);
  int decisions = 0;
  for (int round = 0; round < 60; ++round) {
    const auto targets = 3 + random() % 60;
    CorrelatorRun run(with("p_honest: 0.3, p_prober: 0.6, false_alarm: 0.05, missed: 0.2"),
                      "timespan: 1s");
    std::map<uint64_t, int64_t> last;
    double walk = 0;
    const double threshold = std::log(0.8 / 0.05);
    int64_t now = 0;
    int64_t before = 0;
    for (int i = 0; i < 400; ++i) {
      now += static_cast<int64_t>(random() % (random() % 20 == 0 ? 1500 : 60));
      const uint64_t target = random() % targets;
      const bool failed = random() % 2 == 0;
      if (now - before > 1000) walk = 0;
      before = now;
      const bool first = !last.contains(target) || now - last[target] > 1000;
      last[target] = now;
      if (first) walk += failed ? std::log(0.6 / 0.3) : std::log(0.4 / 0.7);
      walk = std::min(std::max(walk, 0.0), threshold + std::log(2));
      if (random() % 15 == 0) run.reload();
      const Judgement judged = run.value_hit(now, failed ? kFailure : kSuccess, target);
      ASSERT_NEAR(judged.value, walk, 1e-6) << i;
      ASSERT_EQ(judged.holds, walk >= threshold - 1e-9) << i;
      decisions += judged.holds ? 1 : 0;
    }
  }
  EXPECT_GT(decisions, 100);
}

// Of honest actors, the share that is ever decided on within a first walk is within what is stated.
TEST(SequentialTest, FalseAlarmsStayWithinTheStatedRate) {
  std::mt19937_64 random(3);
  int walks = 0;
  int alarms = 0;
  uint64_t target = 0;
  CorrelatorRun run(with("p_honest: 0.2, p_prober: 0.8, false_alarm: 0.01"));
  while (walks < 20'000) {
    run.forget();
    ++walks;
    // A walk begins with the failure that leaves zero.
    Judgement judged = run.value_hit(0, kFailure, ++target);
    while (judged.value > 1e-9 && !judged.holds) {
      judged = run.value_hit(0, random() % 5 == 0 ? kFailure : kSuccess, ++target);
    }
    alarms += judged.holds ? 1 : 0;
  }
  EXPECT_GT(alarms, 0);
  // The first failure is given here, which an honest actor meets one time in five.
  EXPECT_LE(0.2 * alarms / walks, 0.01);
}

TEST(SequentialTest, Describes) {
  CorrelatorRun run(kOptions);
  run.value_hit(0, kFailure, 1);
  EXPECT_EQ(run.describe(0),
            "evidence 1.39 of 9.20 from 1 first contacts; 6 more that fail decide");
  for (uint64_t i = 2; i < 8; ++i) run.value_hit(0, kFailure, i);
  EXPECT_EQ(run.describe(0), "evidence 9.70 of 9.20 from 7 first contacts; decided");
}

TEST(SequentialTest, FillsTheSpec) {
  CorrelatorRun run(
      "type: sequential_test, success: [a, b], failure: [c, b], first_contact: [x, y]");
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(run.spec().condition.fields, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(run.spec().timespan, Duration(kDay));
  const auto options = read_sequential_test(run.spec());
  ASSERT_TRUE(options);
  EXPECT_EQ(options->success, 0b011U);
  EXPECT_EQ(options->failure, 0b110U);
  CorrelatorRun shorter(kOptions, "timespan: 2h");
  EXPECT_EQ(shorter.spec().timespan, Duration(7'200'000));
}

TEST(SequentialTest, ReportsEveryProblem) {
  EXPECT_EQ(problems_of("type: sequential_test, success: a, p_honest: 0, p_prober: 1, "
                        "false_alarm: 0.5, missed: x, first_contacts: y"),
            (std::vector<std::string>{
                "3:16 correlation 'sequential_test' needs 'failure'",
                "3:16 correlation 'sequential_test' needs 'first_contact'",
                "3:62 'p_honest' must be greater than 0 and less than 1",
                "3:75 'p_prober' must be greater than 0 and less than 1",
                "3:91 'false_alarm' must be greater than 0 and less than 0.5",
                "3:104 expected a number, found 'x'",
                "3:107 unknown key 'first_contacts' in correlation 'sequential_test'",
            }));
  EXPECT_EQ(problems_of(with("p_honest: 0.3, p_prober: 0.3")).size(), 1U);
  EXPECT_EQ(problems_of(with("p_honest: 0.3, p_prober: 0.3001")).size(), 1U);
  EXPECT_EQ(problems_of(with("p_honest: nan")).size(), 1U);
}

TEST(SequentialTest, SurvivesAnything) {
  CorrelatorRun run(kOptions);
  survive_extreme_times(run);
  run.forget();
  for (uint64_t i = 0; i < 5; ++i) run.value_hit(1'000, kFailure, i);
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
