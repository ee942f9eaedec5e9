#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

constexpr char kOptions[] = "type: leaky_bucket, rules: a, capacity: 2, leak: 10s";

TEST(LeakyBucket, HoldsAboveCapacity) {
  CorrelatorRun run(kOptions);
  EXPECT_FALSE(run.hit(0).holds);
  EXPECT_FALSE(run.hit(0).holds) << "full is not over";
  const Judgement over = run.hit(0);
  EXPECT_TRUE(over.holds);
  EXPECT_EQ(over.value, 3);
}

TEST(LeakyBucket, BordersOfTheLeak) {
  struct Case {
    std::vector<int64_t> times;
    bool holds;
  };
  const Case cases[] = {
      {{0, 0, 9'999}, true},                // one has not quite run out
      {{0, 0, 10'000}, false},              // one has
      {{0, 10'000, 20'000}, false},         // as fast as it leaks
      {{0, 0, 10'000, 10'000}, true},       // one too many at the same moment
      {{0, 5'000, 10'000, 15'000}, true},   // 1, 1.5, 2, 2.5
      {{0, 6'000, 12'000, 18'000}, true},   // 1, 1.4, 1.8, 2.2
      {{0, 6'000, 12'000, 20'000}, false},  // 1, 1.4, 1.8, 2.0
      {{0, 1'000, 100'000, 100'000}, false},
  };
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions);
    Judgement last;
    for (int64_t time : test.times) last = run.hit(time);
    EXPECT_EQ(last.holds, test.holds) << testing::PrintToString(test.times);
  }
}

TEST(LeakyBucket, RunsOverAtTheRim) {
  CorrelatorRun run(kOptions);
  for (int i = 0; i < 1'000'000; ++i) run.hit(0);
  EXPECT_EQ(run.hit(0).value, 3);
  EXPECT_TRUE(run.hit(10'000).holds);
  EXPECT_FALSE(run.hit(40'000).holds) << "a flood is forgotten as soon as its rim has run out";
}

TEST(LeakyBucket, TheRimRisesWithEscalation) {
  CorrelatorRun run(kOptions);
  run.spec().head.picket.escalate = {{.gte = 7.5, .level = Level::Critical}};
  auto higher = make_correlator(run.spec());
  ASSERT_TRUE(higher);
  auto state = (*higher)->make_state();
  Judgement last;
  for (int i = 0; i < 100; ++i) last = (*higher)->process(*state, {});
  EXPECT_EQ(last.value, 8);
  EXPECT_EQ((*higher)->memory(Duration(0)), Duration(80'000));
}

TEST(LeakyBucket, LateEventsCountForWhatIsLeftOfThem) {
  CorrelatorRun run(kOptions);
  run.hit(100'000);
  run.hit(100'000);
  EXPECT_FALSE(run.hit(90'000).holds) << "a whole leak late: nothing is left";
  EXPECT_EQ(run.hit(0).value, 2);
  const Judgement partly = run.hit(95'000);
  EXPECT_TRUE(partly.holds);
  EXPECT_EQ(partly.value, 2.5);
  EXPECT_FALSE(run.hit(130'000).holds) << "and time goes on from the newest";
}

// A list of what is in the bucket, in thousandths of an event, lowered millisecond by millisecond.
TEST(LeakyBucket, CountsLikeABucket) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 40; ++round) {
    const int64_t leak = 1 + static_cast<int64_t>(random() % 20);
    const int64_t capacity = 1 + static_cast<int64_t>(random() % 6);
    CorrelatorRun run("type: leaky_bucket, rules: [a, b], capacity: " + std::to_string(capacity) +
                      ", leak: " + std::to_string(leak) + "ms");
    int64_t level = 0;  // in parts of an event, of which `leak` make one
    int64_t now = -1000;
    for (int i = 0; i < 500; ++i) {
      for (auto pause = static_cast<int64_t>(random() % 30); pause > 0; --pause) {
        ++now;
        if (level > 0) --level;
      }
      level = std::min(level + leak, (capacity + 1) * leak);
      if (random() % 10 == 0) run.reload();
      const Judgement judged = run.hit(now, 1 + random() % 3);
      ASSERT_EQ(judged.holds, level > capacity * leak) << i;
      ASSERT_DOUBLE_EQ(judged.value, static_cast<double>(level) / static_cast<double>(leak));
    }
  }
}

TEST(LeakyBucket, Describes) {
  CorrelatorRun run(kOptions);
  run.hit(0);
  run.hit(0);
  EXPECT_EQ(run.describe(5'000),
            "the bucket holds 1.5 of 2; 1 more at once make it run over; one leaks out every 10 s");
  EXPECT_EQ(run.describe(50'000),
            "the bucket holds 0.0 of 2; 3 more at once make it run over; one leaks out every 10 s");
}

TEST(LeakyBucket, FillsTheSpec) {
  CorrelatorRun run("type: leaky_bucket, rules: [a, b, a], capacity: 6, leak: 10s");
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(run.spec().timespan, Duration(60'000));
  CorrelatorRun outside("type: leaky_bucket, capacity: 6, leak: 10s", "rules: [x, y]");
  EXPECT_EQ(outside.spec().rules, (std::vector<std::string>{"x", "y"}));
}

TEST(LeakyBucket, ReportsEveryProblem) {
  EXPECT_EQ(problems_of("type: leaky_bucket, capacity: 0, leek: 1s"),
            (std::vector<std::string>{
                "3:16 correlation 'leaky_bucket' needs 'rules'",
                "3:47 'capacity' must be between 1 and 1000000000",
                "3:16 correlation 'leaky_bucket' needs 'leak'",
                "3:50 unknown key 'leek' in correlation 'leaky_bucket'",
            }));
  EXPECT_EQ(problems_of("type: leaky_bucket, rules: [], capacity: 1000, leak: 30d"),
            (std::vector<std::string>{
                "3:44 'rules' names no rules",
                "3:58 a full bucket would take more than ten years to run empty",
            }));
  EXPECT_EQ(problems_of(kOptions, "timespan: 1m").size(), 1U);
  EXPECT_EQ(problems_of(kOptions, "rules: [a, z]"),
            (std::vector<std::string>{"1:1 'rules' names 'z', which no option uses"}));
  EXPECT_EQ(problems_of(kOptions, "condition: {gte: 3}").size(), 1U);
  EXPECT_TRUE(problems_of(kOptions).empty());
}

TEST(LeakyBucket, SurvivesAnything) {
  CorrelatorRun run(kOptions);
  survive_extreme_times(run);
  run.forget();
  run.hit(1'000);
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
