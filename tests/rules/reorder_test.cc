#include "rules/reorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

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
  size_t seen = 0;
  buffer.for_each([&seen](const PendingHit& each) { seen += each.record.empty() ? 0 : 1; });
  EXPECT_EQ(seen, 500U);
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
