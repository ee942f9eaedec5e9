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

TEST(Absence, EachThatGoesUnansweredHoldsAtItsOwnEnd) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(3'000, kAfter);
  EXPECT_EQ(run.hit(8'000, kAfter).value, 3);
  EXPECT_FALSE(run.pass(9'999).holds);
  const std::pair<int64_t, std::optional<int64_t>> ends[] = {
      {10'000, 13'000}, {13'000, 18'000}, {18'000, std::nullopt}};
  double waiting = 3;
  for (const auto& [end, next] : ends) {
    run.reload();
    const Judgement judged = run.pass(end);
    EXPECT_TRUE(judged.holds) << end;
    EXPECT_EQ(judged.value, waiting--) << end;
    EXPECT_EQ(judged.wake ? std::optional(to_ms(*judged.wake)) : std::nullopt, next);
  }
  EXPECT_FALSE(run.pass(100'000).holds);
}

TEST(Absence, AnAnswerSettlesThoseThatItFollowsInTime) {
  CorrelatorRun run(kOptions);
  for (const int64_t time : {0, 3'000, 8'000}) run.hit(time, kAfter);
  EXPECT_TRUE(run.pass(10'000).holds);
  EXPECT_EQ(run.hit(14'000, kMissing).wake, timestamp_ms(13'000)) << "too late for that one";
  EXPECT_FALSE(run.pass(14'000).wake) << "the last one was answered";
}

TEST(Absence, BeyondTheBoundTheNewestButOneCountsWithTheNewest) {
  constexpr int64_t kMany = 64;
  CorrelatorRun run(kOptions);
  uint64_t forgotten = 0;
  for (int64_t time = 0; time < kMany + 10; ++time) forgotten += run.hit(time, kAfter).forgotten;
  EXPECT_EQ(forgotten, 10U);
  for (int64_t time = 0; time < kMany - 1; ++time) {
    run.reload();
    const Judgement judged = run.pass(10'000 + time);
    ASSERT_TRUE(judged.holds) << "the oldest keep their times";
    ASSERT_EQ(judged.value, static_cast<double>(kMany + 10 - time)) << "none is left out";
  }
  EXPECT_FALSE(run.pass(10'000 + kMany - 1).holds);
  const Judgement last = run.pass(10'000 + kMany + 9);
  EXPECT_TRUE(last.holds);
  EXPECT_EQ(last.value, 11);
  EXPECT_FALSE(last.wake);
}

// However fast the questions come, none of them puts off what is due, and as long as nothing
// answers the condition holds again within each wait.
TEST(Absence, AFloodOfQuestionsDelaysNothing) {
  CorrelatorRun run("type: absence, after: a, missing: b, within: 1s");
  std::optional<Timestamp> wake;
  int64_t held = 0;
  for (int64_t time = 0; time < 5'000; ++time) {
    while (wake && to_ms(*wake) < time) {
      const int64_t due = to_ms(*wake);
      const Judgement judged = run.pass(due);
      ASSERT_TRUE(judged.holds);
      ASSERT_LE(due - held, 1'000) << time;
      held = due;
      wake = judged.wake;
    }
    wake = run.hit(time, kAfter).wake;
  }
  EXPECT_GE(held, 4'000);
  EXPECT_LT(run.state().bytes(), 4'096U);
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

// Every A in a list: it holds at its end unless a B came before that.
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
      // An A at the time of a B would be answered as well.
      const int64_t next = now + 1 + static_cast<int64_t>(random() % 60);
      // What an engine does: everything up to a wake comes before it, everything else after it.
      while (!waiting.empty() && waiting.front() + 100 < next) {
        ASSERT_EQ(wake, timestamp_ms(waiting.front() + 100));
        const Judgement judged = run.pass(to_ms(*wake));
        ASSERT_TRUE(judged.holds);
        ASSERT_EQ(judged.value, static_cast<double>(waiting.size()));
        ++held;
        waiting.erase(waiting.begin());
        wake = judged.wake;
      }
      ASSERT_EQ(wake.has_value(), !waiting.empty());
      now = next;
      const bool is_answer = random() % 4 == 0;
      if (random() % 10 == 0) run.reload();
      wake = run.hit(now, is_answer ? kMissing : kAfter).wake;
      if (is_answer) {
        answered += static_cast<int>(std::erase_if(waiting, [](int64_t) { return true; }));
      } else {
        waiting.push_back(now);
      }
    }
  }
  EXPECT_GT(held, 100);
  EXPECT_GT(answered, 100);
}

TEST(Absence, CountsHugeNumbers) {
  CorrelatorRun run(kOptions);
  for (int i = 0; i < 1'000'000; ++i) run.hit(0, kAfter);
  EXPECT_EQ(run.pass(10'000).value, 1'000'000);
  EXPECT_EQ(run.describe(10'000), "nothing waits for b; missing: a");
}

TEST(Absence, Describes) {
  CorrelatorRun run(kOptions);
  run.hit(0, kAfter);
  run.hit(2'000, kAfter);
  EXPECT_EQ(run.describe(4'000), "2 wait for b; the condition holds unless it comes within 6 s");
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
