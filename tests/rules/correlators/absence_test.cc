#include <algorithm>

#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

constexpr uint64_t kAfter = 1;
constexpr uint64_t kMissing = 2;
constexpr char kOptions[] = "type: absence, after: a, missing: b, within: 10s";

TEST(Absence, Borders) {
  struct Case {
    std::vector<std::pair<int64_t, uint64_t>> events;
    int64_t wake;  // -1: none
  };
  const Case cases[] = {
      {{{0, kAfter}}, 10'000},
      {{{0, kMissing}}, -1},
      {{{0, kAfter}, {10'000, kMissing}}, -1},   // the end is included
      {{{0, kAfter}, {0, kMissing}}, -1},        // so is the beginning
      {{{0, kMissing}, {0, kAfter}}, -1},        // in whatever order they are read
      {{{0, kAfter | kMissing}}, -1},            // even in one event
      {{{0, kMissing}, {1, kAfter}}, 10'001},    // an answer before the question
      {{{0, kAfter}, {3'000, kAfter}}, 10'000},  // the oldest decides
      {{{0, kAfter}, {3'000, kAfter}, {9'000, kMissing}}, -1},
      {{{5'000, kAfter}, {6'000, kAfter}, {5'500, kMissing}}, 16'000},  // late: the older one only
      {{{5'000, kAfter}, {4'000, kMissing}}, 15'000},                   // late: none
      {{{5'000, kMissing}, {4'000, kAfter}}, -1},  // late: taken to be answered
      {{{5'000, kAfter}, {4'000, kAfter}}, 14'000},
  };
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions);
    Judgement last;
    for (const auto& [time, roles] : test.events) {
      last = run.hit(time, roles);
      EXPECT_FALSE(last.holds);
    }
    EXPECT_EQ(last.wake ? to_ms(*last.wake) : -1, test.wake) << testing::PrintToString(test.events);
  }
}

TEST(Absence, HoldsWhenTheOldestGoesUnanswered) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(3'000, kAfter);
  EXPECT_EQ(run.hit(8'000, kAfter).value, 3);
  EXPECT_FALSE(run.pass(9'999).holds);
  const Judgement first = run.pass(10'000);
  EXPECT_TRUE(first.holds);
  EXPECT_EQ(first.value, 3);
  EXPECT_EQ(first.wake, timestamp_ms(18'000)) << "the newest is next";
  run.reload();
  const Judgement second = run.pass(18'000);
  EXPECT_TRUE(second.holds);
  EXPECT_EQ(second.value, 2);
  EXPECT_FALSE(second.wake) << "nothing is left";
  EXPECT_FALSE(run.pass(100'000).holds);
}

TEST(Absence, AnAnswerAfterTheOldestWasDecidedSettlesTheRest) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(3'000, kAfter);
  EXPECT_TRUE(run.pass(10'000).holds);
  EXPECT_FALSE(run.hit(12'000, kMissing).wake);
  EXPECT_TRUE(run.hit(12'001, kAfter).wake);
}

TEST(Absence, AnAnswerThatIsTooLateSettlesOnlyTheNewer) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(3'000, kAfter);
  // The clock was not asked before this event.
  EXPECT_EQ(run.hit(10'001, kMissing).wake, timestamp_ms(10'000));
  const Judgement decided = run.pass(10'001);
  EXPECT_TRUE(decided.holds);
  EXPECT_EQ(decided.value, 1);
  EXPECT_FALSE(decided.wake);
}

// Every A in a list. The condition first holds when the list says so, and from then on, as long as
// nothing is answered, again within each further `within`.
TEST(Absence, DecidesLikeAList) {
  std::mt19937_64 random(61);
  int held = 0;
  int answered = 0;
  for (int round = 0; round < 200; ++round) {
    CorrelatorRun run("type: absence, after: a, missing: b, within: 100ms");
    std::vector<int64_t> waiting;
    std::optional<Timestamp> wake;
    int64_t now = 0;
    for (int i = 0; i < 100; ++i) {
      const int64_t next = now + static_cast<int64_t>(random() % 60);
      // What an engine does: everything up to a wake comes before it, everything else after it.
      while (wake && to_ms(*wake) < next) {
        const int64_t due = to_ms(*wake);
        ASSERT_TRUE(std::any_of(waiting.begin(), waiting.end(), [&](int64_t t) {
          return t + 100 == due;
        })) << "only what the list knows to be due";
        const Judgement judged = run.pass(due);
        ASSERT_TRUE(judged.holds);
        ++held;
        std::erase_if(waiting, [&](int64_t t) { return t + 100 <= due; });
        wake = judged.wake;
        ASSERT_EQ(wake.has_value(), !waiting.empty());
        ASSERT_TRUE(!wake || to_ms(*wake) == waiting.back() + 100);
      }
      now = next;
      const bool is_answer = random() % 4 == 0;
      if (random() % 10 == 0) run.reload();
      const Judgement judged = run.hit(now, is_answer ? kMissing : kAfter);
      if (is_answer) {
        answered += waiting.empty() ? 0 : 1;
        waiting.clear();
        wake.reset();
        ASSERT_FALSE(judged.wake);
        // An A of the same millisecond would be answered as well.
        now += 1;
        continue;
      }
      waiting.push_back(now);
      wake = judged.wake;
      ASSERT_TRUE(wake);
    }
  }
  EXPECT_GT(held, 100);
  EXPECT_GT(answered, 100);
}

TEST(Absence, CountsHugeNumbers) {
  CorrelatorRun run(kOptions);
  for (int i = 0; i < 1'000'000; ++i) run.hit(0, kAfter);
  EXPECT_EQ(run.pass(10'000).value, 1'000'000);
  EXPECT_EQ(run.describe(10'000), "nothing waits for an answer");
}

TEST(Absence, Describes) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(2'000, kAfter);
  EXPECT_EQ(run.describe(4'000), "2 waiting for an answer; 6 s left for the oldest");
}

TEST(Absence, FillsTheSpecAndReportsEveryProblem) {
  CorrelatorRun run("type: absence, after: [a, b], missing: c, within: 10s");
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(run.spec().timespan, Duration(10'000));
  EXPECT_EQ(problems_of("type: absence, after: [a, b], missing: b, wihtin: 1s"),
            (std::vector<std::string>{
                "3:56 a rule under both 'after' and 'missing' would answer itself",
                "3:16 correlation 'absence' needs 'within'",
                "3:59 unknown key 'wihtin' in correlation 'absence'",
            }));
}

TEST(Absence, SurvivesAnything) {
  CorrelatorRun run(kOptions);
  survive_extreme_times(run);
  run.forget();
  run.hit(1'000, kAfter);
  run.hit(2'000, kAfter);
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
