// What `picket:` says about alerts, through the engine: when they open, grow, end and give way.
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

std::string detection(const std::string& name) {
  return "title: " + name + "\nid: id-" + name + "\nname: " + name +
         "\nlogsource: {product: test}\ndetection: {s: {e: " + name + "}, condition: s}\n---\n";
}

std::string count(const std::string& name, const std::string& of, int at_least,
                  const std::string& rest, const std::string& picket = "") {
  return "title: " + name + "\nid: id-" + name + "\nname: " + name +
         "\ncorrelation: {type: event_count, rules: [" + of +
         "], group-by: [who], timespan: 10s, condition: {gte: " + std::to_string(at_least) +
         "}}\n" + rest + (picket.empty() ? "" : "\npicket: {" + picket + "}") + "\n---\n";
}

// "opened r high who=w @1000" and so on, one change a line; ends as "- 2000".
std::string changes(const std::vector<AlertEvent>& events) {
  std::string text;
  for (const AlertEvent& event : events) {
    const Alert& alert = event.alert;
    text += std::string(to_text(event.change)) + " " + alert.rule.name + " " +
            std::string(to_text(alert.severity));
    for (const auto& [name, value] : alert.labels) {
      if (name == "who") text += " " + value;
    }
    text += " @" + std::to_string(to_ms(alert.starts_at));
    if (alert.ends_at) text += " - " + std::to_string(to_ms(*alert.ends_at));
    text += "\n";
  }
  return text;
}

std::string changes_of(const std::string& rules, const std::vector<std::string>& lines,
                       EngineOptions options = {.live = false}) {
  EngineRun run(make_rules(rules), {.engine = options});
  for (const std::string& line : lines) run.lines(line);
  return changes(run.events);
}

std::vector<std::string> lines_at(const std::vector<int64_t>& times, std::string_view e = "a",
                                  std::string_view who = "w") {
  std::vector<std::string> lines;
  for (const int64_t time : times) lines.push_back(test_line(time, e, who));
  return lines;
}

TEST(Alerts, ResolveAfterReplacesTheTimespan) {
  const std::string rules = detection("a") + count("r", "a", 2, "level: low");
  EXPECT_EQ(changes_of(rules, lines_at({0, 1'000, 11'000, 11'001, 30'000})),
            "opened r low w @1000\nresolved r low w @1000 - 21001\n")
      << "the timespan, and 11 000 ms still is in time";
  const std::string sooner = detection("a") + count("r", "a", 2, "level: low", "resolve_after: 2s");
  EXPECT_EQ(changes_of(sooner, lines_at({0, 1'000, 3'000, 5'001, 5'002})),
            "opened r low w @1000\nresolved r low w @1000 - 5000\nopened r low w @5001\n");
}

TEST(Alerts, CooldownKeepsAnotherFromOpening) {
  const std::string rules =
      detection("a") + count("r", "a", 1, "level: low", "resolve_after: 2s, cooldown: 5s");
  EXPECT_EQ(changes_of(rules, lines_at({0, 3'000, 6'999})),
            "opened r low w @0\nresolved r low w @0 - 2000\n");
  EXPECT_EQ(changes_of(rules, lines_at({0, 3'000, 7'000})),
            "opened r low w @0\nresolved r low w @0 - 2000\nopened r low w @7000\n");
}

TEST(Alerts, EscalationRaisesTheSeverityOnceAndNeverLowersIt) {
  const std::string rules =
      detection("a") +
      count("r", "a", 1, "level: low",
            "resolve_after: 1m, escalate: [{gte: 2, level: high}, {gte: 3, level: critical}]");
  EXPECT_EQ(changes_of(rules, lines_at({0, 1'000, 2'000, 3'000, 20'000})),
            "opened r low w @0\nescalated r high w @0\nescalated r critical w @0\n");
  const std::string at_once =
      detection("a") + count("r", "a", 2, "level: low", "escalate: [{gte: 2, level: high}]");
  EXPECT_EQ(changes_of(at_once, lines_at({0, 1'000})), "opened r high w @1000\n");
  const std::string lower =
      detection("a") + count("r", "a", 1, "level: high", "escalate: [{gte: 2, level: low}]");
  EXPECT_EQ(changes_of(lower, lines_at({0, 1'000})), "opened r high w @0\n");
}

TEST(Alerts, EvidenceIsTheFirstAndTheLastEvents) {
  const auto times_of = [](int keep) {
    EngineRun run(make_rules(
        detection("a") + count("r", "a", 1, "level: low", "evidence: " + std::to_string(keep))));
    for (const std::string& line : lines_at({0, 1, 2, 3, 4, 5, 6})) run.lines(line);
    std::string times;
    const std::vector<Alert> alerts = run.engine.active_alerts();
    for (const EvidenceItem& item : alerts.at(0).evidence) {
      times += std::to_string(to_ms(item.time)) + " ";
    }
    EXPECT_EQ(alerts.at(0).events, 7U) << "all are counted";
    return times;
  };
  EXPECT_EQ(times_of(0), "");
  EXPECT_EQ(times_of(4), "0 1 5 6 ");
  EXPECT_EQ(times_of(20), "0 1 2 3 4 5 6 ");
}

TEST(Alerts, AShadowIsCountedAndNotDelivered) {
  const std::string rules = detection("a") + count("r", "a", 1, "level: critical", "mode: shadow");
  EngineRun run(make_rules(rules));
  for (const std::string& line : lines_at({0, 1, 2})) run.lines(line);
  EXPECT_EQ(changes(run.events), "");
  EXPECT_TRUE(run.engine.active_alerts().empty());
  const EngineStats& stats = run.engine.stats();
  EXPECT_EQ(stats.rules[1].alerts, 1U);
  EXPECT_EQ(stats.rules[1].matches, 3U);
  EXPECT_TRUE(stats.rules[1].shadow);
  for (const uint64_t opened : stats.alerts_opened) EXPECT_EQ(opened, 0U);
  EXPECT_EQ(changes_of(rules, lines_at({0}), {.live = false, .show_shadow = true}),
            "opened r critical w @0\n");
}

TEST(Alerts, AShadowStillFeedsWhatCountsIt) {
  const std::string rules = detection("a") + count("inner", "a", 1, "level: low", "mode: shadow") +
                            count("outer", "inner", 1, "level: high");
  EXPECT_EQ(changes_of(rules, lines_at({0})), "opened outer high w @0\n");
}

const EngineOptions kFew{.alerts_max = 2, .live = false};

TEST(TooManyAlerts, EqualsKeepTheirPlace) {
  const std::string rules = detection("a") + count("r", "a", 1, "level: low");
  EngineRun run(make_rules(rules), {.engine = kFew});
  run.lines(test_line(0, "a", "p"));
  for (const char* who : {"q", "s", "s", "t"}) run.lines(test_line(1, "a", who));
  EXPECT_EQ(changes(run.events), "opened r low p @0\nopened r low q @1\n");
  EXPECT_EQ(run.engine.stats().rules[1].dropped, 3U);
  EXPECT_EQ(run.engine.stats().rules[1].alerts, 2U);
  run.lines(test_line(10'002, "a", "s"));
  EXPECT_EQ(changes(run.events).substr(36),
            "resolved r low p @0 - 10000\nresolved r low q @1 - 10001\nopened r low s @10002\n")
      << "there is room again";
}

TEST(TooManyAlerts, TheMostSevereStay) {
  const std::string rules = detection("a") + detection("b") + detection("c") +
                            count("low", "a", 1, "level: low") +
                            count("high", "b", 1, "level: high") +
                            count("shadow", "c", 1, "level: critical", "mode: shadow");
  EngineRun run(make_rules(rules), {.engine = kFew});
  run.lines(test_line(0, "c", "p"));
  run.lines(test_line(1, "a", "p"));
  run.lines(test_line(2, "a", "q"));
  EXPECT_EQ(changes(run.events), "opened low low p @1\nopened low low q @2\n")
      << "a shadow gives way first";
  run.events.clear();
  run.lines(test_line(3, "b", "p"));
  EXPECT_EQ(changes(run.events), "opened high high p @3\nresolved low low p @1 - 3\n")
      << "then the least severe that would end first";
  run.events.clear();
  run.lines(test_line(4, "b", "q"));
  run.lines(test_line(5, "b", "s"));
  run.lines(test_line(6, "a", "s"));
  EXPECT_EQ(changes(run.events), "opened high high q @4\nresolved low low q @2 - 4\n");
  const EngineStats& stats = run.engine.stats();
  EXPECT_EQ(stats.rules[3].dropped, 3U);
  EXPECT_EQ(stats.rules[4].dropped, 1U);
  EXPECT_EQ(stats.rules[5].dropped, 1U);
  EXPECT_EQ(stats.alerts_active[static_cast<size_t>(Level::Low)], 0U);
  EXPECT_EQ(stats.alerts_active[static_cast<size_t>(Level::High)], 2U);
}

TEST(TooManyAlerts, WhatEscalatesIsAsImportantAsItBecame) {
  const std::string rules =
      detection("a") + count("r", "a", 1, "level: low", "escalate: [{gte: 2, level: critical}]");
  EngineRun run(make_rules(rules), {.engine = {.alerts_max = 1, .live = false}});
  for (const char* who : {"p", "q", "q"}) run.lines(test_line(0, "a", who));
  EXPECT_EQ(changes(run.events),
            "opened r low p @0\nopened r critical q @0\nresolved r low p @0 - 0\n");
}

// Whoever makes many groups fire, each with as much evidence as it can hold, gets no more than half
// of the memory, and others still find room for their windows.
TEST(TooManyAlerts, FiringGroupsDoNotFillTheMemory) {
  const std::string rules = detection("a") + detection("b") + count("flood", "a", 1, "level: low") +
                            count("prober", "b", 3, "level: high");
  constexpr size_t kMemory = 1 << 20;
  EngineRun run(make_rules(rules), {.engine = {.memory_max = kMemory, .live = false}});
  const std::string path = ",\"url.path\":\"" + std::string(1'000, 'x') + "\"";
  std::string batch;
  for (int i = 0; i < 4'000; ++i) {
    batch += test_line(i / 8, "a", "flood" + std::to_string(i % 1'000), path);
  }
  run.lines(batch);
  for (int64_t time : {600, 601, 602}) run.lines(test_line(time, "b", "prober"));
  const EngineStats& stats = run.engine.stats();
  EXPECT_GT(stats.rules[2].dropped, 0U);
  EXPECT_LE(stats.groups.bytes, kMemory);
  EXPECT_NE(changes(run.events).find("opened prober high prober @602"), std::string::npos)
      << stats.groups.groups << " groups, " << stats.groups.refused << " refused";
  // A replay, and whatever else hands out no state, remembers nothing for it.
  EngineRun replay(make_rules(rules), {.engine = {.live = false, .track_changes = false}});
  for (int i = 0; i < 100; ++i) replay.lines(test_line(i, "a"));
  EXPECT_TRUE(replay.engine.take_changes().alerts.empty());
}

TEST(TooManyAlerts, NeitherBatchesNorARestartMatter) {
  const std::string rules = detection("a") + detection("b") +
                            count("low", "a", 1, "level: low", "resolve_after: 300ms") +
                            count("high", "b", 2, "level: high", "resolve_after: 300ms");
  std::string whole;
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i) {
    const std::string who = std::to_string(i * i % 11);
    lines.push_back(test_line(i * 20, i % 5 < 3 ? "a" : "b", who));
    whole += lines.back();
  }
  const auto compiled = make_rules(rules);
  EngineRun at_once(compiled, {.engine = kFew});
  at_once.lines(whole);
  const std::string expected = to_text(at_once.events);
  EXPECT_GT(at_once.engine.stats().rules[2].dropped, 10U);
  EngineRun first(compiled, {.engine = kFew});
  for (size_t i = 0; i < 200; ++i) first.lines(lines[i]);
  EngineRun second(compiled, {.engine = kFew, .streams = 0});
  EngineChanges saved = first.engine.take_changes();
  std::erase_if(saved.alerts, [](const auto& row) { return row.erase; });
  std::erase_if(saved.groups, [](const auto& row) { return row.erase; });
  ASSERT_EQ(second.engine.restore(saved), 0U);
  second.engine.add_stream(0, Duration(0));
  for (size_t i = 200; i < lines.size(); ++i) second.lines(lines[i]);
  EXPECT_TRUE(same_lines(to_text(first.events) + to_text(second.events), expected));
}

}  // namespace
}  // namespace picket
