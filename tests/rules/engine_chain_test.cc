// Correlations of correlations, and timers: what they may depend on.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/correlation_cases.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kOuter[] = R"(  type: event_count
  rules: [inner]
  condition: {gte: 2}
---
title: Inner
name: inner
correlation:
  type: event_count
  rules: [a]
  group-by: [who, f]
  timespan: 10s
  condition: {gte: 2}
)";

TestEvent a(int64_t time, const std::string& f) { return {time, "a", f}; }

TEST(Chain, AMatchIsTheOpeningOfTheInnerAlertAndCarriesItsGroup) {
  EngineRun run(make_rules(correlation_rules(kOuter)));
  for (const TestEvent& event : {a(1'000, "1"), a(2'000, "1"), a(3'000, "1"), a(4'000, "2")}) {
    run.lines(event_line(event));
  }
  EXPECT_EQ(opened(run.events), "") << "one match, however long it goes on";
  run.lines(event_line(a(5'000, "2")));
  EXPECT_EQ(opened(run.events), "5000 ") << "the outer one alone is delivered";
  EXPECT_EQ(run.events[0].alert.rule.name, "t");
  EXPECT_EQ(run.events[0].alert.labels.back(), (std::pair<std::string, std::string>("who", "w")));
  EXPECT_EQ(run.events[0].alert.events, 2U) << "matches";
  std::string times;
  for (const EvidenceItem& item : run.events[0].alert.evidence) {
    times += std::to_string(to_ms(item.time)) + " ";
  }
  EXPECT_EQ(times, "1000 2000 4000 5000 ") << "what the matches rest on";
}

TEST(Chain, GenerateDeliversTheInnerOneToo) {
  std::string rules = correlation_rules(kOuter);
  rules.replace(rules.find("  rules: [inner]"), 0, "  generate: true\n");
  EngineRun run(make_rules(rules));
  for (const TestEvent& event : {a(1'000, "1"), a(2'000, "1")}) run.lines(event_line(event));
  EXPECT_EQ(opened(run.events), "2000 ");
  EXPECT_EQ(run.events[0].alert.rule.name, "inner");
}

TEST(Chain, WhatDidNotHappenCanBeCounted) {
  const std::string body =
      "  type: temporal\n  rules: [quiet, b]\n---\ntitle: Q\nname: quiet\n"
      "correlation:\n  type: temporal\n  rules: [a, c]\n  group-by: [who]\n"
      "  timespan: 5s\n  condition: a and not c\n";
  EXPECT_EQ(opened(body, {{1'000, "a", ""}, {7'000, "b", ""}}), "7000 ");
  EXPECT_EQ(opened(body, {{1'000, "a", ""}, {2'000, "c", ""}, {7'000, "b", ""}}), "");
}

TEST(Chain, CyclesAreRefusedByName) {
  const std::string cycle =
      "  type: event_count\n  rules: [u]\n  condition: {gte: 1}\n---\n"
      "title: U\nname: u\ncorrelation: {type: event_count, rules: [t], "
      "timespan: 1s, condition: {gte: 1}}\n";
  EXPECT_EQ(problem(cycle), "the correlation refers to itself: t -> u -> t");
  EXPECT_EQ(problem("  type: event_count\n  rules: [t]\n  condition: {gte: 1}\n"),
            "the correlation refers to itself: t -> t");
}

constexpr char kTimed[] = R"(  type: event_count
  rules: [a]
  condition: {lt: 3}
picket: {resolve_after: 2s}
---
title: N
name: n
correlation: {type: temporal, rules: [a, b], group-by: [who], timespan: 4s, condition: a and not b}
---
title: O
name: o
correlation: {type: temporal_ordered, rules: [c, d, b], group-by: [who], timespan: 6s, condition: c and d and not b}
---
title: S
name: s
correlation: {type: value_sum, rules: [a, b], group-by: [who], timespan: 5s, condition: {lte: 3, field: f}}
---
title: M
name: m
correlation: {type: event_count, rules: [n, o, s], timespan: 30s, condition: {gte: 3}, generate: true}
)";

std::vector<std::string> traffic(uint64_t seed, int64_t shake) {
  std::mt19937_64 random(seed);
  std::mt19937_64 delay(seed + 1);
  std::vector<std::pair<int64_t, std::string>> lines;
  int64_t now = 1'000'000;
  for (int i = 0; i < 80; ++i) {
    // Times differ: those that are equal keep the order of arrival, which shaking would change.
    now += 1 + static_cast<int64_t>(random() % 12 == 0 ? random() % 20'000 : random() % 1'500);
    const char* names[] = {"a", "b", "c", "d", "ab", "x"};
    std::string line = test_line(now, names[random() % 6], random() % 2 == 0 ? "v" : "w",
                                 ",\"f\":" + std::to_string(random() % 4));
    lines.emplace_back(now + (shake > 0 ? static_cast<int64_t>(delay() % 1'000'000) % shake : 0),
                       std::move(line));
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<std::string> out;
  for (auto& [time, line] : lines) out.push_back(std::move(line));
  return out;
}

TEST(Timers, NeitherBatchesNorArrivalWithinTheLatenessMatter) {
  auto rules = make_rules(correlation_rules(kTimed));
  size_t opened_total = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string expected = alerts_of(rules, traffic(seed, 0), 1, Duration(3'000));
    for (size_t at = 0; (at = expected.find("opened", at)) != expected.npos; ++at) ++opened_total;
    for (size_t per_batch : {2, 7, 100}) {
      ASSERT_TRUE(
          same_lines(alerts_of(rules, traffic(seed, 3'000), per_batch, Duration(3'000)), expected))
          << "seed " << seed << ", batches of " << per_batch;
    }
    ASSERT_TRUE(same_lines(alerts_of(rules, traffic(seed, 0), 5, Duration(0)), expected));
  }
  EXPECT_GT(opened_total, 100U);
}

TEST(Timers, ARestartAtAnyPointChangesNothing) {
  auto rules = make_rules(correlation_rules(kTimed));
  const std::vector<std::string> lines = traffic(7, 2'000);
  const std::string expected = alerts_of(rules, lines, 1, Duration(2'000));
  for (size_t at = 0; at <= lines.size(); at += 3) {
    EngineRun before(rules, {.lateness = Duration(2'000)});
    for (size_t i = 0; i < at; ++i) before.lines(lines[i]);
    EngineRun after(rules, {.lateness = Duration(2'000), .streams = 0});
    EngineChanges saved = before.engine.take_changes();
    std::erase_if(saved.alerts, [](const auto& row) { return row.erase; });
    std::erase_if(saved.groups, [](const auto& row) { return row.erase; });
    ASSERT_EQ(after.engine.restore(saved), 0U);
    after.engine.add_stream(0, Duration(2'000));
    for (size_t i = at; i < lines.size(); ++i) after.lines(lines[i]);
    after.finish();
    std::vector<AlertEvent> all = before.events;
    all.insert(all.end(), after.events.begin(), after.events.end());
    ASSERT_TRUE(same_lines(to_text(all), expected)) << "restart after " << at;
  }
}

TEST(Timers, AnIdleLiveSourceStillLetsTimePass) {
  EngineRun run(make_rules(correlation_rules("  type: event_count\n  rules: [a]\n"
                                             "  condition: {lt: 3}\n")),
                {.engine = {.live = true}});
  Timestamp start = timestamp_ms(9'000'000);
  run.lines(test_line(1'000'000, "a"), 0, start);
  run.engine.advance(start + Duration(10'000), run.events);
  EXPECT_EQ(opened(run.events), "");
  run.engine.advance(start + Duration(10'001), run.events);
  EXPECT_EQ(opened(run.events), "1010000 ");
}

}  // namespace
}  // namespace picket
