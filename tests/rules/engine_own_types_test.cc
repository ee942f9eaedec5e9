// The types beyond Sigma from rule text to alerts: roles, fields, timespans and wakes reach them.
// What each type decides is tested under correlators/.
#include <gtest/gtest.h>

#include <utility>

#include "rules/engine.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kDetections[] = R"(
title: A
name: a
logsource: {product: test}
detection: {s: {e: [a, both]}, condition: s}
---
title: B
name: b
logsource: {product: test}
detection: {s: {e: [b, both]}, condition: s}
---
)";

struct Line {
  int64_t time;
  const char* e;
  const char* extra = "";
};

struct Case {
  const char* options;
  const char* document;
  std::vector<Line> lines;
  const char* expected;  // "opened@TIME resolved@TIME", the times at which alerts start and end
};

std::string rule_of(const Case& c) {
  return std::string(kDetections) + "title: Own\nid: own\nname: own\npicket:\n  correlation: {" +
         c.options + "}\ncorrelation:\n  group-by: [who]\n  " + c.document + "\n";
}

std::string outcome(const Case& c, size_t per_batch) {
  EngineRun run(make_rules(rule_of(c)));
  std::string batch;
  size_t held = 0;
  for (const Line& line : c.lines) {
    batch += test_line(line.time, line.e, "w", line.extra);
    if (++held % per_batch == 0) run.lines(std::exchange(batch, ""));
  }
  run.lines(batch);
  run.finish();
  std::string text;
  for (const AlertEvent& event : run.events) {
    if (event.change == AlertChange::Updated) continue;
    const bool opened = event.change == AlertChange::Opened;
    const Timestamp time =
        opened ? event.alert.starts_at : event.alert.ends_at.value_or(Timestamp());
    text += (text.empty() ? "" : " ") + std::string(to_text(event.change)) + "@" +
            std::to_string(to_ms(time));
  }
  return text;
}

const Case kCases[] = {
    // Four failures on new targets decide; the repeat and the event without a target do not count.
    {"type: sequential_test, success: a, failure: b, first_contact: x, false_alarm: 0.01",
     "timespan: 1m",
     {{0, "b", R"(,"x":"1")"},
      {1, "b", R"(,"x":"1")"},
      {2, "b", R"(,"x":"2")"},
      {3, "b"},
      {4, "both", R"(,"x":"3")"},
      {5, "b", R"(,"x":"4")"},
      {100'000, "c"}},
     "opened@5 resolved@60005"},
    {"type: sequential_test, success: a, failure: b, first_contact: x, false_alarm: 0.01",
     "timespan: 1m",
     {{0, "b", R"(,"x":"1")"},
      {1, "b", R"(,"x":"2")"},
      {2, "a", R"(,"x":"3")"},
      {3, "b", R"(,"x":"4")"},
      {4, "b", R"(,"x":"5")"}},
     ""},
    {"type: leaky_bucket, capacity: 2, leak: 10s",
     "rules: [a, b]",
     {{0, "a"}, {0, "both"}, {9'999, "b"}, {60'000, "c"}},
     "opened@9999 resolved@29999"},
    {"type: leaky_bucket, rules: a, capacity: 2, leak: 10s",
     "generate: false",
     {{0, "a"}, {0, "a"}, {10'000, "a"}},
     ""},
    {"type: ratio, part: b, whole: [a, b], gte: 0.5, min_events: 4",
     "timespan: 1m",
     {{0, "a"}, {1, "a"}, {2, "b"}, {3, "b"}, {100'000, "c"}},
     "opened@3 resolved@60003"},
    {"type: ratio, part: b, whole: a, gte: 0.5, min_events: 4",
     "timespan: 1m",
     {{0, "a"}, {1, "a"}, {2, "a"}, {3, "b"}},
     ""},
    {"type: first_seen, rules: a, field: x, learn: 10s, forget: 1m",
     "generate: false",
     {{0, "a", R"(,"x":"1")"},
      {9'999, "a", R"(,"x":"2")"},
      {10'000, "a", R"(,"x":"3")"},
      {100'000, "c"}},
     "opened@10000 resolved@70000"},
    {"type: spike, rules: a, baseline: 2s, factor: 2, min_events: 2",
     "timespan: 1s",
     {{0, "a"}, {1'000, "a"}, {2'500, "a"}, {2'600, "a"}, {9'000, "c"}},
     "opened@2600 resolved@3600"},
    {"type: absence, after: a, missing: b, within: 10s",
     "generate: false",
     {{0, "a"}, {10'000, "c"}, {10'001, "c"}, {50'000, "c"}},
     "opened@10000 resolved@20000"},
    {"type: absence, after: a, missing: b, within: 10s",
     "generate: false",
     {{0, "a"}, {10'000, "b"}, {10'001, "c"}},
     ""},
    {"type: risk, scores: {a: 6, b: 3}, half_life: 1m, gte: 10",
     "generate: false",
     {{0, "a"}, {60'000, "b"}, {60'000, "a"}, {200'000, "c"}},
     "opened@60000 resolved@120000"},
    {"type: risk, scores: {a: 6, b: 4}, half_life: 1m, gte: 10",
     "generate: false",
     {{0, "both"}},
     "opened@0"},
};

TEST(EngineOwnTypes, FromRuleTextToAlerts) {
  for (const Case& c : kCases) {
    for (size_t per_batch : {size_t{1}, size_t{3}, size_t{100}}) {
      EXPECT_EQ(outcome(c, per_batch), c.expected)
          << c.options << ", " << per_batch << " in a batch";
    }
  }
}

TEST(EngineOwnTypes, TheyStateWhatTheyDecidedOn) {
  const Case& test = kCases[0];
  EngineRun run(make_rules(rule_of(test)));
  for (const Line& line : test.lines) run.lines(test_line(line.time, line.e, "w", line.extra));
  run.finish();
  ASSERT_FALSE(run.events.empty());
  const Alert& alert = run.events.front().alert;
  EXPECT_EQ(alert.measure.distinct, 4U);
  EXPECT_EQ(alert.measure.false_alarm, 0.01);
}

// Successes open nothing, keep nothing alive and are no evidence; a thousand of them are one.
TEST(EngineOwnTypes, TheBackgroundOnlyWeighs) {
  const Case test = {"type: ratio, part: b, whole: a, gte: 0.5, min_events: 4, rest_once_per: 1s",
                     "timespan: 1m",
                     {},
                     ""};
  EngineRun run(make_rules(rule_of(test)));
  for (int i = 0; i < 900; ++i) run.lines(test_line(i, "a", "w"));
  run.lines(test_line(1'000, "b", "w") + test_line(1'001, "b", "w"));
  run.lines(test_line(2'000, "a", "w") + test_line(2'001, "a", "w"));
  EXPECT_TRUE(run.events.empty()) << "2 of 4, but the fourth is a success";
  run.lines(test_line(2'002, "b", "w"));
  ASSERT_EQ(run.events.size(), 1U) << "3 of 5";
  EXPECT_EQ(run.events[0].alert.events, 3U);
  EXPECT_EQ(run.events[0].alert.evidence.size(), 3U);
  for (int64_t time = 10'000; time < 80'000; time += 10'000) run.lines(test_line(time, "a", "w"));
  ASSERT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.events[1].alert.ends_at, timestamp_ms(62'002)) << "a minute after the last refusal";
}

std::vector<std::string> hints_of(const Case& c) {
  const auto rules = try_rules(rule_of(c), {kTestSchema});
  std::vector<std::string> hints;
  for (const Diagnostic& problem : rules ? (*rules)->rejected() : rules.error()) {
    hints.push_back(problem.hint);
  }
  return hints;
}

TEST(EngineOwnTypes, MistakesAreReportedWithAHint) {
  EXPECT_EQ(hints_of({"type: ratoi, part: a, whole: b, gte: 0.5", "timespan: 1m", {}, ""}),
            std::vector<std::string>{"did you mean 'ratio'?"});
  EXPECT_EQ(hints_of({"type: ratio, prat: a, part: a, whole: b, gte: 0.5", "timespan: 1m", {}, ""}),
            std::vector<std::string>{"did you mean 'part'?"});
  EXPECT_EQ(
      hints_of({"type: ratio, part: a, whole: nobody, gte: 0.5", "timespan: 1m", {}, ""}).size(),
      1U);
}

}  // namespace
}  // namespace picket
