#include <map>

#include "rules/correlators/seen_values.h"
#include "tests/rules/correlators/correlator_run.h"

namespace picket {
namespace {

// Learns for 100 ms, forgets after 1 s.
constexpr char kOptions[] = "type: first_seen, rules: r, field: region, learn: 100ms, forget: 1s";

TEST(FirstSeen, Borders) {
  struct Case {
    std::vector<std::pair<int64_t, uint64_t>> events;
    bool holds;
  };
  const Case cases[] = {
      {{{0, 1}, {99, 2}}, false},              // still learning
      {{{0, 1}, {100, 2}}, true},              // learnt
      {{{0, 1}, {100, 1}}, false},             // known
      {{{0, 1}, {500, 2}, {1000, 1}}, false},  // known for exactly `forget`
      {{{0, 1}, {500, 2}, {1001, 1}}, true},   // forgotten
      {{{0, 1}, {500, 1}, {1001, 1}}, false},  // seen again in between
      {{{0, 1}, {1000, 2}}, true},
      {{{0, 1}, {1001, 2}}, false},  // quiet for longer: learns anew
      {{{0, 1}, {1001, 2}, {1101, 3}}, true},
  };
  for (const Case& test : cases) {
    CorrelatorRun run(kOptions);
    Judgement last;
    for (const auto& [time, value] : test.events) last = run.value_hit(time, 1, value);
    EXPECT_EQ(last.holds, test.holds) << testing::PrintToString(test.events);
  }
}

TEST(FirstSeen, WithoutLearningTheFirstValueIsNew) {
  CorrelatorRun run("type: first_seen, rules: r, field: x, learn: 0, forget: 1s");
  EXPECT_TRUE(run.value_hit(0, 1, 1).holds);
  EXPECT_FALSE(run.value_hit(0, 1, 1).holds);
  EXPECT_FALSE(run.hit(1).holds) << "an event without the field shows nothing";
}

TEST(FirstSeen, SilentWhenItCannotKnow) {
  CorrelatorRun run("type: first_seen, rules: r, field: x, learn: 0, forget: 10s");
  for (int64_t i = 0; i < 1024; ++i) {
    ASSERT_TRUE(run.value_hit(i, 1, static_cast<uint64_t>(i)).holds);
  }
  const Judgement full = run.value_hit(2000, 1, 5000);
  EXPECT_TRUE(full.holds) << "nothing has been forgotten before";
  EXPECT_EQ(full.forgotten, 1U);
  EXPECT_FALSE(run.value_hit(2001, 1, 5001).holds) << "the value at 0 ms gave way";
  EXPECT_FALSE(run.value_hit(2002, 1, 0).holds) << "and would have been a false alarm";
  EXPECT_EQ(run.describe(2002),
            "1024 values known, and more than the 1024 that can be kept: new ones do not alert "
            "for 8001 ms");
  run.reload();
  EXPECT_FALSE(run.value_hit(10'002, 1, 6000).holds) << "the newest loss was the value at 2 ms";
  CorrelatorRun other("type: first_seen, rules: r, field: x, learn: 0, forget: 10s");
  for (int64_t i = 0; i < 1025; ++i) other.value_hit(i, 1, static_cast<uint64_t>(i));
  EXPECT_FALSE(other.value_hit(10'000, 1, 1024).holds) << "known";
  EXPECT_LE(other.state().bytes(), 1024U * 16 * 2 + 200);
}

TEST(FirstSeen, HearsAgainOnceLossesNoLongerMatter) {
  // A full set, one loss from 0 ms, and then only few values.
  CorrelatorRun run("type: first_seen, rules: r, field: x, learn: 0, forget: 10s");
  for (int64_t i = 0; i < 1025; ++i) run.value_hit(i, 1, static_cast<uint64_t>(i));
  for (int64_t t = 2'000; t <= 20'000; t += 1'000) run.value_hit(t, 1, 1024);
  EXPECT_TRUE(run.value_hit(20'500, 1, 7000).holds);
}

TEST(FirstSeen, LateEvents) {
  CorrelatorRun run(kOptions);
  run.value_hit(0, 1, 1);
  run.value_hit(900, 1, 2);
  EXPECT_TRUE(run.value_hit(500, 1, 3).holds) << "nothing forgotten: it is new";
  run.value_hit(1'200, 1, 2);
  EXPECT_FALSE(run.value_hit(950, 1, 4).holds) << "what was seen at 0 ms has been forgotten";
  EXPECT_TRUE(run.value_hit(1'200, 1, 5).holds);
}

TEST(FirstSeen, KnowsLikeAMap) {
  std::mt19937_64 random(31);
  int held = 0;
  for (uint64_t values : {3, 30, 300}) {
    CorrelatorRun run(kOptions);
    std::map<uint64_t, int64_t> last;
    int64_t now = -777;
    int64_t first = now;
    int64_t before = now;
    for (int i = 0; i < 2000; ++i) {
      if (i > 0) now += static_cast<int64_t>(random() % (random() % 50 == 0 ? 1500 : 40));
      if (now - before > 1000) first = now;
      before = now;
      const uint64_t value = random() % values;
      const bool fresh = !last.contains(value) || now - last[value] > 1000;
      last[value] = now;
      if (random() % 25 == 0) run.reload();
      const bool holds = run.value_hit(now, 1, value).holds;
      ASSERT_EQ(holds, fresh && now - first >= 100) << i;
      held += holds ? 1 : 0;
    }
  }
  EXPECT_GT(held, 100);
}

TEST(FirstSeen, Describes) {
  CorrelatorRun run(kOptions);
  run.value_hit(0, 1, 1);
  EXPECT_EQ(run.describe(40), "1 values known; learning for another 60 ms");
  EXPECT_EQ(run.describe(100), "1 values known; a value that is not among them alerts");
}

TEST(FirstSeen, FillsTheSpecAndReportsEveryProblem) {
  CorrelatorRun run("type: first_seen, rules: [a, b], field: [x, y], forget: 7d");
  EXPECT_EQ(run.spec().rules, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(run.spec().condition.fields, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(run.spec().timespan, std::chrono::hours(24 * 7));
  EXPECT_EQ(problems_of("type: first_seen, rules: a, learn: 9999w, forget: 0, fields: x"),
            (std::vector<std::string>{
                "3:16 correlation 'first_seen' needs 'field'",
                "3:52 'learn' must be at most ten years",
                "3:67 'forget' must be longer than nothing and at most ten years",
                "3:70 unknown key 'fields' in correlation 'first_seen'",
            }));
}

TEST(FirstSeen, SurvivesAnything) {
  CorrelatorRun run(kOptions);
  survive_extreme_times(run);
  run.forget();
  for (uint64_t i = 0; i < 5; ++i) run.value_hit(1'000, 1, i);
  survive_any_state(run);
}

}  // namespace
}  // namespace picket
