// Who stays in memory: the byte budget, eviction, expiry and what the state file hears of.
#include "rules/group_table.h"

#include <gtest/gtest.h>

#include <random>

namespace picket {
namespace {

class FakeState final : public GroupState {
 public:
  size_t bytes() const override { return 100; }
  void encode(std::string&) const override {}
  bool decode(std::string_view) override { return true; }
};

GroupKey key_of(uint64_t id) { return {1, id * 0x9E3779B97F4A7C15, id}; }

// A hit of group `id`; false when the table turned it away.
bool hit(GroupTable& table, uint64_t id, double progress, Timestamp time = timestamp_ms(0)) {
  Group* group = table.find_or_add(key_of(id), [] { return std::make_unique<FakeState>(); });
  if (!group) return false;
  group->last = time;
  group->dossier.add({.time = time, .cause = "cause"}, 4);
  table.touch(*group, progress, group->dossier.events);
  return true;
}

TEST(GroupTable, KeepsToItsBudget) {
  constexpr size_t kBudget = 64 << 10;
  GroupTable table(kBudget, false);
  std::mt19937_64 random(1);
  for (int i = 0; i < 50'000; ++i) {
    hit(table, random() % 5'000, static_cast<double>(random() % 9) / 10.0);
    ASSERT_LE(table.stats().bytes, kBudget);
  }
  GroupStats stats = table.stats();
  EXPECT_GT(stats.groups, 20U);
  EXPECT_GT(stats.evictions, 0U);
  EXPECT_EQ(stats.bytes_max, kBudget);
}

TEST(GroupTable, InventedKeysCannotPushOutASuspect) {
  GroupTable table(256 << 10, false);
  for (uint64_t id = 1; id <= 40; ++id) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(hit(table, id, 0.6));
  }
  for (uint64_t id = 1'000; id < 301'000; ++id) hit(table, id, 0.2);
  for (uint64_t id = 1; id <= 40; ++id) {
    Group* group = table.find(key_of(id));
    ASSERT_NE(group, nullptr) << id;
    EXPECT_EQ(group->dossier.events, 3U) << id;
  }
  EXPECT_GT(table.stats().evictions, 290'000U);
}

// Groups 1, 2, ... with two hits each, until the table is full. Returns the number tried.
uint64_t fill(GroupTable& table, double progress) {
  uint64_t id = 0;
  while (table.stats().evictions + table.stats().refused == 0 && id < 10'000) {
    ++id;
    for (int i = 0; i < 2; ++i) hit(table, id, progress);
  }
  return id;
}

TEST(GroupTable, SingleHitsNeverCostAGroupWithMoreItsPlace) {
  GroupTable table(32 << 10, false);
  const uint64_t tried = fill(table, 0.4);
  std::vector<uint64_t> kept;
  for (uint64_t id = 1; id <= tried; ++id) {
    Group* group = table.find(key_of(id));
    if (group && group->dossier.events > 1) kept.push_back(id);
  }
  ASSERT_GT(kept.size(), 10U);
  for (uint64_t id = 100'000; id < 110'000; ++id) hit(table, id, 0.4);
  for (uint64_t id : kept) EXPECT_NE(table.find(key_of(id)), nullptr) << id;
  EXPECT_LE(table.stats().bytes, table.stats().bytes_max);
  EXPECT_GT(table.stats().refused + table.stats().evictions, 9'000U) << "counted either way";
}

TEST(GroupTable, AGrowingGroupCostsTheLeastSuspiciousTheirPlace) {
  GroupTable table(32 << 10, false);
  ASSERT_TRUE(hit(table, 99'999, 0.9));
  ASSERT_TRUE(hit(table, 99'999, 0.9));
  const uint64_t tried = fill(table, 0.1);
  Group* group = table.find(key_of(tried - 1));
  ASSERT_NE(group, nullptr);
  for (int i = 0; i < 10; ++i) {
    group->dossier.add({.request_id = std::string(1'000, 'r'), .cause = "c"}, 10);
  }
  table.touch(*group, 0.1, group->dossier.events);
  EXPECT_NE(table.find(key_of(tried - 1)), nullptr) << "not the group itself";
  EXPECT_NE(table.find(key_of(99'999)), nullptr) << "nearly there: goes last";
  EXPECT_EQ(table.find(key_of(2)), nullptr) << "the longest quiet of the others";
  EXPECT_LE(table.stats().bytes, table.stats().bytes_max);
}

TEST(GroupTable, FiringGroupsAreNeverDropped) {
  GroupTable table(16 << 10, false);
  for (uint64_t id = 1; id <= 200; ++id) {
    hit(table, id, 1.0);
    if (Group* group = table.find(key_of(id))) group->firing = true;
  }
  uint64_t kept = table.stats().groups;
  for (uint64_t id = 1'000; id < 3'000; ++id) hit(table, id, 0.5);
  for (uint64_t id = 1; id <= kept; ++id) EXPECT_NE(table.find(key_of(id)), nullptr) << id;
}

TEST(GroupTable, ExpiresTheLongestQuietFirstAndAFewPerCall) {
  GroupTable table(1 << 20, false);
  for (uint64_t id = 0; id < 20; ++id) {
    hit(table, id, 0.2, timestamp_ms(static_cast<int64_t>(id)));
  }
  auto before = [](int64_t ms) { return [ms](const Group&) { return timestamp_ms(ms); }; };
  table.expire(before(0));
  EXPECT_EQ(table.stats().groups, 20U);
  table.expire(before(10));
  EXPECT_LT(table.stats().groups, 20U);
  EXPECT_GE(table.stats().groups, 10U) << "bounded work per call";
  for (int i = 0; i < 10; ++i) table.expire(before(10));
  EXPECT_EQ(table.stats().groups, 10U);
  EXPECT_EQ(table.find(key_of(9)), nullptr);
  EXPECT_NE(table.find(key_of(10)), nullptr);
  table.find(key_of(10))->firing = true;
  for (int i = 0; i < 20; ++i) table.expire(before(100));
  EXPECT_NE(table.find(key_of(10)), nullptr) << "firing groups stay";
}

TEST(GroupTable, TellsWhatChangedOnceAndWhatIsGone) {
  GroupTable table(1 << 20, true);
  hit(table, 1, 0.2);
  hit(table, 1, 0.2);
  hit(table, 2, 0.2);
  GroupTable::Changes changes = table.take_changes();
  EXPECT_EQ(changes.changed.size(), 2U);
  EXPECT_TRUE(changes.erased.empty());
  EXPECT_TRUE(table.take_changes().changed.empty());
  hit(table, 3, 0.2);
  table.erase(key_of(3));  // came and went: the state file never knew it
  table.erase(key_of(1));
  changes = table.take_changes();
  EXPECT_TRUE(changes.changed.empty());
  ASSERT_EQ(changes.erased.size(), 1U);
  EXPECT_EQ(changes.erased[0], key_of(1));
  table.erase(key_of(2));  // gone and back: erased, then written
  hit(table, 2, 0.2);
  changes = table.take_changes();
  ASSERT_EQ(changes.changed.size(), 1U);
  EXPECT_EQ(changes.changed[0]->key, key_of(2));
  EXPECT_EQ(changes.erased.size(), 1U);
}

TEST(GroupKey, ToBytesAndBack) {
  GroupKey key{1, 2, 3};
  EXPECT_EQ(GroupKey::decode(key.encode()), key);
  EXPECT_FALSE(GroupKey::decode(key.encode() + "x"));
  EXPECT_FALSE(GroupKey::decode("short"));
}

TEST(Dossier, KeepsTheFirstAndTheLastEvents) {
  Dossier dossier;
  for (int i = 0; i < 20; ++i) {
    dossier.add({.request_id = std::to_string(i), .cause = i % 3 == 0 ? "x" : "y"}, 5);
  }
  EXPECT_EQ(dossier.events, 20U);
  std::vector<std::string> ids;
  for (const auto* items : {&dossier.first, &dossier.last}) {
    for (const EvidenceItem& item : *items) ids.push_back(item.request_id);
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"0", "1", "2", "18", "19"}));
  std::vector<std::pair<std::string, uint64_t>> causes = {{"x", 7}, {"y", 13}};
  EXPECT_EQ(dossier.causes, causes);
  std::string bytes;
  dossier.encode(bytes);
  Dossier again;
  std::string_view in = bytes;
  ASSERT_TRUE(again.decode(in));
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(again.causes, causes);
  EXPECT_EQ(again.last.back().request_id, "19");
}

TEST(Dossier, IsBounded) {
  Dossier dossier;
  for (int i = 0; i < 1'000; ++i) dossier.add({.cause = "c" + std::to_string(i)}, 0);
  EXPECT_EQ(dossier.events, 1'000U);
  EXPECT_EQ(dossier.causes.size(), Dossier::kCausesMax);
  EXPECT_TRUE(dossier.first.empty() && dossier.last.empty());
}

}  // namespace
}  // namespace picket
