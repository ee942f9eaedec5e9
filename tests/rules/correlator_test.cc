// What Sigma's types tell people about a group: what there is, and what is missing until it holds.
// Those of the types beyond Sigma are tested with their types.
#include <gtest/gtest.h>

#include "rules/timers.h"
#include "tests/support/correlation_cases.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

struct Case {
  const char* body;  // of the correlation; its timespan is 10 s
  std::vector<TestEvent> events;
  int64_t now;
  const char* text;
};

std::string described(const Case& test) {
  const auto rules = make_rules(correlation_rules(test.body));
  EngineRun run(rules);
  for (const TestEvent& event : test.events) run.lines(event_line(event));
  std::string text;
  for (RuleId rule = 0; rule < rules->rules().size(); ++rule) {
    run.engine.for_each_group(rule, [&](const Group& group) {
      TimedState* timed = group.state->timed();
      const GroupState& state = timed != nullptr ? timed->inner() : *group.state;
      text += rules->correlations()[group.correlation].correlator->describe(state,
                                                                            timestamp_ms(test.now));
    });
  }
  return text;
}

const Case kCases[] = {
    {"  type: event_count\n  rules: [a]\n  condition: {gte: 5}\n",
     {{1'000, "a", ""}, {2'000, "a", ""}, {4'000, "a", ""}},
     5'000,
     "3 of 5 events; 2 more within 6 s"},
    {"  type: event_count\n  rules: [a]\n  condition: {gte: 5}\n",
     {{1'000, "a", ""}, {2'000, "a", ""}},
     11'500,
     "1 of 5 events; 4 more within 500 ms"},
    {"  type: event_count\n  rules: [a]\n  condition: {gte: 5}\n",
     {{1'000, "a", ""}},
     60'000,
     "0 of 5 events; 5 more within 10 s"},
    {"  type: event_count\n  rules: [a]\n  condition: {gte: 2, lte: 3}\n",
     {{1'000, "a", ""}, {2'000, "a", ""}},
     2'000,
     "2 events; >= 2, <= 3 holds"},
    {"  type: event_count\n  rules: [a]\n  condition: {eq: 1}\n",
     {{1'000, "a", ""}, {2'000, "a", ""}},
     2'000,
     "2 events; = 1 wanted, the oldest leaves in 9 s"},
    {"  type: event_count\n  rules: [a]\n  condition: {lt: 3}\n",
     {{1'000, "a", ""}, {2'000, "a", ""}},
     4'000,
     "the number of events is 2; < 3 holds; judged in 7 s"},
    {"  type: value_count\n  rules: [a]\n  condition: {gte: 4, field: f}\n",
     {{1'000, "a", "1"}, {2'000, "a", "2"}, {3'000, "a", "1"}},
     3'000,
     "2 of 4 distinct values; 2 more within 9 s"},
    {"  type: value_sum\n  rules: [a]\n  condition: {gt: 60, field: f}\n",
     {{1'000, "a", "10"}, {2'000, "a", "20"}},
     3'000,
     "the sum is 30, of 2 numbers; > 60 wanted within 10 s"},
    {"  type: value_avg\n  rules: [a]\n  condition: {gt: 1.5, field: f}\n",
     {{1'000, "a", "1"}, {2'000, "a", "3"}},
     3'000,
     "the mean is 2, of 2 numbers; > 1.5 holds within 10 s"},
    {"  type: value_median\n  rules: [a]\n  condition: {gte: 5, field: f}\n",
     {{1'000, "a", "1"}},
     30'000,
     "the median is not known, of 0 numbers; >= 5 wanted within 10 s"},
    {"  type: value_percentile\n  rules: [a]\n  condition: {gte: 5, field: f, percentile: 90}\n",
     {{1'000, "a", "1"}},
     3'000,
     "the percentile is 1, of 1 numbers; >= 5 wanted within 10 s"},
    {"  type: temporal\n  rules: [a, b, c]\n",
     {{1'000, "a", ""}, {3'000, "b", ""}},
     5'000,
     "seen: a, b; missing: c within 6 s"},
    {"  type: temporal\n  rules: [a, b, c]\n  condition: {gte: 2}\n",
     {{1'000, "b", ""}},
     5'000,
     "seen: b; >= 2 different ones wanted; not seen: a, c within 6 s"},
    {"  type: temporal\n  rules: [a, b, c]\n  condition: a and (b or c)\n",
     {{1'000, "b", ""}},
     5'000,
     "seen: b; 'a and (b or c)' does not hold yet; not seen: a, c within 6 s"},
    {"  type: temporal\n  rules: [a, b]\n  condition: a and not b\n",
     {{1'000, "a", ""}},
     5'000,
     "seen: a; 'a and not b' holds so far; not seen: b; judged in 6 s"},
    {"  type: temporal\n  rules: [a, b]\n  condition: a and not b\n",
     {{1'000, "b", ""}},
     5'000,
     "seen: b; 'a and not b' does not hold; not seen: a; no window has begun"},
    {"  type: temporal_ordered\n  rules: [a, b, c, d]\n",
     {{1'000, "a", ""}, {3'000, "b", ""}},
     5'000,
     "2 of 4 steps; missing: c, then d within 6 s"},
    {"  type: temporal_ordered\n  rules: [a, b, c, d]\n  condition: {gte: 3}\n",
     {{1'000, "a", ""}, {3'000, "c", ""}},
     5'000,
     "2 of 4 steps in order, >= 3 wanted; next: d within 6 s"},
    {"  type: temporal_ordered\n  rules: [a, b, c]\n  condition: a and b and not c\n",
     {{1'000, "a", ""}, {3'000, "c", ""}},
     5'000,
     "1 of 2 steps; missing: b; what must not come has come; judged in 6 s"},
};

TEST(Describe, SaysWhatIsMissing) {
  for (const Case& test : kCases) EXPECT_EQ(described(test), test.text) << test.body;
}

}  // namespace
}  // namespace picket
