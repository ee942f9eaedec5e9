#include "daemon/rule_tests.h"

#include <gtest/gtest.h>

#include "daemon/test_events.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

// "NAME: LINE: PROBLEM ..." for every test inside the rules.
std::vector<std::string> outcomes(const std::string& rules) {
  std::vector<std::string> out;
  const auto made = make_rules(rules);
  if (!made) return out;
  for (const RuleTestResult& result : RuleTestRunner(made).run()) {
    std::string text = result.name + ":";
    for (const Diagnostic& problem : result.problems) text += " " + problem.message;
    out.push_back(text);
  }
  return out;
}

const char kDetection[] = R"(
title: X
name: x
logsource: {product: test}
detection: {s: {e: x}, condition: s}
level: high
picket:
  verdict: misuse
  tests:
)";

TEST(RuleTests, SayWhatDiffers) {
  EXPECT_EQ(outcomes(std::string(kDetection) + R"(
    - {name: good, schema: test, events: '{"t":1,"e":"x","who":"w"}',
       expect: {alerts: 1, matches: 1, severity: high, verdict: misuse, labels: {who: w}}}
    - {name: count, schema: test, events: '{"t":1,"e":"y","who":"w"}', expect: {alerts: 1}}
    - {name: level, events: '{"t":1,"e":"x","who":"w"}', expect: {alerts: 1, severity: low}}
    - {name: label, events: '{"t":1,"e":"x","who":"w"}', expect: {labels: {who: v}}}
    - {name: nothing, events: '{"t":1,"e":"y","who":"w"}', expect: {labels: {who: v}}}
    - {name: matches, events: '{"t":1,"e":"x","who":"w"}', expect: {matches: 2}}
    - {name: schema, schema: nothing, events: '{}', expect: {alerts: 0}}
    - {name: dead, events: '{', expect: {alerts: 0}}
    - {name: refusal, events: '{"t":1}', expect: {classify: {cause: c}}}
    - {name: no events, expect: {alerts: 0}}
    - {name: typo, events: '{}', expect: {alert: 0}}
    - {name: empty, events: '{}', expect: {}}
)"),
            (std::vector<std::string>{
                "good:",
                "count: 0 alerts opened, expected 1",
                "level: severity is 'high', expected 'low'",
                "label: label who is 'w', expected 'v'",
                "nothing: no alert opened that could have this labels",
                "matches: 1 event matched, expected 2",
                "schema: there is no schema 'nothing'",
                "dead: 1 line could not be decoded",
                "refusal: event 1 is no refusal",
                "no events: a test needs 'events' or 'file'",
                "typo: unknown key 'alert' in expect",
                "empty: the test expects nothing",
            }));
}

TEST(RuleTests, AnExpectationThatCannotBeMetIsAMistake) {
  EXPECT_EQ(outcomes(std::string(kDetection) + R"(
    - {name: none, events: '{"t":1,"e":"y","who":"w"}', expect: {alerts: 0, severity: high}}
    - {name: labels, events: '{"t":1,"e":"x","who":"w"}', expect: {labels: [w]}}
    - {name: negative, events: '{"t":1,"e":"y","who":"w"}', expect: {alerts: -1}}
)"),
            (std::vector<std::string>{
                "none: where no alert is expected none can have this severity",
                "labels: 'labels' must be a map of names and values",
                "negative: 0 alerts opened, expected -1",
            }));
}

TEST(RuleTests, PointAtTheExpectationThatFailed) {
  const auto rules = make_rules(std::string(kDetection) +
                                "    - name: n\n      events: '{\"t\":1,\"e\":\"x\"}'\n"
                                "      expect:\n        matches: 1\n        alerts: 3\n");
  ASSERT_TRUE(rules);
  const auto results = RuleTestRunner(rules).run();
  ASSERT_EQ(results.size(), 1U);
  ASSERT_EQ(results[0].problems.size(), 1U);
  EXPECT_EQ(results[0].problems[0].where.line, 14U);
}

TEST(RuleTests, ShadowRulesAreTestedLikeOthers) {
  EXPECT_EQ(outcomes(R"(
title: X
logsource: {product: test}
detection: {s: {e: x}, condition: s}
picket:
  mode: shadow
  tests:
    - {name: n, events: '{"t":1,"e":"x","who":"w"}', expect: {alerts: 1}}
)"),
            (std::vector<std::string>{"n:"}));
}

TEST(RuleTests, EventsAsAList) {
  EXPECT_EQ(outcomes(R"(
title: X
name: x
logsource: {product: test}
detection: {s: {e: x}, condition: s}
---
title: Many
correlation:
  type: value_count
  rules: [x]
  group-by: [who]
  timespan: 1m
  condition: {field: request.id, gte: 3}
picket:
  tests:
    - name: three in a minute
      schema: test
      start: 2026-05-05T00:00:00Z
      base: {e: x, who: w}
      events:
        - {request.id: a}
        - {at: +20s, repeat: 2, every: 10s, request.id: "r{n}"}
      expect: {alerts: 1, matches: 3, distinct: 3, starts_at: +30s, labels: {who: w}}
    - name: too far apart
      schema: test
      base: {e: x, who: w}
      events: [{repeat: 3, every: 31s, request.id: "r{n}"}]
      expect: {alerts: 0, matches: 3}
    - name: the event's own field wins
      schema: test
      base: {e: x, who: w}
      events: [{repeat: 3, request.id: "r{n}", e: y}]
      expect: {alerts: 0, matches: 0}
    - name: another time
      schema: test
      base: {e: x, who: w}
      events: [{repeat: 3, every: 1s, request.id: "r{n}"}]
      expect: {alerts: 1, starts_at: +30s}
)"),
            (std::vector<std::string>{
                "three in a minute:", "too far apart:", "the event's own field wins:",
                "another time: starts_at is '2026-01-01T00:00:02.000Z', expected '+30s'"}));
}

Result<TestEvents> events_of(const std::string& test, const Schema* schema) {
  static std::vector<YamlFile> files;
  files.push_back(*parse_yaml(test, "rules.yml"));
  return read_test_events(files.back().documents.front(), schema);
}

TEST(RuleTests, AListBecomesLinesOfItsSchema) {
  const auto rules = make_rules("", {kTestSchema});
  ASSERT_TRUE(rules);
  const Schema* schema = &rules->plans().schemas.front();
  const auto events = events_of(
      "events:\n- {at: +1m, who: w, n: 5, s: '5', b: true, z: null, l: [1, x], m: {a.b: -0.5}}\n"
      "- {x: 007}\n",
      schema);
  ASSERT_TRUE(events);
  EXPECT_EQ(events->lines,
            R"({"t":"2026-01-01T00:01:00.000Z","b":true,"l":[1,"x"],"m":{"a.b":-0.5},"n":5,)"
            R"("s":"5","who":"w","z":null})"
            "\n"
            R"({"t":"2026-01-01T00:01:00.000Z","x":"007"})"
            "\n");
}

TEST(RuleTests, MistakesInEventsAreTold) {
  const auto rules = make_rules("", {kTestSchema});
  ASSERT_TRUE(rules);
  const Schema* schema = &rules->plans().schemas.front();
  const std::pair<const char*, const char*> cases[] = {
      {"events: [{at: soon}]", "'at' must be an offset such as +30s or a time"},
      {"events: [{repeat: 0}]", "'repeat' must be from 1 to 100000"},
      {"events: [{every: 3 parsecs}]", "'every' must be a time such as 10s"},
      {"events: [x]", "an event must be a map of fields"},
      {"events: {a: b}", "'events' must be NDJSON text or a list of maps"},
      {"{base: x, events: [{a: b}]}", "'base' must be a map of fields"},
      {"{start: now, events: '{}'}", "'start' must be a time such as 2026-01-01T00:00:00Z"},
      {"{file: a, events: '{}'}", "'file' and 'events' are two ways to give the events"},
      {"{file: absent.ndjson}", "absent.ndjson: no such file"},
  };
  for (const auto& [test, expected] : cases) {
    const auto events = events_of(test, schema);
    ASSERT_FALSE(events) << test;
    EXPECT_EQ(events.error().front().message, expected) << test;
    EXPECT_EQ(events.error().front().where.line, 1U) << test;
  }
  const auto events = events_of("events: [{a: b}]", nullptr);
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().front().message, "a list of events needs the 'schema' of the test");
}

}  // namespace
}  // namespace picket
