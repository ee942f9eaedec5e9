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

EvidenceView evidence(std::string_view request_id = "") {
  return {.texts = {request_id, "", "", "", "", "cause", ""}};
}

// A hit of group `id`, each of which brings it `step` nearer to an alert; false when the table did
// not keep it.
bool hit(GroupTable& table, uint64_t id, double step, Timestamp time = timestamp_ms(0)) {
  Group* group = table.find_or_add(key_of(id), [] { return std::make_unique<FakeState>(); });
  group->last = time;
  group->dossier.add(evidence(), 4);
  const uint64_t hits = group->dossier.events();
  table.touch(*group, step * static_cast<double>(hits), hits);
  return table.find(key_of(id)) != nullptr;
}

uint64_t events(GroupTable& table, uint64_t id) {
  Group* group = table.find(key_of(id));
  return group ? group->dossier.events() : 0;
}

// Groups 1, 2, ... with `hits` hits each until the table is full. Returns how many are in it.
uint64_t fill(GroupTable& table, uint64_t hits, double step) {
  for (uint64_t id = 1;; ++id) {
    for (uint64_t i = 0; i < hits; ++i) hit(table, id, step);
    if (table.stats().evictions + table.stats().refused > 0) return table.stats().groups;
  }
}

uint64_t kept(GroupTable& table, uint64_t groups) {
  uint64_t count = 0;
  for (uint64_t id = 1; id <= groups; ++id) count += table.find(key_of(id)) != nullptr;
  return count;
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
  for (uint64_t hits_each : {1, 2, 3}) {
    GroupTable table(256 << 10, false);
    for (uint64_t id = 1; id <= 40; ++id) {
      for (int i = 0; i < 4; ++i) ASSERT_TRUE(hit(table, id, 1 / 6.0));
    }
    for (uint64_t id = 1'000; id < 101'000; ++id) {
      for (uint64_t i = 0; i < hits_each; ++i) hit(table, id, 1 / 6.0);
    }
    for (uint64_t id = 1; id <= 40; ++id) EXPECT_EQ(events(table, id), 4U) << id;
    EXPECT_GT(table.stats().evictions + table.stats().refused, 90'000U);
    EXPECT_LE(table.stats().bytes, table.stats().bytes_max);
  }
}

TEST(GroupTable, EqualsKeepTheirPlace) {
  for (uint64_t hits_each : {1, 2, 3, 5}) {
    GroupTable table(64 << 10, false);
    const uint64_t full = fill(table, hits_each, 0.001);
    ASSERT_GT(full, 20U);
    for (uint64_t id = 100'000; id < 103'000; ++id) {
      for (uint64_t i = 0; i < hits_each; ++i) hit(table, id, 0.001);
    }
    EXPECT_GE(kept(table, full + 1), full - 1) << "with as many hits as the others";
  }
}

TEST(GroupTable, AReturningNewcomerGetsTheRankOfItsHits) {
  GroupTable table(64 << 10, false);
  const uint64_t full = fill(table, 3, 0.1);
  const uint64_t before = table.stats().approximated;
  for (int i = 1; i <= 3; ++i) EXPECT_FALSE(hit(table, 99'999, 0.1)) << i;
  EXPECT_TRUE(hit(table, 99'999, 0.1)) << "its fourth hit: more than the others have";
  EXPECT_EQ(events(table, 99'999), 1U);
  EXPECT_EQ(table.stats().approximated, before + 1);
  for (uint64_t id = 200'000; id < 210'000; ++id) {
    for (int i = 0; i < 3; ++i) hit(table, id, 0.1);
  }
  EXPECT_TRUE(hit(table, 99'999, 0.1));
  EXPECT_EQ(events(table, 99'999), 2U) << "it kept its place";
  EXPECT_GE(kept(table, full + 1), full - 2);
}

TEST(GroupTable, CheapHitsDoNotDisplaceWhoIsNearerToAnAlert) {
  GroupTable table(64 << 10, false);
  const uint64_t full = fill(table, 4, 0.2);
  for (uint64_t id = 100'000; id < 110'000; ++id) {
    for (int i = 0; i < 3; ++i) hit(table, id, 0.2);
  }
  EXPECT_GE(kept(table, full + 1), full - 1);
}

TEST(GroupTable, WhatHoldsAtOnceIsJudgedThoughMemoryIsFull) {
  GroupTable table(64 << 10, false);
  fill(table, 1, 0.1);
  EXPECT_TRUE(hit(table, 77'777, 1.0));
}

TEST(GroupTable, WhoGaveWayReturnsAheadOfNewcomers) {
  GroupTable table(64 << 10, false);
  const uint64_t full = fill(table, 2, 0.05);
  for (uint64_t id = 50'000; id < 50'000 + full; ++id) {
    for (int i = 0; i < 5; ++i) hit(table, id, 0.1);
  }
  ASSERT_EQ(kept(table, full), 0U);
  ASSERT_GT(table.stats().evictions, full - 2);
  hit(table, 1, 0.1);
  Group* group = table.find(key_of(1));
  EXPECT_TRUE(group == nullptr || group->place.unseen == 2) << "two hits are remembered";
  for (int i = 0; i < 4 && table.find(key_of(1)) == nullptr; ++i) hit(table, 1, 0.1);
  EXPECT_NE(table.find(key_of(1)), nullptr);
}

TEST(GroupTable, AGrowingGroupCostsTheLeastSuspiciousTheirPlace) {
  GroupTable table(64 << 10, false);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(hit(table, 99'999, 0.45));
  const uint64_t full = fill(table, 2, 0.03);
  ASSERT_TRUE(hit(table, full - 1, 0.03));
  Group* group = table.find(key_of(full - 1));
  ASSERT_NE(group, nullptr);
  for (int i = 0; i < 10; ++i) group->dossier.add(evidence(std::string(1'000, 'r')), 10);
  table.touch(*group, 0.1, 3);
  EXPECT_NE(table.find(key_of(full - 1)), nullptr) << "not the group itself";
  EXPECT_NE(table.find(key_of(99'999)), nullptr) << "nearly there: goes last";
  EXPECT_EQ(table.find(key_of(1)), nullptr) << "the longest quiet of the others";
  EXPECT_LE(table.stats().bytes, table.stats().bytes_max);
}

TEST(GroupTable, OfEqualsTheLongestQuietGoesFirst) {
  GroupTable table(64 << 10, false);
  const uint64_t full = fill(table, 10, 0.001);
  for (int i = 0; i < 4; ++i) hit(table, 40'000, 0.25);  // the table looks who took hits until here
  std::vector<uint64_t> active;
  uint64_t quiet = 0;
  for (uint64_t id = 1; id <= full; ++id) {
    if (events(table, id) != 10) continue;
    if (id % 2 == 0 && hit(table, id, 0.001)) active.push_back(id);
    quiet += id % 2;
  }
  ASSERT_GT(active.size(), 5U);
  for (uint64_t id = 50'000; id < 50'000 + quiet / 2; ++id) {
    for (int i = 0; i < 4; ++i) hit(table, id, 0.25);
  }
  for (uint64_t id : active) EXPECT_EQ(events(table, id), 11U) << id;
}

TEST(GroupTable, FiringGroupsAreNeverDropped) {
  GroupTable table(16 << 10, false);
  for (uint64_t id = 1; id <= 200; ++id) {
    Group* group = table.find_or_add(key_of(id), [] { return std::make_unique<FakeState>(); });
    group->firing = true;
    table.touch(*group, 1.0, 1);
  }
  for (uint64_t id = 1'000; id < 3'000; ++id) hit(table, id, 0.5);
  EXPECT_EQ(kept(table, 200), 200U);
  EXPECT_EQ(table.stats().groups, 200U) << "there is no room for others";
}

auto memory_of(int64_t ms) {
  return [ms](const Group&) { return Duration(ms); };
}
bool never(const Group&) { return false; }

TEST(GroupTable, ExpiresWhoWasQuietAFewPerCall) {
  GroupTable table(1 << 20, false);
  for (uint64_t id = 0; id < 20; ++id) {
    hit(table, id, 0.2, timestamp_ms(static_cast<int64_t>(id)));
  }
  auto pass = [&](int64_t now) {
    for (int i = 0; i < 20; ++i) table.expire(timestamp_ms(now), memory_of(100), never);
  };
  pass(100);
  EXPECT_EQ(table.stats().groups, 20U);
  table.expire(timestamp_ms(110), memory_of(100), never);
  EXPECT_GE(table.stats().groups, 16U) << "bounded work per call";
  pass(110);
  EXPECT_EQ(table.stats().groups, 10U);
  EXPECT_EQ(table.find(key_of(9)), nullptr);
  EXPECT_NE(table.find(key_of(10)), nullptr);
  table.find(key_of(10))->firing = true;
  auto waits = [](const Group& group) { return group.key == key_of(11); };
  for (int i = 0; i < 20; ++i) table.expire(timestamp_ms(999), memory_of(100), waits);
  EXPECT_NE(table.find(key_of(10)), nullptr) << "firing groups stay";
  EXPECT_NE(table.find(key_of(11)), nullptr) << "so do those that wait for a moment";
  EXPECT_EQ(table.stats().groups, 2U);
}

TEST(GroupTable, WhoWasQuietForHalfItsTimeCountsForHalf) {
  GroupTable table(64 << 10, false);
  const uint64_t full = fill(table, 5, 0.1);
  for (int i = 0; i < 500; ++i) table.expire(timestamp_ms(50), memory_of(100), never);
  EXPECT_FALSE(hit(table, 99'999, 0.1)) << "not yet";
  for (int i = 0; i < 2'000; ++i) table.expire(timestamp_ms(51), memory_of(100), never);
  ASSERT_GE(kept(table, full + 1), full - 1) << "they are there";
  uint64_t admitted = 0;
  for (uint64_t id = 50'000; id < 50'010; ++id) {
    for (int i = 0; i < 4; ++i) hit(table, id, 0.1, timestamp_ms(51));
    admitted += table.find(key_of(id)) != nullptr;
  }
  EXPECT_EQ(admitted, 10U) << "who is three quarters there and active comes first";
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

}  // namespace
}  // namespace picket
