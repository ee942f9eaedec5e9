// What the alerts may depend on: the lines and their time, not batches, arrival order or streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "rules/engine.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kRules[] = R"(
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
title: Many
name: many
correlation:
  type: event_count
  rules: [a, b]
  group-by: [who]
  timespan: 60s
  condition: {gte: 4}
picket: {resolve_after: 20s, cooldown: 30s, escalate: [{gte: 6, level: critical}]}
---
title: Kinds
name: kinds
correlation:
  type: value_count
  rules: [a]
  group-by: [who]
  timespan: 30s
  condition: {gte: 3, field: f}
)";

using Random = std::mt19937_64;

size_t below(Random& random, size_t bound) { return random() % bound; }

struct Line {
  int64_t time;
  std::string text;
};

// Events of a few actors with bursts and pauses; `jitter`: how far times go back and forth.
std::vector<Line> traffic(uint64_t seed, size_t count, int64_t jitter) {
  Random random(seed);
  std::vector<Line> lines;
  int64_t now = 1'000'000;
  for (size_t i = 0; i < count; ++i) {
    now +=
        static_cast<int64_t>(below(random, 20) == 0 ? below(random, 70'000) : below(random, 6'000));
    int64_t time = now - static_cast<int64_t>(below(random, static_cast<size_t>(jitter) + 1));
    const char* e = std::array{"a", "b", "both", "none"}[below(random, 4)];
    std::string who(1, static_cast<char>('p' + below(random, 3)));
    std::string extra =
        ",\"f\":" + std::to_string(below(random, 5)) + ",\"id\":\"" + std::to_string(i) + "\"";
    lines.push_back({time, test_line(time, e, who, extra)});
  }
  return lines;
}

std::vector<std::string> texts(const std::vector<Line>& lines) {
  std::vector<std::string> out;
  for (const Line& line : lines) out.push_back(line.text);
  return out;
}

TEST(EngineOrder, CuttingIntoBatchesChangesNothing) {
  auto rules = make_rules(kRules);
  // 25 s of jitter against lateness 0 and 10 s: late events too must not depend on the cuts.
  for (int64_t lateness : {0, 10'000, 30'000}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      std::vector<std::string> lines = texts(traffic(seed, 150, 25'000));
      const std::string whole = alerts_of(rules, lines, lines.size(), Duration(lateness));
      EXPECT_NE(whole, "");
      for (size_t size = 1; size < lines.size(); size += size < 20 ? 1 : 17) {
        ASSERT_TRUE(same_lines(alerts_of(rules, lines, size, Duration(lateness)), whole))
            << "batches of " << size << ", lateness " << lateness << ", seed " << seed;
      }
    }
  }
}

TEST(EngineOrder, AnyArrivalWithinTheLatenessGivesTheSameAlerts) {
  auto rules = make_rules(kRules);
  constexpr int64_t kLateness = 20'000;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    std::vector<Line> lines = traffic(seed, 150, 0);
    // Times all differ: the order of equal times is that of arrival.
    int64_t last = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
      last = std::max(last + 1, lines[i].time);
      lines[i] = {last, test_line(last, i % 3 == 0 ? "both" : "a", i % 2 == 0 ? "p" : "q",
                                  ",\"f\":" + std::to_string(i * i % 5))};
    }
    const std::string sorted = alerts_of(rules, texts(lines), 10, Duration(kLateness));
    EXPECT_NE(sorted, "");
    Random random(seed + 100);
    std::vector<std::pair<int64_t, Line>> arrivals;
    for (const Line& line : lines) {
      arrivals.emplace_back(line.time + static_cast<int64_t>(below(random, kLateness)), line);
    }
    std::stable_sort(arrivals.begin(), arrivals.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> shuffled;
    for (const auto& [at, line] : arrivals) shuffled.push_back(line.text);
    EXPECT_TRUE(same_lines(alerts_of(rules, shuffled, 10, Duration(kLateness)), sorted)) << seed;
  }
}

TEST(EngineOrder, ReplayMergesStreamsByTime) {
  auto rules = make_rules(kRules);
  for (uint64_t seed = 0; seed < 6; ++seed) {
    std::vector<Line> lines = traffic(seed, 200, 0);
    std::stable_sort(lines.begin(), lines.end(),
                     [](const Line& a, const Line& b) { return a.time < b.time; });
    std::vector<int64_t> seen;
    std::erase_if(lines, [&](const Line& line) {  // equal times go by stream, then by line
      bool known = std::find(seen.begin(), seen.end(), line.time) != seen.end();
      seen.push_back(line.time);
      return known;
    });
    const std::string one = alerts_of(rules, texts(lines), 7, Duration(0));
    EXPECT_NE(one, "");
    for (uint64_t split = 0; split < 5; ++split) {
      Random random(seed * 10 + split);
      EngineRun run(rules, {.streams = 2});
      std::vector<std::string> parts[2];
      for (const Line& line : lines) parts[below(random, 2)].push_back(line.text);
      size_t at[2] = {0, 0};
      while (at[0] < parts[0].size() || at[1] < parts[1].size()) {
        auto stream = static_cast<StreamId>(below(random, 2));
        if (at[stream] < parts[stream].size()) run.lines(parts[stream][at[stream]++], stream);
        if (at[stream] == parts[stream].size()) run.end_stream(stream);
      }
      run.finish();
      ASSERT_TRUE(same_lines(to_text(run.events), one)) << seed << " " << split;
    }
  }
}

TEST(EngineOrder, LateEventsAreProcessedAndCounted) {
  EngineRun run(make_rules(kRules), {.lateness = Duration(1'000)});
  run.lines(test_line(100'000, "a"));
  run.lines(test_line(99'000, "a"));  // just in time
  EXPECT_EQ(run.engine.stats().sources[0].late_events, 0U);
  run.lines(test_line(70'000, "a"));  // late
  EXPECT_EQ(run.engine.stats().sources[0].late_events, 1U);
  run.lines(test_line(100'500, "a"));
  run.finish();
  ASSERT_EQ(run.events.size(), 1U);
  EXPECT_EQ(run.events[0].change, AlertChange::Opened);
  EXPECT_EQ(run.events[0].alert.events, 4U) << "the late one counts";
}

TEST(EngineOrder, WaitingHitsAreReleasedByTheWatermark) {
  EngineRun run(make_rules(kRules), {.lateness = Duration(5'000)});
  run.lines(test_line(10'000, "a"));
  EXPECT_EQ(run.engine.stats().hits_pending, 1U);
  run.lines(test_line(15'000, "none"));
  EXPECT_EQ(run.engine.stats().hits_pending, 0U) << "nothing earlier can come";
  EXPECT_EQ(to_ms(run.engine.stats().watermark), 10'000);
}

// One input is hours behind the other in event time.
TEST(EngineOrder, WhatWaitsIsBoundedAndNoHitIsLost) {
  const auto rules = make_rules(kRules);
  const auto run_with = [&](size_t pending_max) {
    EngineRun run(rules, {.engine = {.pending_max = pending_max, .live = false}, .streams = 2});
    size_t most = 0;
    run.lines(test_line(1'000'000, "none"), 1);
    for (int64_t i = 0; i < 1'000; ++i) {
      run.lines(test_line(9'000'000 + i, "a", "ahead"), 0);
      most = std::max(most, run.engine.stats().hits_pending_bytes);
      if (i % 10 == 0) run.lines(test_line(1'000'000 + i, "a", "behind"), 1);
    }
    const uint64_t early = run.engine.stats().hits_released_early;
    run.finish();
    EXPECT_EQ(run.engine.stats().hits_pending_bytes, 0U);
    EXPECT_EQ(std::ranges::count(run.events, AlertChange::Opened, &AlertEvent::change), 2)
        << "who is behind is seen, too";
    const std::vector<Alert> active = run.engine.active_alerts();
    uint64_t counted = 0;
    for (const Alert& alert : active) counted += alert.events;
    EXPECT_EQ(counted, 1'000U) << "each hit of who is ahead";
    return std::pair(most, early);
  };
  constexpr size_t kBound = 20'000;
  const auto [bounded, early] = run_with(kBound);
  EXPECT_LE(bounded, kBound);
  EXPECT_GT(early, 500U);
  const auto [all, none] = run_with(1 << 30);
  EXPECT_GT(all, 4 * kBound);
  EXPECT_EQ(none, 0U);
}

TEST(EngineOrder, AnIdleStreamDoesNotHoldBackLiveInput) {
  EngineOptions live{.live = true, .idle_timeout = Duration(5'000)};
  EngineRun run(make_rules(kRules), {.engine = live, .streams = 2});
  Timestamp start = timestamp_ms(1'000'000);
  run.lines(test_line(1'000'000, "a"), 1, start);
  run.lines(test_line(1'000'010, "a"), 0, start);
  for (int64_t t = 1'000'020; t < 1'000'060; t += 10) run.lines(test_line(t, "a"), 0, start);
  EXPECT_TRUE(run.events.empty()) << "stream 1 may still deliver earlier lines";
  run.lines(test_line(1'006'000, "a"), 0, start + Duration(6'000));
  ASSERT_FALSE(run.events.empty());
  EXPECT_EQ(run.events[0].change, AlertChange::Opened);
  EXPECT_EQ(to_ms(run.events[0].alert.starts_at), 1'000'030);
}

TEST(EngineOrder, TheWallClockEndsAlertsWhileInputIsIdle) {
  EngineRun run(make_rules(kRules), {.engine = {.live = true}});
  Timestamp start = timestamp_ms(5'000'000);
  for (int64_t t : {0, 1, 2, 3}) run.lines(test_line(1'000'000 + t, "b"), 0, start);
  run.engine.advance(start + Duration(20'000), run.events);
  EXPECT_EQ(run.events.size(), 1U);
  run.engine.advance(start + Duration(20'001), run.events);
  ASSERT_EQ(run.events.size(), 2U);
  EXPECT_EQ(run.events[1].change, AlertChange::Resolved);
  EXPECT_EQ(to_ms(*run.events[1].alert.ends_at), 1'020'003);
}

// All correlation types, each in a rule of its own, and some that count others.
std::string rules_of_all_types() {
  std::string text;
  const auto document = [&text](const std::string& name, const std::string& rest) {
    text += "---\ntitle: " + name + "\nname: " + name + "\n" + rest;
  };
  for (const char* e : {"a", "b", "c"}) {
    document(e, "logsource: {product: test}\ndetection: {s: {e|contains: " + std::string(e) +
                    "}, condition: s}\n");
  }
  const std::pair<const char*, const char*> sigma[] = {
      {"many", "type: event_count, rules: [a, b], timespan: 10s, condition: {gte: 6}"},
      {"few", "type: event_count, rules: [a], timespan: 5s, condition: {lt: 2}"},
      {"kinds", "type: value_count, rules: [a], timespan: 10s, condition: {gte: 4, field: f}"},
      {"sum", "type: value_sum, rules: [b], timespan: 9s, condition: {gt: 60, field: f}"},
      {"mean", "type: value_avg, rules: [b], timespan: 9s, condition: {gt: 16, field: f}"},
      {"middle", "type: value_median, rules: [c], timespan: 9s, condition: {lt: 6, field: f}"},
      {"rank",
       "type: value_percentile, rules: [a], timespan: 9s, "
       "condition: {gte: 20, field: f, percentile: 90}"},
      {"all", "type: temporal, rules: [a, b, c], timespan: 2s"},
      {"without", "type: temporal, rules: [a, b], timespan: 3s, condition: a and not b"},
      {"ordered", "type: temporal_ordered, rules: [c, b, a], timespan: 3s"},
      {"two", "type: temporal_ordered, rules: [a, b, c], timespan: 2s, condition: {gte: 2}"},
      {"open",
       "type: temporal_ordered, rules: [c, a, b], timespan: 5s, "
       "condition: c and a and not b"},
  };
  for (const auto& [name, body] : sigma) {
    document(name, "correlation: {" + std::string(body) + ", group-by: [who]}\n");
  }
  const std::pair<const char*, const char*> own[] = {
      {"type: sequential_test, success: b, failure: a, first_contact: f, false_alarm: 0.01", ""},
      {"type: leaky_bucket, rules: [a, c], capacity: 4, leak: 1s", ""},
      {"type: ratio, part: a, whole: [a, b, c], gte: 0.7, min_events: 4", "timespan: 9s"},
      {"type: first_seen, rules: [c], field: f, learn: 20s, forget: 40s", ""},
      {"type: spike, rules: [a, b], baseline: 20s, factor: 2, min_events: 4", "timespan: 2s"},
      {"type: absence, after: c, missing: b, within: 4s", ""},
      {"type: risk, scores: {a: 3, b: 5, c: 2}, half_life: 4s, gte: 20", ""},
  };
  for (const auto& [options, timespan] : own) {
    const std::string body(options);
    document("own_" + body.substr(6, body.find(',') - 6),
             "picket: {resolve_after: 3s, correlation: {" + body + "}}\ncorrelation:\n" +
                 "  group-by: [who]\n  generate: true\n  " + timespan + "\n");
  }
  const std::pair<const char*, const char*> chains[] = {
      {"chain",
       "type: event_count, rules: [many, few, without], timespan: 30s, condition: {gte: 2}"},
      {"chain_order", "type: temporal_ordered, rules: [own_absence, a, all], timespan: 9s"},
      {"chain_of_chain",
       "type: value_count, rules: [chain, chain_order], timespan: 1m, "
       "condition: {gte: 2, field: who}"},
  };
  for (const auto& [name, body] : chains) {
    const bool last = std::string_view(name) == "chain_of_chain";
    document(name, "correlation: {" + std::string(body) + ", generate: true" +
                       (last ? "" : ", group-by: [who]") + "}\n");
  }
  document(
      "chain_absence",
      "picket: {correlation: {type: absence, after: own_risk, missing: own_ratio, within: 3s}}\n"
      "correlation: {group-by: [who], generate: true}\n");
  return text;
}

struct Sent {
  int64_t time;
  StreamId stream;
  std::string text;
};

constexpr int64_t kLatenessOf[] = {0, 2'000, 15'000, 4'000};  // by stream; the last one falls idle
constexpr int64_t kStreamsBegin = 999'000;
constexpr int64_t kStreamsEnd = 2'000'000;

std::vector<Sent> traffic_of_streams(uint64_t seed) {
  Random random(seed);
  std::vector<Sent> sent;
  int64_t now = 1'000'000;
  constexpr const char* kNames[] = {"a", "b", "c", "ab", "bc", "abc", "a", "none"};
  for (int i = 0; i < 250; ++i) {
    // Times differ: those that are equal go by stream.
    now += 1 + static_cast<int64_t>(below(random, below(random, 25) == 0 ? 12'000 : 900));
    const size_t stream = i < 20 ? below(random, 4) : below(random, 3);
    const char* who = below(random, 3) == 0 ? "p" : "q";
    const std::string f = ",\"f\":" + std::to_string(below(random, 25));
    sent.push_back(
        {now, static_cast<StreamId>(stream), test_line(now, kNames[below(random, 8)], who, f)});
  }
  return sent;
}

// What comes of it when each event arrives up to the lateness of its stream after its time, by the
// choice of `seed`, or at once (0). The wall clock tells the time of arrival.
std::string alerts_of_streams(const std::shared_ptr<const RuleSet>& rules,
                              const std::vector<Sent>& sent, uint64_t seed) {
  EngineRun run(rules, {.engine = {.live = true, .idle_timeout = Duration(40'000)}, .streams = 0});
  for (const int64_t lateness : kLatenessOf) {
    // A stream counts from its first line on.
    const StreamId stream = run.engine.add_stream(0, Duration(lateness));
    run.lines(test_line(kStreamsBegin, "none"), stream, timestamp_ms(kStreamsBegin));
  }
  Random random(seed);
  std::vector<std::pair<int64_t, const Sent*>> arrivals;
  for (const Sent& event : sent) {
    const auto most = static_cast<size_t>(kLatenessOf[event.stream]);
    arrivals.emplace_back(
        event.time + static_cast<int64_t>(seed == 0 ? 0 : below(random, most + 1)), &event);
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t first = 0; first < arrivals.size();) {
    // Some lines at once, as long as they are of one stream.
    size_t last = first + 1;
    std::string batch = arrivals[first].second->text;
    while (seed != 0 && last < arrivals.size() && below(random, 2) == 0 &&
           arrivals[last].second->stream == arrivals[first].second->stream) {
      batch += arrivals[last++].second->text;
    }
    run.lines(batch, arrivals[first].second->stream, timestamp_ms(arrivals[last - 1].first));
    first = last;
    const bool tick = seed != 0 && below(random, 4) == 0 && first < arrivals.size();
    if (tick) run.engine.advance(timestamp_ms(arrivals[first].first), run.events);
  }
  run.lines(test_line(kStreamsEnd, "none"), 0, timestamp_ms(kStreamsEnd));
  run.finish();
  EXPECT_EQ(run.engine.stats().sources[0].late_events, 0U);
  return to_text(run.events);
}

TEST(EngineOrder, AnyArrivalWithinTheLatenessGivesTheSameAlertsOfEveryType) {
  auto rules = make_rules(rules_of_all_types());
  ASSERT_TRUE(rules);
  std::string all;
  for (uint64_t traffic = 0; traffic < 4; ++traffic) {
    const std::vector<Sent> sent = traffic_of_streams(traffic);
    const std::string expected = alerts_of_streams(rules, sent, 0);
    for (uint64_t arrival = 1; arrival <= 6; ++arrival) {
      ASSERT_TRUE(same_lines(alerts_of_streams(rules, sent, arrival), expected))
          << "traffic " << traffic << ", arrival " << arrival;
    }
    // As one stream that is replayed, too.
    EngineRun replay(rules);
    for (const Sent& event : sent) replay.lines(event.text);
    replay.lines(test_line(kStreamsEnd, "none"));
    replay.finish();
    ASSERT_TRUE(same_lines(to_text(replay.events), expected)) << "traffic " << traffic;
    all += expected;
  }
  for (const RuleInfo& rule : rules->rules()) {
    if (rule.kind != RuleKind::Correlation) continue;
    const std::string name = "\"name\":\"" + rule.head->name + "\"";
    EXPECT_NE(all.find(name), std::string::npos) << rule.head->name << " never held";
  }
}

TEST(EngineOrder, AHitAfterALongPauseStartsAfreshWhetherTheGroupWasForgottenOrNot) {
  // A late line finds its group just outside the window: in one batch it still is in memory, in
  // several the watermark has passed between them.
  auto rules = make_rules(kRules);
  std::vector<std::string> lines;
  for (int64_t t : {0, 1, 2}) lines.push_back(test_line(100'000 + t, "b"));
  lines.push_back(test_line(175'000, "none"));
  lines.push_back(test_line(150'000, "b"));
  const std::string whole = alerts_of(rules, lines, 5, Duration(0));
  for (size_t size : {1, 2, 3, 4}) {
    EXPECT_TRUE(same_lines(alerts_of(rules, lines, size, Duration(0)), whole)) << size;
  }
}

}  // namespace
}  // namespace picket
