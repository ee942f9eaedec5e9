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
