// State to rows and back: a crash at any point and a restart end in the same alerts as no crash.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <map>
#include <random>

#include "rules/bytes.h"
#include "rules/engine.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kRules[] = R"(
title: A
name: a
logsource: {product: test}
detection: {s: {e: a}, condition: s}
---
title: Many
name: many
correlation: {type: event_count, rules: [a], group-by: [who], timespan: 30s, condition: {gte: 3}}
picket: {resolve_after: 5s, cooldown: 8s, evidence: 4, escalate: [{gte: 6, level: critical}]}
---
title: Kinds
name: kinds
correlation:
  type: value_count
  rules: [a]
  group-by: [who]
  timespan: 20s
  condition: {gte: 3, field: f}
---
title: Hidden
name: hidden
correlation: {type: event_count, rules: [a], group-by: [f], timespan: 30s, condition: {gte: 3}}
picket: {mode: shadow}
)";

// What the state file does with changes.
struct Rows {
  std::map<std::string, std::string> groups;
  std::map<std::string, std::string> alerts;
  std::map<std::string, std::string> hits;
  std::string meta;

  static void apply(const std::vector<EngineChanges::Row>& rows,
                    std::map<std::string, std::string>& to) {
    for (const auto& row : rows) {
      if (row.erase) {
        to.erase(row.key);
      } else {
        to[row.key] = row.value;
      }
    }
  }
  void apply(const EngineChanges& changes) {
    apply(changes.groups, groups);
    apply(changes.alerts, alerts);
    apply(changes.hits, hits);
    meta = changes.meta;
  }
  EngineChanges all() const {
    EngineChanges changes;
    for (const auto& [key, value] : groups) changes.groups.push_back({key, value});
    for (const auto& [key, value] : alerts) changes.alerts.push_back({key, value});
    for (const auto& [key, value] : hits) changes.hits.push_back({key, value});
    changes.meta = meta;
    return changes;
  }
};

std::vector<std::string> traffic(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::vector<std::string> lines;
  int64_t now = 1'000'000;
  for (size_t i = 0; i < count; ++i) {
    now += static_cast<int64_t>(random() % 15 == 0 ? random() % 25'000 : random() % 2'500);
    int64_t back = static_cast<int64_t>(random() % 8'000);
    std::string extra =
        ",\"f\":" + std::to_string(random() % 4) + ",\"id\":\"" + std::to_string(i) + "\"";
    lines.push_back(test_line(now - back, random() % 5 == 0 ? "none" : "a",
                              random() % 2 == 0 ? "p" : "q", extra));
  }
  return lines;
}

struct RunSettings {
  Duration lateness;
  size_t commit_every;  // batches
  size_t streams = 1;
  bool renumber = false;  // streams by the restart, which then know each other by identity only
};

// Plays one line per batch; after `crash_after` batches everything since the last commit is lost,
// and the rest is played by a new engine from there. Alerts of lost batches do not count: the
// outbox is part of the same transaction.
std::string play(const std::shared_ptr<const RuleSet>& rules, const std::vector<std::string>& lines,
                 size_t crash_after, const RunSettings& settings) {
  EngineRun::Options options{.lateness = settings.lateness, .streams = 0};
  auto run = std::make_unique<EngineRun>(rules, options);
  bool backwards = false;
  const auto place_of = [&](size_t stream) {
    return backwards ? settings.streams - 1 - stream : stream;
  };
  const auto add_streams = [&] {
    for (size_t s = 0; s < settings.streams; ++s) {
      const uint64_t identity = settings.renumber ? 100 + place_of(s) : 0;
      run->engine.add_stream(0, settings.lateness, identity);
    }
  };
  add_streams();
  Rows rows;
  size_t committed = 0;
  size_t committed_alerts = 0;
  std::vector<AlertEvent> delivered;
  auto commit = [&](size_t upto) {
    rows.apply(run->engine.take_changes());
    committed = upto;
    committed_alerts = run->events.size();
  };
  auto stream_of = [&](size_t line) {
    return static_cast<StreamId>(place_of(line / 2 % settings.streams));
  };
  for (size_t i = 0; i < crash_after; ++i) {
    run->lines(lines[i], stream_of(i));
    if ((i + 1) % settings.commit_every == 0) commit(i + 1);
  }
  if (crash_after < lines.size()) {
    run->events.resize(committed_alerts);
    delivered = std::move(run->events);
    run = std::make_unique<EngineRun>(rules, options);
    EXPECT_EQ(run->engine.restore(rows.all()), 0U);
    backwards = settings.renumber;
    add_streams();
    for (size_t i = committed; i < lines.size(); ++i) run->lines(lines[i], stream_of(i));
  }
  run->finish();
  delivered.insert(delivered.end(), run->events.begin(), run->events.end());
  return to_text(delivered);
}

TEST(Snapshot, ACrashAtAnyPointGivesTheSameAlerts) {
  auto rules = make_rules(kRules);
  for (Duration lateness : {Duration(0), Duration(5'000)}) {
    for (size_t commit_every : {1, 3, 7}) {
      for (uint64_t seed = 0; seed < (commit_every == 1 ? 2 : 1); ++seed) {
        std::vector<std::string> lines = traffic(seed + commit_every, 60);
        RunSettings settings{lateness, commit_every};
        const std::string whole = play(rules, lines, lines.size(), settings);
        EXPECT_NE(whole.find("resolved"), whole.npos);
        for (size_t at = 0; at < lines.size(); ++at) {
          ASSERT_TRUE(same_lines(play(rules, lines, at, settings), whole))
              << "crash after " << at << ", commit every " << commit_every << ", lateness "
              << lateness.count() << ", seed " << seed;
        }
      }
    }
  }
}

TEST(Snapshot, HitsOfSeveralStreamsKeepTheirOrder) {
  auto rules = make_rules(kRules);
  std::vector<std::string> lines = traffic(5, 60);
  RunSettings settings{Duration(5'000), 2, 2};
  const std::string whole = play(rules, lines, lines.size(), settings);
  for (size_t at = 0; at < lines.size(); ++at) {
    ASSERT_TRUE(same_lines(play(rules, lines, at, settings), whole)) << "crash after " << at;
  }
}

// As when the rest of a rotated file and the new file are found in another order.
TEST(Snapshot, StreamsAreKnownByIdentity) {
  auto rules = make_rules(kRules);
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const std::vector<std::string> lines = traffic(seed, 60);
    RunSettings settings{Duration(2'000), 2, 3};
    const std::string whole = play(rules, lines, lines.size(), settings);
    settings.renumber = true;
    for (size_t at = 0; at < lines.size(); ++at) {
      ASSERT_TRUE(same_lines(play(rules, lines, at, settings), whole))
          << "seed " << seed << ", crash after " << at;
    }
  }
}

Rows state_after(const std::shared_ptr<const RuleSet>& rules, size_t lines) {
  EngineRun run(rules, {.lateness = Duration(5'000)});
  for (const std::string& line : traffic(1, lines)) run.lines(line);
  Rows rows;
  rows.apply(run.engine.take_changes());
  return rows;
}

TEST(Snapshot, DamagedRowsArePassedOverAndCounted) {
  auto rules = make_rules(kRules);
  const Rows good = state_after(rules, 60);
  ASSERT_FALSE(good.groups.empty());
  ASSERT_FALSE(good.alerts.empty());
  auto damaged = [&](auto damage) {
    EngineChanges rows = good.all();
    damage(rows);
    EngineRun run(rules);
    return run.engine.restore(rows);
  };
  EXPECT_EQ(damaged([](EngineChanges&) {}), 0U);
  for (size_t at = 0; at < good.meta.size(); ++at) {
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.meta[at] ^= 4; }), 1U) << at;
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.meta.resize(at); }), at == 0 ? 0U : 1U);
  }
  const size_t group_size = good.groups.begin()->second.size();
  for (size_t at = 0; at < group_size; ++at) {
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.groups[0].value[at] ^= 1; }), 1U) << at;
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.groups[0].value.resize(at); }), 1U) << at;
  }
  const size_t alert_size = good.alerts.begin()->second.size();
  for (size_t at = 0; at < alert_size; ++at) {
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.alerts[0].value[at] ^= 1; }), 1U) << at;
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.alerts[0].value.resize(at); }), 1U) << at;
  }
  ASSERT_GT(good.hits.size(), 1U);
  EXPECT_EQ(good.hits.rbegin()->first, "rules");
  const size_t hit_size = good.hits.begin()->second.size();
  for (size_t at = 0; at < hit_size; ++at) {
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.hits[0].value[at] ^= 1; }), 1U) << at;
    ASSERT_EQ(damaged([&](EngineChanges& rows) { rows.hits[0].value.resize(at); }), 1U) << at;
  }
  EXPECT_EQ(damaged([](EngineChanges& rows) { rows.hits[0].key = "short"; }), 1U);
  const size_t all_hits = good.hits.size();
  EXPECT_EQ(damaged([](EngineChanges& rows) { rows.hits.back().value[0] ^= 1; }), all_hits)
      << "nobody knows what they mean";
  EXPECT_EQ(damaged([](EngineChanges& rows) { rows.hits.pop_back(); }), all_hits - 1);
  EXPECT_EQ(damaged([](EngineChanges& rows) { rows.groups[0].key = "short"; }), 1U);
  EXPECT_EQ(damaged([](EngineChanges& rows) { rows.groups.push_back(rows.groups[0]); }), 1U)
      << "a key that is there already";
}

TEST(Snapshot, RowsOfRulesThatAreGoneArePassedOver) {
  const Rows rows = state_after(make_rules(kRules), 60);
  EngineRun run(
      make_rules("title: A\nname: a\nlogsource: {product: test}\ndetection: {s: {e: a}, "
                 "condition: s}\n"));
  EXPECT_EQ(run.engine.restore(rows.all()), rows.groups.size() + rows.alerts.size());
  EXPECT_TRUE(run.engine.active_alerts().empty());
}

TEST(Snapshot, AGroupWhoseAlertRowIsLostAlertsAgain) {
  auto rules = make_rules(kRules);
  EngineRun before(rules);
  for (int64_t t : {0, 1, 2}) before.lines(test_line(1'000'000 + t, "a"));
  ASSERT_EQ(before.events.size(), 1U);
  EngineChanges rows = before.engine.take_changes();
  rows.alerts.clear();
  EngineRun after(rules);
  EXPECT_EQ(after.engine.restore(rows), 0U);
  after.lines(test_line(1'000'003, "a"));
  ASSERT_EQ(after.events.size(), 1U);
  EXPECT_EQ(after.events[0].change, AlertChange::Opened);
  after.lines(test_line(1'100'000, "none"));
  EXPECT_EQ(after.events.back().change, AlertChange::Resolved);
}

TEST(Snapshot, OnlyWhatChangedIsWritten) {
  EngineRun run(make_rules(kRules));
  run.lines(test_line(1'000'000, "a", "p", ",\"f\":1") + test_line(1'000'001, "a", "q"));
  EXPECT_EQ(run.engine.take_changes().groups.size(), 4U) << "three of p, one of q";
  EXPECT_EQ(run.engine.take_changes().groups.size(), 0U);
  run.lines(test_line(1'000'002, "a", "q"));
  EXPECT_EQ(run.engine.take_changes().groups.size(), 1U);
  run.lines(test_line(2'000'000, "a", "r"));
  size_t erased = 0;
  for (const auto& row : run.engine.take_changes().groups) erased += row.erase;
  EXPECT_GT(erased, 0U) << "groups that expired leave the state file too";
}

TEST(Snapshot, AHitThatWaitsIsWrittenOnceAndErasedWhenItIsUsed) {
  const auto rules = make_rules(kRules);
  Rows rows;
  EngineRun run(rules, {.lateness = Duration(5'000)});
  run.lines(test_line(1'000'000, "a") + test_line(1'000'001, "a"));
  EngineChanges changes = run.engine.take_changes();
  EXPECT_EQ(changes.hits.size(), 3U) << "with what their numbers mean";
  rows.apply(changes);
  run.lines(test_line(1'000'002, "a"));
  changes = run.engine.take_changes();
  EXPECT_EQ(changes.hits.size(), 1U);
  rows.apply(changes);
  // Passes between two commits, and with it all that waited.
  run.lines(test_line(1'000'003, "a") + test_line(1'100'000, "none"));
  rows.apply(run.engine.take_changes());
  EXPECT_EQ(rows.hits.size(), 1U) << "what the numbers mean";
}

// As the first format had it: one row with everything that waits, places by the order of streams.
std::string first_meta(const RuleSet& rules, const EngineChanges& changes, int64_t newest) {
  std::string meta;
  put_bytes(meta, uint32_t{1});
  put_bytes(meta, newest - 5'000);
  put_bytes(meta, uint32_t{1});
  put_text(meta, "test");
  put_bytes(meta, true);
  put_bytes(meta, int64_t{5'000});
  put_bytes(meta, newest);
  put_bytes(meta, uint64_t{2});
  put_bytes(meta, uint32_t{0});
  put_bytes(meta, rules.fingerprint());
  put_bytes(meta, static_cast<uint32_t>(changes.hits.size() - 1));
  for (const EngineChanges::Row& row : changes.hits) {
    if (row.key != "rules") meta.append(row.value, 0, row.value.size() - sizeof(uint64_t));
  }
  constexpr std::string_view kKey = "meta";
  put_bytes(meta,
            XXH3_64bits_withSeed(meta.data(), meta.size(), XXH3_64bits(kKey.data(), kKey.size())));
  return meta;
}

TEST(Snapshot, AStateFileOfTheFirstFormatIsGoneOnFrom) {
  const auto rules = make_rules(kRules);
  EngineRun before(rules, {.lateness = Duration(5'000)});
  before.lines(test_line(1'000'000, "a") + test_line(1'000'001, "a"));
  const EngineChanges changes = before.engine.take_changes();
  EngineRun after(rules, {.streams = 0});
  EXPECT_EQ(after.engine.restore({.meta = first_meta(*rules, changes, 1'000'001)}), 0U);
  after.engine.add_stream(0, Duration(5'000));
  EXPECT_EQ(after.engine.stats().hits_pending, 2U);
  EXPECT_EQ(after.engine.take_changes().hits.size(), 3U) << "rows of their own from now on";
  after.lines(test_line(1'000'002, "a"));
  after.finish();
  ASSERT_FALSE(after.events.empty());
  EXPECT_EQ(after.events[0].alert.events, 3U);
}

// Under other rules its numbers would mean something else.
TEST(Snapshot, AHitThatIsPassedOverIsErased) {
  const auto rules = make_rules(kRules);
  EngineRun before(rules, {.lateness = Duration(5'000)});
  before.lines(test_line(1'000'000, "a") + test_line(1'000'001, "a"));
  Rows rows;
  rows.apply(before.engine.take_changes());
  rows.hits.begin()->second[0] ^= 1;
  EngineRun after(rules, {.streams = 0});
  EXPECT_EQ(after.engine.restore(rows.all()), 1U);
  rows.apply(after.engine.take_changes());
  EXPECT_EQ(rows.hits.size(), 2U) << "one, and what the numbers mean";
  EngineRun other(make_rules("title: B\nname: b\nlogsource: {product: test}\n"
                             "detection: {s: {e: b}, condition: s}\n"),
                  {.streams = 0});
  EXPECT_EQ(other.engine.restore({.hits = rows.all().hits}), 0U) << "nobody's any more";
  rows.apply(other.engine.take_changes());
  EXPECT_EQ(rows.hits.size(), 1U);
}

TEST(Snapshot, WaitingHitsOfASilentStreamAreReleasedByTheWallClockAfterARestart) {
  auto rules = make_rules(kRules);
  EngineOptions live{.live = true};
  EngineRun before(rules, {.engine = live, .lateness = Duration(5'000)});
  Timestamp start = timestamp_ms(9'000'000);
  for (int64_t t : {0, 1, 2}) before.lines(test_line(1'000'000 + t, "a"), 0, start);
  EXPECT_TRUE(before.events.empty());
  EngineRun after(rules, {.engine = live, .streams = 0});
  EXPECT_EQ(after.engine.restore(before.engine.take_changes()), 0U);
  after.engine.add_stream(0, Duration(5'000));
  after.engine.advance(start, after.events);
  EXPECT_TRUE(after.events.empty());
  after.engine.advance(start + Duration(6'000), after.events);
  ASSERT_EQ(after.events.size(), 1U);
  EXPECT_EQ(to_ms(after.events[0].alert.starts_at), 1'000'002);
}

// Its file was deleted meanwhile.
TEST(Snapshot, WhatWaitsIsNotForgottenWhenItsStreamIsGone) {
  const auto rules = make_rules(kRules);
  constexpr int64_t kLate = 7'200'000;  // by event time, of the second stream
  const Duration lateness(30'000);
  const EngineRun::Options live{.engine = {.live = true, .idle_timeout = Duration(5'000)},
                                .streams = 0};
  Rows rows;
  {
    EngineRun run(rules, live);
    run.engine.add_stream(0, lateness, 1);
    run.engine.add_stream(0, lateness, 2);
    run.lines(test_line(1'000'000, "a", "q"), 0, timestamp_ms(kLate));
    std::string burst;
    for (int64_t i = 0; i < 3; ++i) burst += test_line(kLate + i, "a", "p");
    run.lines(burst, 1, timestamp_ms(kLate));
    EXPECT_TRUE(run.events.empty());
    rows.apply(run.engine.take_changes());
  }
  for (int restarts = 0; restarts < 3; ++restarts) {
    EngineRun run(rules, live);
    EXPECT_EQ(run.engine.restore(rows.all()), 0U);
    run.engine.add_stream(0, lateness, 1);
    run.engine.advance(timestamp_ms(kLate), run.events);
    EXPECT_TRUE(run.events.empty()) << "more may come of that time";
    rows.apply(run.engine.take_changes());
    if (restarts < 2) continue;
    run.engine.advance(timestamp_ms(kLate + 40'000), run.events);
    ASSERT_FALSE(run.events.empty());
    EXPECT_EQ(run.events[0].change, AlertChange::Opened);
    EXPECT_EQ(run.events[0].alert.events, 3U);
  }
}

}  // namespace
}  // namespace picket
