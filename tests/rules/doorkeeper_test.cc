// What is remembered of keys without a place, for how long, and how rarely it is mistaken.
#include "rules/doorkeeper.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

// Hashes of a key, as good as random.
uint64_t mix(uint64_t value) {
  value = (value ^ value >> 31) * 0x9E3779B97F4A7C15;
  value = (value ^ value >> 29) * 0xBF58476D1CE4E5B9;
  return value ^ value >> 32;
}

uint32_t count(const Doorkeeper& door, uint64_t key) { return door.count(mix(key), mix(~key)); }
void note(Doorkeeper& door, uint64_t key, uint64_t times) { door.note(mix(key), mix(~key), times); }

TEST(Doorkeeper, SaysWhatItWasTold) {
  Doorkeeper door(64 << 10);
  EXPECT_EQ(count(door, 1), 0U);
  EXPECT_EQ(door.bytes(), 0U) << "nothing is taken before it is needed";
  note(door, 1, 1);
  note(door, 2, 7);
  note(door, 1, 2);
  note(door, 3, 1'000);
  EXPECT_EQ(count(door, 1), 2U);
  EXPECT_EQ(count(door, 2), 7U);
  EXPECT_EQ(count(door, 3), Doorkeeper::kCountMax);
  EXPECT_EQ(count(door, 4), 0U);
  EXPECT_EQ(door.bytes(), 64U << 10);
}

TEST(Doorkeeper, KeepsMostKeysForATurnoverAndForgetsTheOldest) {
  Doorkeeper door(256 << 10);
  constexpr uint64_t kEntries = (256 << 10) / 4;
  for (uint64_t round = 1; round < 12; ++round) {
    // The keys of each round are new, and one key is seen all along.
    note(door, 0, round);
    for (uint64_t i = 0; i < kEntries / 2; ++i) note(door, round * kEntries + i, 1);
    EXPECT_EQ(count(door, 0), round) << "half a turnover after it was seen";
    uint64_t kept = 0;
    for (uint64_t i = 0; i < kEntries / 2; ++i) kept += count(door, round * kEntries + i) == 1;
    EXPECT_GT(kept, kEntries / 2 * 99 / 100);
  }
  uint64_t old = 0;
  for (uint64_t i = 0; i < kEntries / 2; ++i) old += count(door, 5 * kEntries + i) != 0;
  EXPECT_LT(old, kEntries / 2 / 100) << "three turnovers ago";
}

TEST(Doorkeeper, RarelyMistakesOneKeyForAnother) {
  Doorkeeper door(256 << 10);
  for (uint64_t i = 0; i < 200'000; ++i) note(door, i, 3);
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < 100'000; ++i) wrong += count(door, 1'000'000 + i) != 0;
  EXPECT_LT(wrong, 60U) << "16 of 65,536 look-ups";
}

TEST(Doorkeeper, TheSmallestHasOneBucket) {
  Doorkeeper door(0);
  for (uint64_t i = 0; i < 100; ++i) note(door, i, 2);
  EXPECT_EQ(count(door, 99), 2U);
  EXPECT_EQ(door.bytes(), 64U);
}

}  // namespace
}  // namespace picket
