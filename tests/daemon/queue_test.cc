#include "daemon/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace picket {
namespace {

TEST(Queue, FirstInFirstOut) {
  Queue<int> queue({10, 100});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.push(i, 1));
  EXPECT_EQ(queue.size(), 5u);
  EXPECT_EQ(queue.weight(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.pop(), i);
  EXPECT_EQ(queue.weight(), 0u);
}

TEST(Queue, BoundByCountAndByWeight) {
  Queue<int> by_count({2, 100});
  int item = 7;
  EXPECT_TRUE(by_count.try_push(item));
  EXPECT_TRUE(by_count.try_push(item));
  EXPECT_FALSE(by_count.try_push(item));
  Queue<int> by_weight({10, 100});
  EXPECT_TRUE(by_weight.try_push(item, 60));
  EXPECT_FALSE(by_weight.try_push(item, 41));
  EXPECT_TRUE(by_weight.try_push(item, 40));
  EXPECT_FALSE(by_weight.try_push(item, 1));
}

TEST(Queue, HeavyItemPassesAloneOnly) {
  Queue<int> queue({10, 100});
  int item = 1;
  EXPECT_TRUE(queue.try_push(item, 1));
  EXPECT_FALSE(queue.try_push(item, 1000));
  queue.pop();
  EXPECT_TRUE(queue.try_push(item, 1000));
  EXPECT_FALSE(queue.try_push(item, 1));
  EXPECT_FALSE(queue.try_push(item, 0));
  queue.pop();
  EXPECT_TRUE(queue.try_push(item, 1));
}

TEST(Queue, RefusedItemIsUntouched) {
  Queue<std::unique_ptr<int>> queue({1, 100});
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  EXPECT_TRUE(queue.try_push(first));
  EXPECT_FALSE(queue.try_push(second));
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 2);
}

TEST(Queue, PopTellsHowManyWerePoppedBefore) {
  Queue<int> queue({10, 100});
  for (int i = 0; i < 3; ++i) queue.push(i);
  uint64_t number = 7;
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(queue.pop(number), static_cast<int>(i));
    EXPECT_EQ(number, i);
  }
}

// Items of the same ten fold into each other; a multiple of 100 lets nothing past.
Fold same_ten(int& waiting, int& item) {
  if (waiting % 100 == 0) return Fold::Stop;
  if (waiting / 10 != item / 10) return Fold::Past;
  waiting = item;
  return Fold::Into;
}

TEST(Queue, FoldedItemsNeedNoRoomAndKeepTheirPlace) {
  Queue<int> queue({.items_max = 2, .weight_max = 100});
  queue.push(100, 60);
  queue.push(200, 40);
  for (int item : {11, 21, 12, 22, 13}) EXPECT_TRUE(queue.push_folding(item, &same_ten));
  int heavy = 300;
  EXPECT_FALSE(queue.try_push(heavy, 1));
  std::vector<int> popped;
  queue.close();
  while (auto item = queue.pop()) popped.push_back(*item);
  EXPECT_EQ(popped, (std::vector{100, 200, 13, 22}));
}

TEST(Queue, AnItemIsNotFoldedPastOneThatStopsIt) {
  Queue<int> queue({.items_max = 8, .weight_max = 100});
  for (int item : {11, 100, 12, 13}) EXPECT_TRUE(queue.push_folding(item, &same_ten));
  queue.close();
  EXPECT_FALSE(queue.push_folding(14, &same_ten));
  std::vector<int> popped;
  while (auto item = queue.pop()) popped.push_back(*item);
  EXPECT_EQ(popped, (std::vector{11, 100, 13}));
}

TEST(Queue, FoldedItemsAreBoundedToo) {
  Queue<int> queue({.items_max = 1, .weight_max = 100, .folded_max = 2});
  for (int item : {100, 200, 300}) EXPECT_TRUE(queue.push_folding(item, &same_ten));
  std::thread pusher([&] { EXPECT_TRUE(queue.push_folding(400, &same_ten)); });
  for (int item : {100, 200, 300, 400}) EXPECT_EQ(queue.pop(), item);
  pusher.join();
}

TEST(Queue, CloseKeepsWhatWasAccepted) {
  Queue<int> queue({10, 100});
  queue.push(1);
  queue.close();
  queue.close();
  EXPECT_FALSE(queue.push(2));
  EXPECT_FALSE(queue.drained());
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.pop_for(std::chrono::milliseconds(0)), std::nullopt);
  EXPECT_TRUE(queue.drained());
}

TEST(Queue, PopGivesUpAfterItsTimeout) {
  Queue<int> queue({10, 100});
  EXPECT_EQ(queue.pop_for(std::chrono::milliseconds(1)), std::nullopt);
  EXPECT_FALSE(queue.drained());
}

TEST(Queue, CloseWakesWaitersOnBothEnds) {
  Queue<int> full({1, 100});
  full.push(1);
  Queue<int> empty({1, 100});
  std::thread pusher([&] { EXPECT_FALSE(full.push(2)); });
  std::thread popper([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
  full.close();
  empty.close();
  pusher.join();
  popper.join();
}

TEST(Queue, ManyThreadsMoveEveryItemOnce) {
  constexpr int kEach = 2000;
  Queue<int> queue({8, 50});
  std::vector<std::thread> pushers;
  for (int base : {0, kEach, 2 * kEach}) {
    pushers.emplace_back([&queue, base] {
      for (int i = 0; i < kEach; ++i) queue.push(base + i, static_cast<uint64_t>(i % 70));
    });
  }
  std::vector<std::vector<int>> popped(2);
  std::vector<std::thread> poppers;
  for (auto& mine : popped) {
    poppers.emplace_back([&queue, &mine] {
      while (auto item = queue.pop()) mine.push_back(*item);
    });
  }
  for (auto& thread : pushers) thread.join();
  queue.close();
  for (auto& thread : poppers) thread.join();
  std::set<int> all(popped[0].begin(), popped[0].end());
  all.insert(popped[1].begin(), popped[1].end());
  EXPECT_EQ(popped[0].size() + popped[1].size(), size_t{3 * kEach});
  EXPECT_EQ(all.size(), size_t{3 * kEach});
}

}  // namespace
}  // namespace picket
