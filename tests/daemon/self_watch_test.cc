// SelfWatch: each problem fires when it should, once, is updated, and resolves; also over a
// restart.
#include "daemon/self_watch.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/manual_clock.h"

namespace picket {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class SelfWatchTest : public testing::Test {
 protected:
  SelfWatchTest() {
    state_.sources = {{.name = "api", .type = "file"}};
    state_.engine.sources = {{.name = "api"}};
    state_.outputs = {{.name = "am"}};
    state_.dead_letter_file.kept = true;
    look();
  }

  std::vector<AlertEvent> look() {
    state_.published = clock_.now();
    return watch_.look(state_);
  }
  std::vector<AlertEvent> look_after(Duration time) {
    clock_.advance(time);
    return look();
  }
  void alert_when_silent() {
    options_.silent_after = {{"api", minutes(10)}};
    watch_ = SelfWatch(options_);
    look();
  }
  SourceSnapshot& source() { return state_.sources[0]; }
  void drop(uint64_t lines) {
    source().lines.read += lines;
    source().lines.dropped[static_cast<size_t>(LineDrop::Overload)] += lines;
  }

  SelfWatchOptions options_{.lag_bytes_max = 1000, .lag_age_max = minutes(5)};
  ManualClock clock_;
  Snapshot state_;
  SelfWatch watch_{options_};
};

struct Trouble {
  const char* alertname;
  bool at_once;
  std::function<void(Snapshot&)> begin;
  std::function<void(Snapshot&)> end = [](Snapshot&) {};
};

const std::vector<Trouble>& troubles() {
  static const std::vector<Trouble> kTroubles = {
      {"PicketBlindSpot", true,
       [](Snapshot& s) {
         s.sources[0].lines = {.read = 5, .dropped = {5, 0}};
       }},
      {"PicketInputGap", true, [](Snapshot& s) { s.sources[0].input.gaps = 1; }},
      {"PicketLedgerUnbalanced", true, [](Snapshot& s) { s.sources[0].lines.read = 1; },
       [](Snapshot& s) { s.sources[0].lines.read = 0; }},
      {"PicketInputBehind", false, [](Snapshot& s) { s.sources[0].input.lag_bytes_total = 1001; },
       [](Snapshot& s) { s.sources[0].input.lag_bytes_total = 0; }},
      {"PicketInputsApart", true, [](Snapshot& s) { s.engine.hits_released_early = 3; }},
      {"PicketInputFailing", false, [](Snapshot& s) { s.sources[0].input.last_error = "EACCES"; },
       [](Snapshot& s) { s.sources[0].input.last_error = ""; }},
      {"PicketStateFailing", false, [](Snapshot& s) { s.checkpoints.last_error = "disk full"; },
       [](Snapshot& s) { s.checkpoints.last_error = ""; }},
      {"PicketDeadLettersDropped", true, [](Snapshot& s) { s.dead_letter_file.dropped = 3; }},
      {"PicketOutputFailing", false, [](Snapshot& s) { s.outputs[0].last_error = "refused"; },
       [](Snapshot& s) { s.outputs[0].last_error = ""; }},
  };
  return kTroubles;
}

std::string label(const Alert& alert, std::string_view name) {
  for (const auto& [key, value] : alert.labels) {
    if (key == name) return value;
  }
  return {};
}

TEST_F(SelfWatchTest, NothingIsSaidWhileAllIsWell) {
  for (int i = 0; i < 100; ++i) {
    source().input.bytes_read += 1;
    EXPECT_TRUE(look_after(seconds(5)).empty());
  }
  EXPECT_TRUE(watch_.open().empty());
}

TEST_F(SelfWatchTest, EachTroubleFiresOnceAndResolvesWhenItIsOver) {
  for (const Trouble& trouble : troubles()) {
    SCOPED_TRACE(trouble.alertname);
    const Snapshot well = state_;
    trouble.begin(state_);
    std::vector<AlertEvent> events = look_after(seconds(1));
    if (!trouble.at_once) {
      EXPECT_TRUE(events.empty()) << "it may pass by itself";
      EXPECT_TRUE(look_after(seconds(29)).empty());
      events = look_after(seconds(1));
    }
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].change, AlertChange::Opened);
    EXPECT_EQ(label(events[0].alert, "alertname"), trouble.alertname);
    EXPECT_EQ(watch_.open().size(), 1u);
    EXPECT_TRUE(look_after(seconds(1)).empty()) << "told already";
    trouble.end(state_);
    EXPECT_TRUE(look_after(seconds(1)).empty());
    EXPECT_TRUE(look_after(seconds(57)).empty()) << "it may come back";
    std::vector<AlertEvent> over = look_after(seconds(3));
    ASSERT_EQ(over.size(), 1u);
    EXPECT_EQ(over[0].change, AlertChange::Resolved);
    EXPECT_EQ(over[0].alert.id, events[0].alert.id);
    EXPECT_EQ(over[0].alert.status, AlertStatus::Resolved);
    EXPECT_EQ(over[0].alert.ends_at, clock_.now());
    EXPECT_TRUE(watch_.open().empty());
    state_ = well;
    look();
  }
}

TEST_F(SelfWatchTest, WhatPassesByItselfIsNotTold) {
  for (const Trouble& trouble : troubles()) {
    if (trouble.at_once) continue;
    for (int i = 0; i < 10; ++i) {
      trouble.begin(state_);
      EXPECT_TRUE(look_after(seconds(1)).empty());
      EXPECT_TRUE(look_after(seconds(28)).empty());
      trouble.end(state_);
      EXPECT_TRUE(look_after(seconds(1)).empty());
    }
  }
}

TEST_F(SelfWatchTest, AlertHasTheShapeOfAllOthers) {
  drop(3);
  const std::vector<AlertEvent> events = look();
  ASSERT_EQ(events.size(), 1u);
  const std::string json = to_json(events[0].alert);
  EXPECT_NE(json.find("\"status\":\"firing\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"verdict\":null"), std::string::npos) << json;
  EXPECT_NE(json.find("\"labels\":{\"alertname\":\"PicketBlindSpot\",\"severity\":\"high\","
                      "\"source\":\"api\"}"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"events\":3"), std::string::npos) << json;
  EXPECT_NE(json.find("/picket_itself.md\""), std::string::npos) << json;
}

TEST_F(SelfWatchTest, WhileItGoesOnItIsUpdatedOnceAMinute) {
  drop(1);
  ASSERT_EQ(look().size(), 1u);
  size_t updates = 0;
  for (int second = 1; second <= 300; ++second) {
    drop(1);
    source().input.bytes_read += 1;
    for (const AlertEvent& event : look_after(seconds(1))) {
      EXPECT_EQ(event.change, AlertChange::Updated);
      EXPECT_EQ(event.alert.events, static_cast<uint64_t>(second + 1));
      ++updates;
    }
  }
  EXPECT_EQ(updates, 5u);
}

TEST_F(SelfWatchTest, SilenceBeginsWhenNothingComesAndEndsWithTheNextByte) {
  alert_when_silent();
  EXPECT_TRUE(look_after(minutes(9)).empty());
  source().input.bytes_read = 1;
  EXPECT_TRUE(look_after(minutes(1)).empty());
  EXPECT_TRUE(look_after(minutes(9)).empty());
  EXPECT_TRUE(look_after(minutes(1)).empty()) << "silent, but perhaps only for a moment more";
  const std::vector<AlertEvent> events = look_after(seconds(30));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(label(events[0].alert, "alertname"), "PicketInputSilent");
  source().input.bytes_read = 2;
  EXPECT_TRUE(look_after(seconds(1)).empty());
  const std::vector<AlertEvent> over = look_after(minutes(1));
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(over[0].change, AlertChange::Resolved);
}

TEST_F(SelfWatchTest, AnInputWithoutABoundMayBeSilent) {
  EXPECT_TRUE(look_after(std::chrono::hours(100)).empty());
}

TEST_F(SelfWatchTest, AFewOldBytesAreBehindAlthoughTheyAreFew) {
  source().input = {.bytes_read = 100, .lag_bytes_total = 10};
  look();
  const Timestamp since = clock_.now();
  std::vector<AlertEvent> events;
  for (int i = 0; i < 33 && events.empty(); ++i) {
    source().input.lag_bytes_total += 1;  // written on, never read
    events = look_after(seconds(10));
  }
  ASSERT_EQ(watch_.unread_since("api"), since);
  ASSERT_EQ(events.size(), 0u);
  for (int i = 0; i < 3 && events.empty(); ++i) events = look_after(seconds(10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(label(events[0].alert, "alertname"), "PicketInputBehind");
}

TEST_F(SelfWatchTest, ABusyInputThatKeepsUpIsNotBehind) {
  for (int i = 0; i < 1000; ++i) {
    // There is always something unread, but never the same.
    source().input.bytes_read += 100;
    source().input.lag_bytes_total = 100;
    EXPECT_TRUE(look_after(seconds(2)).empty());
    const auto since = watch_.unread_since("api");
    ASSERT_TRUE(since.has_value());
    EXPECT_LE(clock_.now() - *since, seconds(12));
  }
}

TEST_F(SelfWatchTest, WhatWasTruncatedDoesNotWaitAnyMore) {
  source().input = {.bytes_read = 100, .lag_bytes_total = 900};
  look();
  source().input = {.bytes_read = 100, .lag_bytes_total = 0};
  look_after(minutes(4));
  EXPECT_FALSE(watch_.unread_since("api").has_value());
  source().input = {.bytes_read = 100, .lag_bytes_total = 50};
  look_after(minutes(1));
  EXPECT_EQ(watch_.unread_since("api"), clock_.now());
}

TEST_F(SelfWatchTest, ARestartNeitherRepeatsNorForgets) {
  state_.checkpoints.last_error = "disk full";
  look();
  drop(7);
  ASSERT_EQ(look_after(seconds(30)).size(), 2u);
  const std::vector<Alert> open = watch_.open();
  ASSERT_EQ(open.size(), 2u);

  watch_ = SelfWatch(options_);
  watch_.restore(open);
  source() = {.name = "api", .type = "file"};  // counters begin anew
  clock_.advance(minutes(30));
  std::vector<AlertEvent> events = look();
  for (const AlertEvent& event : events) EXPECT_EQ(event.change, AlertChange::Updated);
  EXPECT_EQ(watch_.open().size(), 2u);
  // The disk is full still; no more lines were dropped.
  std::vector<AlertEvent> resolved;
  for (int i = 0; i < 120; ++i) {
    for (AlertEvent& event : look_after(seconds(1))) {
      if (event.change == AlertChange::Resolved)
        resolved.push_back(std::move(event));
      else
        EXPECT_EQ(event.change, AlertChange::Updated);
    }
  }
  ASSERT_EQ(resolved.size(), 1u);
  EXPECT_EQ(label(resolved[0].alert, "alertname"), "PicketBlindSpot");
  EXPECT_EQ(watch_.open().size(), 1u);
}

TEST_F(SelfWatchTest, ASilentInputIsStillSilentAfterARestart) {
  alert_when_silent();
  look_after(minutes(10));
  ASSERT_EQ(look_after(seconds(30)).size(), 1u);
  const std::vector<Alert> open = watch_.open();
  watch_ = SelfWatch(options_);
  watch_.restore(open);
  for (int i = 0; i < 300; ++i) {
    for (const AlertEvent& event : look_after(seconds(1))) {
      EXPECT_EQ(event.change, AlertChange::Updated);
    }
  }
}

TEST_F(SelfWatchTest, WhatIsGoneFromTheConfigurationResolves) {
  drop(1);
  ASSERT_EQ(look().size(), 1u);
  state_.sources.clear();
  EXPECT_TRUE(look_after(seconds(59)).empty());
  const std::vector<AlertEvent> over = look_after(seconds(1));
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(over[0].change, AlertChange::Resolved);
}

TEST_F(SelfWatchTest, DeadLettersThatNobodyWantsKeptAreNoTrouble) {
  state_.dead_letter_file = {.dropped = 100, .kept = false};
  EXPECT_TRUE(look_after(seconds(1)).empty());
}

TEST_F(SelfWatchTest, AClockThatIsSetBackHoldsNothingUp) {
  state_.checkpoints.last_error = "disk full";
  look();
  clock_.set_wall(clock_.now() - std::chrono::hours(5));
  look();
  EXPECT_EQ(look_after(seconds(30)).size(), 1u);
  clock_.set_wall(clock_.now() - std::chrono::hours(5));
  state_.checkpoints.last_error = "";
  look();
  EXPECT_EQ(look_after(minutes(1)).size(), 1u);
}

}  // namespace
}  // namespace picket
