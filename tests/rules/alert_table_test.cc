#include "rules/alert_table.h"
#include "rules/cooldowns.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

ActiveAlert alert_of(uint64_t id, int64_t starts, int64_t due) {
  ActiveAlert active;
  active.key = {1, 2, id};
  active.due = timestamp_ms(due);
  active.alert.id = "alert-" + std::to_string(id);
  active.alert.starts_at = timestamp_ms(starts);
  return active;
}

TEST(AlertTable, OpensFindsAndEndsInOrderOfTheirEnd) {
  AlertTable table;
  table.open(alert_of(1, 10, 300));
  table.open(alert_of(2, 20, 100));
  table.open(alert_of(3, 30, 200));
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.find({1, 2, 2})->alert.id, "alert-2");
  EXPECT_EQ(table.find({1, 2, 9}), nullptr);
  EXPECT_FALSE(table.take_due(timestamp_ms(100))) << "the watermark must pass it";
  EXPECT_EQ(table.take_due(timestamp_ms(301))->alert.id, "alert-2");
  EXPECT_EQ(table.take_due(timestamp_ms(301))->alert.id, "alert-3");
  EXPECT_EQ(table.take_due(timestamp_ms(301))->alert.id, "alert-1");
  EXPECT_FALSE(table.take_due(timestamp_ms(301)));
  EXPECT_EQ(table.size(), 0U);
}

TEST(AlertTable, ExtendingMovesTheEndForwardsOnly) {
  AlertTable table;
  ActiveAlert& active = table.open(alert_of(1, 0, 100));
  table.extend(active, timestamp_ms(200));
  EXPECT_FALSE(table.take_due(timestamp_ms(150)));
  table.extend(active, timestamp_ms(50));  // a late event
  EXPECT_FALSE(table.take_due(timestamp_ms(200)));
  std::optional<ActiveAlert> ended = table.take_due(timestamp_ms(201));
  ASSERT_TRUE(ended);
  EXPECT_EQ(to_ms(ended->due), 200);
  EXPECT_FALSE(table.take_due(timestamp_ms(1'000))) << "only once";
}

TEST(AlertTable, TheLeastIsOfTheLowestRankAndEndsFirst) {
  AlertTable table;
  EXPECT_EQ(table.least(), nullptr);
  const std::pair<uint64_t, uint8_t> ranks[] = {{5, 2}, {6, 1}, {7, 1}, {1, 3}};
  for (const auto& [due, rank] : ranks) {
    ActiveAlert alert;
    alert.key = {1, 2, due};
    alert.due = timestamp_ms(static_cast<int64_t>(due));
    alert.rank = rank;
    table.open(std::move(alert));
  }
  EXPECT_EQ(table.least()->key.low, 6U);
  table.set_rank(*table.least(), 5);
  EXPECT_EQ(table.least()->key.low, 7U);
  table.extend(*table.find({1, 2, 7}), timestamp_ms(100));
  EXPECT_EQ(table.take({1, 2, 7}).due, timestamp_ms(100));
  std::string order;
  while (auto ended = table.take_due(timestamp_ms(1'000))) {
    order += std::to_string(ended->key.low) + " ";
  }
  EXPECT_EQ(order, "1 5 6 ") << "by their end, whatever the rank";
}

TEST(Cooldowns, BlockUntilTheirEndAndAreBounded) {
  Cooldowns cooling;
  const GroupKey key{1, 2, 3};
  EXPECT_TRUE(cooling.add(key, timestamp_ms(10)));
  EXPECT_TRUE(cooling.blocks(key, timestamp_ms(9)));
  EXPECT_FALSE(cooling.blocks(key, timestamp_ms(10)));
  EXPECT_TRUE(cooling.add(key, timestamp_ms(20)));
  cooling.forget_before(timestamp_ms(15));
  EXPECT_TRUE(cooling.blocks(key, timestamp_ms(15)));
  for (uint64_t i = 0; i + 1 < Cooldowns::kMax; ++i) {
    ASSERT_TRUE(cooling.add({2, 2, i}, timestamp_ms(1'000)));
  }
  EXPECT_FALSE(cooling.add({3, 3, 3}, timestamp_ms(1'000)));
  EXPECT_EQ(cooling.all().size(), Cooldowns::kMax);
  EXPECT_FALSE(cooling.blocks(key, timestamp_ms(15))) << "it would have ended first";
  cooling.forget_before(timestamp_ms(1'001));
  EXPECT_TRUE(cooling.all().empty());
}

TEST(AlertTable, TheSnapshotIsSortedAndLeavesShadowsOut) {
  AlertTable table;
  table.open(alert_of(3, 20, 100));
  table.open(alert_of(2, 20, 100));
  table.open(alert_of(1, 30, 100));
  ActiveAlert shadow = alert_of(4, 0, 100);
  shadow.shadow = true;
  table.open(std::move(shadow));
  std::vector<std::string> ids;
  for (const Alert& alert : table.snapshot()) ids.push_back(alert.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"alert-2", "alert-3", "alert-1"}));
}

ActiveAlert full_alert() {
  ActiveAlert active = alert_of(7, 1'000, 5'000);
  active.escalated = 2;
  active.shadow = true;
  active.emitted = timestamp_ms(1'500);
  Alert& alert = active.alert;
  alert.severity = Level::High;
  alert.verdict = Verdict::BoundaryTesting;
  alert.updated_at = timestamp_ms(2'000);
  alert.events = 9;
  alert.measure.distinct = 4;
  alert.measure.score = 4.25;
  alert.causes = {{"a", 3}, {"b", 6}};
  alert.labels = {{"alertname", "X"}, {"who", "w"}};
  alert.annotations = {{"summary", "text"}};
  alert.evidence = {{.time = timestamp_ms(1'000), .request_id = "r", .status = "403"}};
  return active;
}

TEST(AlertTable, EncodingKeepsEverythingThatTheRuleDoesNotSay) {
  const ActiveAlert before = full_alert();
  std::optional<ActiveAlert> after = AlertTable::decode(AlertTable::encode(before));
  ASSERT_TRUE(after);
  EXPECT_EQ(to_json(after->alert), to_json(before.alert));
  EXPECT_EQ(after->key, before.key);
  EXPECT_EQ(after->due, before.due);
  EXPECT_EQ(after->emitted, before.emitted);
  EXPECT_EQ(after->escalated, 2U);
  EXPECT_TRUE(after->shadow);
  EXPECT_FALSE(after->alert.measure.false_alarm);
}

TEST(AlertTable, DamagedBytesAreRefusedOrHarmless) {
  const std::string good = AlertTable::encode(full_alert());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(AlertTable::decode(std::string_view(good).substr(0, size))) << size;
  }
  EXPECT_FALSE(AlertTable::decode(good + "x"));
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      (void)AlertTable::decode(damaged);  // any answer, but within bounds
    }
  }
}

}  // namespace
}  // namespace picket
