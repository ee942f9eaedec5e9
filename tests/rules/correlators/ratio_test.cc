#include <cmath>

#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

constexpr uint64_t kPart = 1;
constexpr uint64_t kWhole = 2;
constexpr char kOptions[] = "type: ratio, part: p, whole: w, gte: 0.5, min_events: 4";

Judgement fill(CorrelatorRun& run, int64_t time, int parts, int others) {
  Judgement last;
  for (int i = 0; i < others; ++i) last = run.hit(time, kWhole);
  for (int i = 0; i < parts; ++i) last = run.hit(time, kPart);
  return last;
}

TEST(Ratio, Borders) {
  struct Case {
    int parts;
    int others;
    bool holds;
  };
  const Case cases[] = {{2, 2, true}, {1, 3, false}, {2, 3, false},  {3, 0, false},
                        {4, 0, true}, {0, 9, false}, {50, 50, true}, {50, 51, false}};
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions, "timespan: 60s");
    EXPECT_EQ(fill(run, 0, test.parts, test.others).holds, test.holds)
        << test.parts << " of " << test.parts + test.others;
  }
}

TEST(Ratio, APartIsOfTheWholeAndCountsOnce) {
  CorrelatorRun run(kOptions, "timespan: 60s");
  EXPECT_EQ(run.hit(0, kPart).value, 1);
  EXPECT_EQ(run.hit(0, kPart | kWhole).value, 1);
  EXPECT_EQ(run.hit(0, kWhole).value, 2.0 / 3);
}

TEST(Ratio, DecimalSharesAreExact) {
  for (int percent = 1; percent <= 100; ++percent) {
    CorrelatorRun run("type: ratio, part: p, whole: w, min_events: 100, gte: " +
                          std::string(percent == 100 ? "1"
                                      : percent < 10 ? "0.0"
                                                     : "0.") +
                          (percent == 100 ? "" : std::to_string(percent)),
                      "timespan: 60s");
    EXPECT_FALSE(fill(run, 0, percent - 1, 101 - percent).holds) << percent;
    run.forget();
    EXPECT_TRUE(fill(run, 0, percent, 100 - percent).holds) << percent;
  }
}

TEST(Ratio, WindowOfTheNewestSliceAnd59Before) {
  for (const auto& [time, counted] : {std::pair(100'000, true), std::pair(100'999, true),
                                      std::pair(159'999, true), std::pair(160'000, false)}) {
    CorrelatorRun run(kOptions, "timespan: 60s");
    run.hit(100'000 + 999, kPart);
    EXPECT_EQ(run.hit(time, kWhole).value, counted ? 0.5 : 0) << time;
  }
}

TEST(Ratio, LateEventsCountInTheirOwnSlice) {
  CorrelatorRun run(kOptions, "timespan: 60s");
  run.hit(100'000, kWhole);
  EXPECT_EQ(run.hit(40'999, kPart).value, 0) << "older than the window";
  EXPECT_EQ(run.hit(41'000, kPart).value, 0.5);
  EXPECT_EQ(run.hit(101'000, kWhole).value, 0) << "and leave with it";
}

TEST(Ratio, CountsLikeAList) {
  std::mt19937_64 random(17);
  int held = 0;
  for (const char* span : {"1s", "7s", "60s", "1h"}) {
    CorrelatorRun run("type: ratio, part: p, whole: w, gte: 0.6, min_events: 5",
                      std::string("timespan: ") + span);
    const int64_t ms = run.spec().timespan.count();
    // In sixtieths, so that the borders of slices are whole numbers: [first, last) of each.
    std::vector<std::pair<int64_t, bool>> events;
    int64_t now = -3 * ms;
    int64_t newest = INT64_MIN;
    for (int i = 0; i < 1500; ++i) {
      now +=
          static_cast<int64_t>(random() % static_cast<uint64_t>(random() % 40 ? ms / 10 : ms * 2));
      const int64_t time = now - static_cast<int64_t>(random() % static_cast<uint64_t>(ms / 4));
      const bool part = random() % 2 == 0;
      events.emplace_back(time, part);
      newest = std::max(newest, time);
      const double end = std::floor(static_cast<double>(newest) * 60 / static_cast<double>(ms));
      double parts = 0;
      double all = 0;
      // Only what was in the window when it came has ever counted; the window only moves on.
      for (const auto& [t, is_part] : events) {
        if (std::floor(static_cast<double>(t) * 60 / static_cast<double>(ms)) <= end - 60) continue;
        ++all;
        parts += is_part ? 1 : 0;
      }
      if (random() % 20 == 0) run.reload();
      const Judgement judged = run.hit(time, part ? kPart : kWhole);
      ASSERT_DOUBLE_EQ(judged.value, parts / all) << span << ' ' << i;
      ASSERT_EQ(judged.holds, all >= 5 && parts / all >= 0.6);
      held += judged.holds ? 1 : 0;
    }
  }
  EXPECT_GT(held, 100);
}

TEST(Ratio, TheRestCountsOncePerQuantum) {
  CorrelatorRun run(std::string(kOptions) + ", rest_once_per: 1s", "timespan: 60s");
  for (int64_t time : {0, 1, 999}) run.hit(time, kWhole);
  for (int i = 0; i < 3; ++i) run.hit(500, kPart);
  EXPECT_EQ(run.hit(999, kPart).value, 4.0 / 5) << "each refusal, and one success";
  EXPECT_EQ(run.hit(1000, kWhole).value, 4.0 / 6);
  EXPECT_EQ(run.correlator().background().roles, kWhole);
  EXPECT_EQ(run.correlator().background().quantum, Duration(1000));
}

TEST(Ratio, TheRestCountsOncePerQuantumAndValue) {
  CorrelatorRun run(std::string(kOptions) + ", rest_once_per: 1s, rest_per: customer",
                    "timespan: 60s");
  for (int round = 0; round < 5; ++round) {
    for (uint64_t customer = 1; customer <= 8; ++customer) {
      run.value_hit(round * 100, kWhole, customer * 0x2545F4914F6CDD1D);
    }
  }
  const double share = run.hit(999, kPart).value;
  EXPECT_LE(share, 1.0 / 6) << "at least five of the eight have a place of their own";
  EXPECT_GE(share, 1.0 / 9);
  run.reload();
  for (uint64_t customer = 1; customer <= 8; ++customer) {
    run.value_hit(600, kWhole, customer * 0x2545F4914F6CDD1D);
  }
  EXPECT_EQ(run.hit(999, kPart).value, 2 / (1 + 1 / share)) << "nothing new";
}

TEST(Ratio, BothCountOncePerQuantum) {
  CorrelatorRun run("type: ratio, part: p, whole: w, gte: 0.5, min_events: 2, once_per: 100ms",
                    "timespan: 60s");
  for (int i = 0; i < 50; ++i) run.hit(i, kWhole);
  for (int i = 0; i < 300; ++i) run.hit(99 - i % 10, kPart);
  Judgement judged = run.hit(99, kPart);
  EXPECT_EQ(judged.value, 1.0 / 2);
  EXPECT_TRUE(judged.holds);
  run.reload();
  EXPECT_EQ(run.hit(100, kPart).value, 2.0 / 3) << "the next quantum";
  EXPECT_EQ(run.hit(60'100, kPart).value, 1) << "the window has left them behind";
}

TEST(Ratio, Describes) {
  CorrelatorRun run(kOptions, "timespan: 60s");
  fill(run, 0, 1, 2);
  EXPECT_EQ(run.describe(30'000),
            "1 of 3 events within 1 min; holds from a share of 0.5 and 4 events on; "
            "1 more of the part would do");
  EXPECT_EQ(run.describe(60'000),
            "0 of 0 events within 1 min; holds from a share of 0.5 and 4 events on; "
            "4 more of the part would do");
  fill(run, 60'000, 4, 0);
  EXPECT_EQ(run.describe(60'000),
            "4 of 4 events within 1 min; holds from a share of 0.5 and 4 events on; it holds");
}

TEST(Ratio, ReportsEveryProblem) {
  EXPECT_EQ(problems_of("type: ratio, part: p, gte: 1.5, min_events: 0, most: 1"),
            (std::vector<std::string>{
                "3:16 correlation 'ratio' needs 'whole'",
                "3:44 'gte' must be from 1e-09 to 1",
                "3:61 'min_events' must be between 1 and 1000000000",
                "1:1 a correlation of type 'ratio' needs 'timespan'",
                "3:64 unknown key 'most' in correlation 'ratio'",
            }));
  for (const char* span : {"1s", "31ms", "400ms", "2m", "10ms"}) {
    const bool fits = std::string_view(span) == "1s";
    EXPECT_EQ(problems_of(std::string(kOptions) + ", once_per: " + span, "timespan: 60s").empty(),
              fits)
        << span;
  }
  EXPECT_EQ(
      problems_of(std::string(kOptions) + ", once_per: 1s, rest_once_per: 1s", "timespan: 60s")
          .size(),
      1U);
  EXPECT_EQ(problems_of(std::string(kOptions) + ", rest_per: who", "timespan: 60s").size(), 1U);
  std::string many;
  for (int i = 0; i < 65; ++i) many += (i == 0 ? "r" : ", r") + std::to_string(i);
  EXPECT_EQ(problems_of("type: ratio, gte: 0.5, whole: r0, part: [" + many + "]", "timespan: 1m"),
            (std::vector<std::string>{"3:57 a correlation may name at most 64 rules"}));
}

TEST(Ratio, SurvivesAnything) {
  CorrelatorRun run(kOptions, "timespan: 60s");
  survive_extreme_times(run);
  run.forget();
  fill(run, 1'000, 3, 4);
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
