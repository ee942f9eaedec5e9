#include "rules/reorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <tuple>
#include <vector>

namespace picket {
namespace {

PendingHit hit(int64_t key, uint32_t place, uint64_t order) {
  return {timestamp_ms(key), timestamp_ms(key - 1), place, order, std::to_string(order)};
}

TEST(ReorderBuffer, GivesKeyThenPlaceThenLineOrder) {
  std::mt19937_64 random(1);
  ReorderBuffer buffer;
  std::vector<std::tuple<int64_t, uint32_t, uint64_t>> expected;
  for (uint64_t i = 0; i < 500; ++i) {
    auto key = static_cast<int64_t>(random() % 20);
    auto place = static_cast<uint32_t>(random() % 3);
    expected.emplace_back(key, place, i);
    buffer.push(hit(key, place, i));
  }
  EXPECT_EQ(buffer.size(), 500U);
  std::sort(expected.begin(), expected.end());
  for (const auto& [key, place, order] : expected) {
    ASSERT_FALSE(buffer.empty());
    ASSERT_EQ(to_ms(buffer.first_key()), key);
    PendingHit next;
    buffer.pop(next);
    ASSERT_EQ(std::tie(next.place, next.order), std::tie(place, order));
    ASSERT_EQ(next.record, std::to_string(order));
    ASSERT_EQ(to_ms(next.time), key - 1);
  }
  EXPECT_TRUE(buffer.empty());
}

TEST(ReorderBuffer, TakesNewHitsWhileOthersWait) {
  ReorderBuffer buffer;
  buffer.push(hit(10, 0, 0));
  buffer.push(hit(20, 0, 1));
  PendingHit next;
  buffer.pop(next);
  EXPECT_EQ(next.order, 0U);
  buffer.push(hit(15, 0, 2));
  buffer.pop(next);
  EXPECT_EQ(next.order, 2U);
  buffer.pop(next);
  EXPECT_EQ(next.order, 1U);
}

using SavedRows = std::map<uint32_t, PendingHit>;

// What a state file does with changes. Gives how many there were.
size_t save(ReorderBuffer& buffer, SavedRows& rows) {
  size_t changes = 0;
  buffer.take_changes([&](uint32_t slot, const PendingHit* hit) {
    ++changes;
    if (hit != nullptr) {
      rows.insert_or_assign(slot, *hit);
    } else {
      EXPECT_EQ(rows.erase(slot), 1U) << "only what was saved is erased";
    }
  });
  return changes;
}

std::vector<uint64_t> drain(ReorderBuffer& buffer) {
  std::vector<uint64_t> orders;
  PendingHit next;
  for (; !buffer.empty(); orders.push_back(next.order)) buffer.pop(next);
  return orders;
}

TEST(ReorderBuffer, WhatIsSavedIsWhatWaits) {
  std::mt19937_64 random(2);
  auto buffer = std::make_unique<ReorderBuffer>();
  SavedRows rows;
  std::multimap<int64_t, uint64_t> waiting;
  size_t most = 0;
  PendingHit next;
  for (uint64_t i = 0; i < 40'000; ++i) {
    // Waves that grow, to more slots than are kept, and are drained.
    const bool rises = i / 10'000 % 2 == 0;
    if (waiting.empty() || random() % 10 < (rises ? 9 : 1)) {
      const auto key = static_cast<int64_t>(i * 4 + random() % 4);
      buffer->push(hit(key, 0, i));
      waiting.emplace(key, i);
      most = std::max(most, waiting.size());
    } else {
      buffer->pop(next);
      ASSERT_EQ(next.order, waiting.begin()->second);
      waiting.erase(waiting.begin());
    }
    if (random() % 50 != 0) continue;
    save(*buffer, rows);
    ASSERT_EQ(save(*buffer, rows), 0U) << "nothing has changed since";
    ASSERT_EQ(rows.size(), waiting.size());
    ASSERT_TRUE(rows.empty() || rows.rbegin()->first < most) << "slots are used again";
    if (random() % 20 != 0) continue;
    // A restart.
    buffer = std::make_unique<ReorderBuffer>();
    for (const auto& [slot, saved] : rows) ASSERT_TRUE(buffer->restore(slot, saved, false));
    ASSERT_EQ(save(*buffer, rows), 0U) << "the file holds all of it";
  }
  EXPECT_EQ(drain(*buffer).size(), waiting.size());
  EXPECT_EQ(buffer->bytes(), 0U);
  save(*buffer, rows);
  EXPECT_TRUE(rows.empty());
}

TEST(ReorderBuffer, RestoresInAnyOrderWithGapsAndRejectsWhatCannotBe) {
  ReorderBuffer buffer;
  SavedRows rows{{7, hit(10, 0, 0)}, {3, hit(20, 0, 1)}, {5, hit(5, 0, 2)}};
  EXPECT_TRUE(buffer.restore(7, rows.at(7), false));
  EXPECT_TRUE(buffer.restore(3, rows.at(3), true));
  EXPECT_TRUE(buffer.restore_empty(5)) << "of no use any more";
  EXPECT_FALSE(buffer.restore(3, rows.at(3), false)) << "it is taken";
  EXPECT_FALSE(buffer.restore_empty(5));
  EXPECT_FALSE(buffer.restore(ReorderBuffer::kSlotsMax, rows.at(3), false));
  for (uint64_t i = 3; i < 12; ++i) buffer.push(hit(30, 0, i));
  EXPECT_EQ(save(buffer, rows), 10U) << "one again and nine new";
  EXPECT_EQ(rows.size(), 11U);
  EXPECT_EQ(drain(buffer), (std::vector<uint64_t>{0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  save(buffer, rows);
  EXPECT_TRUE(rows.empty());
}

TEST(StreamState, TheWatermarkTrailsByTheLateness) {
  StreamState stream{.lateness = Duration(30)};
  EXPECT_FALSE(stream.started());
  stream.newest = timestamp_ms(100);
  EXPECT_TRUE(stream.started());
  EXPECT_EQ(to_ms(stream.watermark()), 70);
  stream.lateness.reset();
  EXPECT_EQ(to_ms(stream.watermark()), 100);
}

}  // namespace
}  // namespace picket
