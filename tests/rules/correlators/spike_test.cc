#include <algorithm>
#include <cmath>

#include "rules/bytes.h"
#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

// Steps of a second, four of them in the baseline.
constexpr char kOptions[] = "type: spike, rules: r, baseline: 4s, factor: 3, min_events: 5";
constexpr char kStep[] = "timespan: 1s";

// `counts` events, one number per step from step 0 on; the judgement of the last event.
Judgement feed(CorrelatorRun& run, const std::vector<int>& counts) {
  Judgement last;
  for (size_t step = 0; step < counts.size(); ++step) {
    for (int i = 0; i < counts[step]; ++i) last = run.hit(static_cast<int64_t>(step) * 1000 + 1);
  }
  return last;
}

TEST(Spike, Borders) {
  struct Case {
    std::string options;
    std::vector<int> counts;
    bool holds;
  };
  const std::string factor = "type: spike, rules: r, baseline: 4s, factor: 3, min_events: 5";
  const std::string score = "type: spike, rules: r, baseline: 4s, score: 3, min_events: 5";
  const std::string both =
      "type: spike, rules: r, baseline: 4s, factor: 1.5, score: 3, min_events: 5";
  const Case cases[] = {
      {factor, {2, 2, 2, 2, 6}, true},
      {factor, {2, 2, 2, 2, 5}, false},
      {factor, {1, 1, 1, 1, 4}, false},  // too few events at all
      {factor, {1, 1, 1, 1, 5}, true},
      {factor, {2, 2, 2, 60}, false},         // learning
      {factor, {1, 0, 0, 0, 0, 5}, true},     // steps without events are 0
      {factor, {8, 0, 0, 0, 5}, false},       // mean 2
      {factor, {8, 0, 0, 0, 0, 5}, true},     // the 8 has left
      {factor, {1, 0, 0, 0, 40, 100}, true},  // mean 10
      {factor, {1, 0, 0, 0, 40, 29}, false},
      {score, {9, 11, 10, 10, 20}, true},  // 10 + 3 * sqrt(10) = 19.5
      {score, {9, 11, 10, 10, 19}, false},
      {score, {1, 19, 0, 20, 39}, true},  // 10 + 3 * sqrt(90.5) = 38.5
      {score, {1, 19, 0, 20, 38}, false},
      {both, {10, 10, 10, 10, 20}, true},
      {both, {10, 10, 10, 10, 19}, false},
      {both, {100, 100, 100, 100, 149}, false},  // 130 by score
      {both, {100, 100, 100, 100, 150}, true},
  };
  for (const Case& test : cases) {
    CorrelatorRun run(test.options, kStep);
    EXPECT_EQ(feed(run, test.counts).holds, test.holds)
        << test.options << testing::PrintToString(test.counts);
  }
}

TEST(Spike, NotBeforeTheBaselineHasPassed) {
  for (const auto& [time, holds] : {std::pair(4'499, false), std::pair(4'500, true)}) {
    CorrelatorRun run(kOptions, kStep);
    run.hit(500);
    Judgement last;
    for (int i = 0; i < 6; ++i) last = run.hit(time);
    EXPECT_EQ(last.holds, holds) << time;
  }
}

TEST(Spike, AfterLongSilenceItLearnsAnew) {
  for (const auto& [gap, holds] : {std::pair(5'000, true), std::pair(5'001, false)}) {
    CorrelatorRun run(kOptions, kStep);
    feed(run, {1, 1, 1, 1, 1});
    Judgement last;
    for (int i = 0; i < 6; ++i) last = run.hit(4'001 + gap);
    EXPECT_EQ(last.holds, holds) << gap;
  }
}

TEST(Spike, LateEventsCountInTheirOwnStep) {
  CorrelatorRun run(kOptions, kStep);
  feed(run, {2, 2, 2, 2, 6});
  EXPECT_TRUE(run.hit(4'001).holds);
  for (int i = 0; i < 4; ++i) run.hit(3'999);
  EXPECT_FALSE(run.hit(3'000).holds) << "13 / 4 * 3 is above 7";
  EXPECT_EQ(run.hit(-1).value, 7) << "older than all that is kept";
}

TEST(Spike, CountsLikeAList) {
  std::mt19937_64 random(51);
  int held = 0;
  for (int steps : {2, 5, 256}) {
    CorrelatorRun run("type: spike, rules: r, factor: 1.5, score: 1, min_events: 3, baseline: " +
                          std::to_string(steps) + "s",
                      kStep);
    std::vector<int64_t> times;
    int64_t now = -7'777;
    int64_t first = now;
    for (int i = 0; i < 3000; ++i) {
      const int64_t gap = static_cast<int64_t>(random() % (random() % 100 == 0 ? 8000 : 400));
      if (gap > (steps + 1) * 1000) {
        times.clear();
        first = now + gap;
      }
      now += gap;
      times.push_back(now);
      const auto step = [](int64_t t) { return std::floor(static_cast<double>(t) / 1000); };
      std::vector<double> counts(static_cast<size_t>(steps) + 1, 0);
      for (int64_t t : times) {
        const double age = step(now) - step(t);
        if (age <= steps) ++counts[static_cast<size_t>(age)];
      }
      double mean = 0;
      for (size_t k = 1; k < counts.size(); ++k) mean += counts[k] / steps;
      double variance = 0;
      for (size_t k = 1; k < counts.size(); ++k) {
        variance += (counts[k] - mean) * (counts[k] - mean) / steps;
      }
      const double deviation = std::sqrt(std::max(variance, mean));
      const double least = std::max({3.0, mean * 1.5, mean + deviation});
      if (random() % 30 == 0) run.reload();
      const Judgement judged = run.hit(now);
      ASSERT_EQ(judged.value, counts[0]);
      // Where both computations agree to the last digits, rounding decides; leave that out.
      if (std::abs(counts[0] - least) < 1e-6) continue;
      ASSERT_EQ(judged.holds, counts[0] >= least && now - first >= steps * 1000) << i;
      held += judged.holds ? 1 : 0;
    }
  }
  EXPECT_GT(held, 100);
}

TEST(Spike, HugeCountsKeepTheirVariance) {
  // Steps of some four thousand million events each, as a saved state may hold them.
  CorrelatorRun run("type: spike, rules: r, baseline: 2s, score: 1", kStep);
  std::string bytes;
  for (int64_t value : {int64_t{0}, int64_t{2'000}, int64_t{2}}) put_bytes(bytes, value);
  for (uint32_t count : {4'000'000'000U, 4'000'200'000U, 4'294'967'295U}) put_bytes(bytes, count);
  ASSERT_TRUE(run.restore(bytes));
  const Judgement judged = run.hit(2'001);
  EXPECT_EQ(judged.value, 4'294'967'295.0) << "counting ends there";
  ASSERT_TRUE(judged.score);
  EXPECT_NEAR(*judged.score, (4'294'967'295.0 - 4'000'100'000.0) / 100'000, 1e-6);
}

TEST(Spike, Describes) {
  CorrelatorRun run(kOptions, kStep);
  feed(run, {2, 2, 2});
  EXPECT_EQ(run.describe(2'001),
            "2 events in this 1 s; usual are 1.0, give or take 1.0; learning for another 2 s");
  EXPECT_EQ(run.describe(4'001),
            "0 events in this 1 s; usual are 1.5, give or take 1.2; 5 are a spike, 5 more");
}

TEST(Spike, FillsTheSpecAndReportsEveryProblem) {
  CorrelatorRun run(kOptions, kStep);
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"r"}));
  EXPECT_EQ(run.spec().timespan, Duration(1'000));
  EXPECT_EQ(run.correlator().memory(Duration(1'000)), Duration(5'000));
  EXPECT_EQ(
      problems_of("type: spike, rules: r, baseline: 90s, min_events: 0", "timespan: 1m"),
      (std::vector<std::string>{
          "3:50 'baseline' must be 2 to 256 times the timespan, which is 1 min, without a rest",
          "3:16 a correlation of type 'spike' needs 'factor' or 'score'",
          "3:67 'min_events' must be between 1 and 1000000000",
      }));
  EXPECT_EQ(problems_of("type: spike, rules: r, factor: 1, score: 0"),
            (std::vector<std::string>{
                "1:1 a correlation of type 'spike' needs 'timespan'",
                "3:16 correlation 'spike' needs 'baseline'",
                "3:48 'factor' must be greater than 1 and less than 1000000",
                "3:58 'score' must be greater than 0 and less than 1000000",
            }));
  for (const auto& [baseline, good] : {std::pair("1s", false), std::pair("2s", true),
                                       std::pair("256s", true), std::pair("257s", false)}) {
    EXPECT_EQ(
        problems_of("type: spike, rules: r, factor: 2, baseline: " + std::string(baseline), kStep)
            .empty(),
        good)
        << baseline;
  }
}

TEST(Spike, SurvivesAnything) {
  CorrelatorRun run(kOptions, kStep);
  survive_extreme_times(run);
  run.forget();
  feed(run, {2, 2, 2, 2, 6});
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
