// When alerts open, change and end: RULES.md 2, one test per answer.
#include "rules/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kDetections[] = R"(
title: A
name: a
logsource: {product: test}
detection: {s: {e: [a, both]}, condition: s}
level: low
---
title: B
name: b
logsource: {product: test}
detection: {s: {e: [b, both]}, condition: s}
level: low
---
)";

std::string count_rule(const std::string& correlation, const std::string& picket = "") {
  return std::string(kDetections) + "title: Many\nid: rule-1\nname: many\ncorrelation:\n" +
         "  type: event_count\n" + correlation + "level: medium\npicket:\n  verdict: misuse\n" +
         picket;
}

std::string three_in_a_minute(const std::string& picket = "") {
  return count_rule("  rules: [a, b]\n  group-by: [who]\n  timespan: 60s\n  condition: {gte: 3}\n",
                    picket);
}

std::string changes(const std::vector<AlertEvent>& events) {
  std::string text;
  for (const AlertEvent& event : events) {
    text.append(to_text(event.change)).append("@");
    Timestamp time = event.alert.ends_at.value_or(event.alert.updated_at);
    text += std::to_string(to_ms(time)) + " ";
  }
  return text;
}

// What happens to the events "TIME NAME WHO".
struct Case {
  const char* name;
  std::string rules;
  std::vector<std::tuple<int64_t, const char*, const char*>> events;
  const char* expected;
};

std::string outcome(const Case& c) {
  EngineRun run(make_rules(c.rules));
  for (const auto& [time, e, who] : c.events) run.lines(test_line(time, e, who));
  run.finish();
  return changes(run.events);
}

TEST(Engine, OpensWithinTheWindowAndOnlyThere) {
  const std::string rules = three_in_a_minute();
  const Case cases[] = {
      {"three within", rules, {{0, "a", "w"}, {10, "a", "w"}, {20, "a", "w"}}, "opened@20 "},
      {"two are too few", rules, {{0, "a", "w"}, {10, "a", "w"}}, ""},
      {"both ends of the window count",
       rules,
       {{0, "a", "w"}, {10, "a", "w"}, {60'000, "a", "w"}},
       "opened@60000 "},
      {"a millisecond more does not",
       rules,
       {{0, "a", "w"}, {10, "a", "w"}, {60'001, "a", "w"}},
       ""},
      {"sliding, not cut at fixed times",
       rules,
       {{0, "a", "w"}, {59'000, "a", "w"}, {61'000, "a", "w"}, {118'000, "a", "w"}},
       "opened@118000 "},
      {"groups are apart", rules, {{0, "a", "w"}, {1, "a", "v"}, {2, "a", "w"}, {3, "a", "v"}}, ""},
      {"hits of two rules add up",
       rules,
       {{0, "a", "w"}, {1, "b", "w"}, {2, "a", "w"}},
       "opened@2 "},
      {"one event that matches both rules counts once",
       rules,
       {{0, "both", "w"}, {1, "both", "w"}},
       ""},
      {"three such events count three",
       rules,
       {{0, "both", "w"}, {1, "both", "w"}, {2, "both", "w"}},
       "opened@2 "},
      {"equal times count", rules, {{5, "a", "w"}, {5, "a", "w"}, {5, "a", "w"}}, "opened@5 "},
  };
  for (const Case& c : cases) EXPECT_EQ(outcome(c), c.expected) << c.name;
}

TEST(Engine, AnUpperBoundEndsTheCondition) {
  const std::string rules = count_rule(
      "  rules: [a]\n  group-by: [who]\n  timespan: 60s\n  condition: {gte: 2, lte: 3}\n");
  EngineRun run(make_rules(rules));
  for (int i = 0; i < 6; ++i) run.lines(test_line(i, "a"));
  // It held last at 2: the later events count, but do not keep the alert alive.
  run.lines(test_line(60'002, "other"));
  EXPECT_EQ(changes(run.events), "opened@1 ");
  run.lines(test_line(60'003, "other"));
  EXPECT_EQ(changes(run.events), "opened@1 resolved@60002 ");
}

TEST(Engine, OneAlertPerGroupStaysFiringAndEndsWhenQuiet) {
  EngineRun run(make_rules(three_in_a_minute("  resolve_after: 10s\n")));
  for (int64_t t : {0, 1, 2, 3, 9'000}) run.lines(test_line(t, "a"));
  EXPECT_EQ(changes(run.events), "opened@2 ");
  ASSERT_EQ(run.engine.active_alerts().size(), 1U);
  EXPECT_EQ(run.engine.active_alerts()[0].events, 5U);
  EXPECT_EQ(to_ms(run.engine.active_alerts()[0].updated_at), 9'000);
  run.lines(test_line(19'000, "other", "v"));  // exactly resolve_after later: still on
  EXPECT_EQ(run.engine.active_alerts().size(), 1U);
  run.lines(test_line(19'001, "other", "v"));  // the watermark passes
  EXPECT_EQ(changes(run.events), "opened@2 resolved@19000 ");
  EXPECT_TRUE(run.engine.active_alerts().empty());
  const Alert& ended = run.events.back().alert;
  EXPECT_EQ(ended.status, AlertStatus::Resolved);
  EXPECT_EQ(ended.id, run.events.front().alert.id);
  EXPECT_EQ(ended.events, 5U);
  EXPECT_EQ(run.engine.stats().alerts_closed[static_cast<size_t>(Level::Medium)], 1U);
}

TEST(Engine, ResolveAfterIsTheTimespanUnlessGiven) {
  EngineRun run(make_rules(three_in_a_minute()));
  for (int64_t t : {0, 1, 2}) run.lines(test_line(t, "a"));
  run.lines(test_line(60'002, "other"));
  EXPECT_EQ(changes(run.events), "opened@2 ");
  run.lines(test_line(60'003, "other"));
  EXPECT_EQ(changes(run.events), "opened@2 resolved@60002 ");
}

TEST(Engine, ALaterMatchOpensANewAlertWithAnotherId) {
  EngineRun run(make_rules(three_in_a_minute()));
  for (int64_t t : {0, 1, 2, 200'000, 200'001, 200'002}) run.lines(test_line(t, "a"));
  EXPECT_EQ(changes(run.events), "opened@2 resolved@60002 opened@200002 ");
  EXPECT_NE(run.events[0].alert.id, run.events[2].alert.id);
  EXPECT_EQ(run.events[2].alert.events, 3U) << "counts start again";
}

TEST(Engine, CooldownHoldsBackTheNextAlert) {
  EngineRun run(make_rules(three_in_a_minute("  resolve_after: 10s\n  cooldown: 100s\n")));
  for (int64_t t : {0, 1, 2, 50'000, 50'001, 50'002}) run.lines(test_line(t, "a"));
  EXPECT_EQ(changes(run.events), "opened@2 resolved@10002 ");
  run.lines(test_line(110'001, "a"));  // the window holds three, but a millisecond too early
  EXPECT_EQ(changes(run.events), "opened@2 resolved@10002 ");
  run.lines(test_line(110'002, "a"));
  EXPECT_EQ(changes(run.events), "opened@2 resolved@10002 opened@110002 ");
}

TEST(Engine, EscalatesInStepsAndOnce) {
  EngineRun run(make_rules(
      three_in_a_minute("  escalate: [{gte: 4, level: high}, {gte: 6, level: critical}]\n")));
  for (int t = 0; t < 8; ++t) run.lines(test_line(t, "a"));
  EXPECT_EQ(changes(run.events), "opened@2 escalated@3 escalated@5 ");
  EXPECT_EQ(run.events[0].alert.severity, Level::Medium);
  EXPECT_EQ(run.events[1].alert.severity, Level::High);
  EXPECT_EQ(run.events[2].alert.severity, Level::Critical);
  for (const AlertEvent& event : run.events) {
    bool found = false;
    for (const auto& [name, value] : event.alert.labels) {
      found |= name == "severity" && value == picket::to_text(event.alert.severity);
    }
    EXPECT_TRUE(found) << to_json(event.alert);
  }
  EXPECT_EQ(run.engine.stats().alerts_active[static_cast<size_t>(Level::Critical)], 1U);
  EXPECT_EQ(run.engine.stats().alerts_active[static_cast<size_t>(Level::Medium)], 0U);
}

TEST(Engine, GrowingAlertsAreHeardOfAtMostEveryThirtySeconds) {
  EngineRun run(make_rules(three_in_a_minute()));
  for (int64_t t = 0; t <= 65'000; t += 5'000) run.lines(test_line(t, "a"));
  EXPECT_EQ(changes(run.events), "opened@10000 updated@40000 ");
}

TEST(Engine, ShadowRulesAreCountedAndNeverDelivered) {
  EngineRun run(make_rules(three_in_a_minute("  mode: shadow\n")));
  for (int64_t t : {0, 1, 2, 100'000}) run.lines(test_line(t, "a"));
  EXPECT_TRUE(run.events.empty());
  EXPECT_TRUE(run.engine.active_alerts().empty());
  EXPECT_EQ(run.engine.stats().rules[2].alerts, 1U);
  EXPECT_TRUE(run.engine.stats().rules[2].shadow);
  // Not among the incidents: those may page somebody by way of the metrics.
  EXPECT_EQ(run.engine.stats().alerts_opened[static_cast<size_t>(Level::Medium)], 0U);
  EXPECT_EQ(run.engine.stats().alerts_closed[static_cast<size_t>(Level::Medium)], 0U);
}

TEST(Engine, AddsUpWhatRulesCost) {
  EngineRun run(make_rules(three_in_a_minute()));
  HitBatch batch;
  batch.costs = {{.rule = 0, .evaluations = 100, .samples = 2, .sampled_ns = 3'000}};
  run.engine.process(batch, timestamp_ms(0), run.events);
  batch.costs.push_back({.rule = 1, .evaluations = 7});
  run.engine.process(batch, timestamp_ms(0), run.events);
  const std::vector<RuleStats>& rules = run.engine.stats().rules;
  EXPECT_EQ(rules[0].evaluations, 200U);
  EXPECT_EQ(rules[0].samples, 4U);
  EXPECT_EQ(rules[0].sampled_ns, 6'000U);
  EXPECT_DOUBLE_EQ(rules[0].seconds(), 200 * 1.5e-6);
  EXPECT_EQ(rules[1].evaluations, 7U);
  EXPECT_EQ(rules[1].seconds(), 0) << "nothing was timed";
}

TEST(Engine, SaysWhichRulesHoldTheMemory) {
  EngineRun run(make_rules(three_in_a_minute()));
  EXPECT_EQ(run.engine.stats().rules[2].state_bytes, 0U);
  run.lines(test_line(0, "a", "one") + test_line(1, "a", "two"));
  const EngineStats& stats = run.engine.stats();
  EXPECT_GT(stats.rules[2].state_bytes, 0U);
  EXPECT_EQ(stats.rules[2].state_bytes, stats.groups.bytes) << "no other rule keeps anything";
}

TEST(Engine, EventsWithoutTheGroupFieldAreCountedApart) {
  EngineRun run(make_rules(three_in_a_minute()));
  for (int64_t t : {0, 1, 2}) run.lines(test_line(t, "a", ""));
  EXPECT_TRUE(run.events.empty());
  EXPECT_EQ(run.engine.stats().rules[2].group_missing, 3U);
  EngineRun together(make_rules(three_in_a_minute("  group_missing: empty\n")));
  for (int64_t t : {0, 1, 2}) together.lines(test_line(t, "a", ""));
  EXPECT_EQ(changes(together.events), "opened@2 ");
  EXPECT_EQ(together.engine.stats().rules[2].group_missing, 0U);
}

TEST(Engine, DistinctValuesAndTuples) {
  auto rules = [](const char* field) {
    return std::string(kDetections) +
           "title: D\nname: d\ncorrelation:\n  type: value_count\n  rules: [a]\n  group-by: "
           "[who]\n  timespan: 60s\n  condition: {gte: 3, field: " +
           field + "}\n";
  };
  EngineRun run(make_rules(rules("f")));
  int64_t t = 0;
  for (const char* f : {"x", "x", "y", "y", "x"}) {
    run.lines(test_line(++t, "a", "w", ",\"f\":\"" + std::string(f) + "\""));
  }
  run.lines(test_line(++t, "a", "w", ",\"f\":null"));  // no value: does not count
  EXPECT_EQ(changes(run.events), "");
  run.lines(test_line(++t, "a", "w", R"(,"f":"")"));  // a raw path: the empty text is a value
  EXPECT_EQ(changes(run.events), "opened@7 ");
  EXPECT_EQ(run.events[0].alert.measure.distinct, 3U);
  EngineRun tuple(make_rules(rules("[f, g]")));
  for (const char* fg : {R"(,"f":"a","g":"bc")", R"(,"f":"ab","g":"c")", R"(,"f":"ab","g":"c")"}) {
    tuple.lines(test_line(++t, "a", "w", fg));
  }
  EXPECT_EQ(changes(tuple.events), "") << "two tuples";
  tuple.lines(test_line(++t, "a", "w", R"(,"f":"c","g":"ab")"));
  EXPECT_EQ(tuple.events.size(), 1U);
}

TEST(Engine, AliasesNameTheFieldPerRule) {
  EngineRun run(make_rules(std::string(kDetections) + R"(
title: Aliased
name: aliased
correlation:
  type: event_count
  rules: [a, b]
  group-by: [user]
  aliases: {user: {a: src, b: dst}}
  timespan: 60s
  condition: {gte: 2}
)"));
  run.lines(test_line(1, "a", "w", R"(,"src":"eve","dst":"bob")"));
  run.lines(test_line(2, "b", "w", R"(,"src":"eve","dst":"bob")"));
  EXPECT_EQ(changes(run.events), "");
  run.lines(test_line(3, "b", "w", R"(,"dst":"eve")"));
  EXPECT_EQ(changes(run.events), "opened@3 ");
}

TEST(Engine, LabelsAreIdentityOnlyAndIdsAreStable) {
  EngineRun run(make_rules(three_in_a_minute()));
  for (int64_t t : {0, 1, 2}) {
    run.lines(test_line(t, "a", R"(we\nird\u202e)", ",\"id\":\"r" + std::to_string(t) + "\""));
  }
  ASSERT_EQ(run.events.size(), 1U);
  const Alert& alert = run.events[0].alert;
  std::vector<std::pair<std::string, std::string>> expected = {{"alertname", "PicketMany"},
                                                               {"severity", "medium"},
                                                               {"verdict", "misuse"},
                                                               {"who", "we ird\u202e"}};
  EXPECT_EQ(alert.labels, expected);
  EXPECT_EQ(alert.evidence.size(), 3U);
  EXPECT_EQ(alert.evidence[0].request_id, "r0");
  EngineRun again(make_rules(three_in_a_minute()));
  for (int64_t t : {0, 1, 2}) again.lines(test_line(t, "a", R"(we\nird\u202e)"));
  EXPECT_EQ(again.events[0].alert.id, alert.id) << "rule, group and time decide";
  EXPECT_EQ(alert.id.size(), 32U);
}

TEST(Engine, ADetectionThatNobodyCountsAlertsByItself) {
  EngineRun run(make_rules(R"(
title: Single
name: single
logsource: {product: test}
detection: {s: {e: x}, condition: s}
level: high
)"));
  for (int64_t t : {0, 1, 2}) run.lines(test_line(t, "x"));
  run.lines(test_line(3, "x", "other"));
  EXPECT_EQ(changes(run.events), "opened@0 opened@3 ");
  EXPECT_EQ(run.events[0].alert.labels.back(), (std::pair<std::string, std::string>("who", "w")));
}

TEST(Engine, GenerateLetsTheDetectionAlertToo) {
  const std::string correlation =
      "  rules: [a]\n  group-by: [who]\n  timespan: 60s\n  condition: {gte: 2}\n";
  EngineRun without(make_rules(count_rule(correlation)));
  EngineRun with(make_rules(count_rule(correlation + "  generate: true\n")));
  for (EngineRun* run : {&without, &with}) {
    for (int64_t t : {0, 1}) run->lines(test_line(t, "a"));
  }
  EXPECT_EQ(changes(without.events), "opened@1 ");
  EXPECT_EQ(changes(with.events), "opened@0 opened@1 ");
}

TEST(Engine, TheLedgerBalancesAndMatchesAreCounted) {
  EngineRun run(make_rules(three_in_a_minute()));
  run.lines(test_line(0, "a") + "\n  \nbroken\n[1]\n" + test_line(1, "both"));
  const DecodeStats& stats = run.engine.stats().sources[0].decode;
  EXPECT_TRUE(stats.balanced());
  EXPECT_EQ(stats.lines, 6U);
  EXPECT_EQ(stats.blank, 2U);
  EXPECT_EQ(stats.dead_letters(), 2U);
  EXPECT_EQ(run.engine.stats().rules[0].matches, 2U);
  EXPECT_EQ(run.engine.stats().rules[1].matches, 1U);
  EXPECT_EQ(run.engine.stats().rules[2].matches, 2U) << "the correlation counted two events";
}

TEST(Engine, AnAddressAloneNeverMakesAnAlertCritical) {
  const std::string schema = R"(
schema: edge
recognise: [t]
time: {field: t, unit: ms}
actor: [[client.address, user_agent.original]]
fields: {client.address: ip, user_agent.original: ua}
)";
  auto rules = make_rules(R"(
title: Fail
name: fail
detection: {s: {e: fail}, condition: s}
---
title: Three
name: three
correlation: {type: event_count, rules: [fail], group-by: [actor], timespan: 1m, condition: {gte: 3}}
level: medium
picket: {escalate: [{gte: 4, level: critical}]}
)",
                          {schema});
  EngineRun run(rules);
  for (int i = 0; i < 6; ++i) {
    run.lines("{\"t\":" + std::to_string(1000 + i) +
              ",\"e\":\"fail\",\"ip\":\"203.0.113.7\",\"ua\":\"curl\"}\n");
  }
  ASSERT_EQ(run.events.size(), 2u);
  const Alert& alert = run.events.back().alert;
  EXPECT_EQ(alert.severity, Level::High);
  using Label = std::pair<std::string, std::string>;
  EXPECT_THAT(alert.labels, testing::Contains(Label("severity", "high")));
  EXPECT_THAT(alert.labels, testing::Contains(Label("client_address", "203.0.113.7")));
}

}  // namespace
}  // namespace picket
