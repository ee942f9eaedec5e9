#include "daemon/outputs/delivery.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace picket {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

const SystemClock kClock;

// What the output was asked to do; it may fail or be held up. Shared with the test because the
// output itself belongs to the delivery.
struct Recorder {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> ids;
  size_t largest_batch = 0;
  bool held = false;
  bool entered = false;
  std::atomic<bool> failing = false;
  std::atomic<int> ticks = 0;
  std::atomic<size_t> again = 0;
  std::atomic<bool> finished = false;

  void hold(bool on) {
    const std::lock_guard lock(mutex);
    held = on;
    changed.notify_all();
  }
  void wait_entered() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return entered; });
  }
};

class RecordingOutput final : public Output {
 public:
  explicit RecordingOutput(std::shared_ptr<Recorder> recorder) : recorder_(std::move(recorder)) {}
  std::error_code deliver(const std::vector<AlertEvent>& events, Timestamp) override {
    std::unique_lock lock(recorder_->mutex);
    recorder_->entered = true;
    recorder_->changed.notify_all();
    recorder_->changed.wait(lock, [this] { return !recorder_->held; });
    recorder_->changed.notify_all();
    if (recorder_->failing) return std::make_error_code(std::errc::io_error);
    for (const AlertEvent& event : events) recorder_->ids.push_back(event.alert.id);
    recorder_->largest_batch = std::max(recorder_->largest_batch, events.size());
    return {};
  }
  std::error_code redeliver(const std::vector<AlertEvent>& events, Timestamp now) override {
    recorder_->again += events.size();
    return deliver(events, now);
  }
  bool settled() const override { return !recorder_->failing; }
  std::error_code tick(Timestamp) override {
    ++recorder_->ticks;
    return {};
  }
  void finish(Timestamp) override { recorder_->finished = true; }
  std::string last_error() const override { return recorder_->failing ? "it failed" : ""; }

 private:
  std::shared_ptr<Recorder> recorder_;
};

Outgoing event(int id) {
  return {{AlertChange::Opened, {.id = std::to_string(id)}}, static_cast<uint64_t>(id)};
}

struct Bench {
  explicit Bench(DeliveryOptions options = {})
      : delivery("out", std::make_unique<RecordingOutput>(recorder), kClock, options) {
    delivery.start();
  }
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  Delivery delivery;
};

TEST(Delivery, DeliversInOrderAndMeasures) {
  Bench bench;
  for (int i = 0; i < 1000; ++i) bench.delivery.push({event(i)});
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
  ASSERT_EQ(bench.recorder->ids.size(), 1000U);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(bench.recorder->ids[static_cast<size_t>(i)], std::to_string(i));
  EXPECT_TRUE(bench.recorder->finished);
  const OutputStats stats = bench.delivery.stats();
  EXPECT_EQ(stats.name, "out");
  EXPECT_EQ(stats.sent, 1000U);
  EXPECT_EQ(stats.errors + stats.dropped + stats.queue_length, 0U);
  EXPECT_EQ(stats.latency_count, 1000U);
  EXPECT_EQ(stats.latency_buckets.back().second, 1000U);
  EXPECT_GE(stats.latency_buckets.back().second, stats.latency_buckets.front().second);
}

TEST(Delivery, DropsTheOldestWhenTheOutputHangs) {
  Bench bench({.queue_max = 4, .batch_max = 2});
  bench.recorder->hold(true);
  bench.delivery.push({event(0)});
  bench.recorder->wait_entered();
  for (int i = 1; i <= 10; ++i) bench.delivery.push({event(i)});
  EXPECT_EQ(bench.delivery.stats().dropped, 6U);
  EXPECT_EQ(bench.delivery.stats().queue_length, 4U);
  bench.recorder->hold(false);
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
  EXPECT_EQ(bench.recorder->ids, (std::vector<std::string>{"0", "7", "8", "9", "10"}));
  EXPECT_EQ(bench.recorder->largest_batch, 2U);
  EXPECT_EQ(bench.delivery.stats().sent, 5U);
}

TEST(Delivery, CountsFailuresAndForgetsThemOnceAllIsWell) {
  Bench bench;
  bench.recorder->failing = true;
  bench.delivery.push({event(1), event(2)});
  while (bench.delivery.stats().errors < 2) std::this_thread::yield();
  EXPECT_EQ(bench.delivery.stats().last_error, "it failed");
  bench.recorder->failing = false;
  bench.delivery.push({event(3)});
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
  EXPECT_EQ(bench.delivery.stats().errors, 2U);
  EXPECT_EQ(bench.delivery.stats().sent, 1U);
  EXPECT_EQ(bench.delivery.stats().last_error, "");
}

TEST(Delivery, AcknowledgesWhatTheOutputHasSettled) {
  Bench bench({.tick_interval = 5ms});
  bench.delivery.push({event(1), event(2)});
  while (bench.delivery.acked() < 2) std::this_thread::yield();
  bench.recorder->failing = true;
  bench.delivery.push({event(3)});
  const int ticks = bench.recorder->ticks;
  while (bench.delivery.stats().errors < 1 || bench.recorder->ticks < ticks + 2) {
    std::this_thread::yield();
  }
  EXPECT_EQ(bench.delivery.acked(), 2U);
  bench.recorder->failing = false;
  while (bench.delivery.acked() < 3) std::this_thread::yield();  // a tick finds it settled
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
}

TEST(Delivery, WhatWasDroppedIsNotWaitedFor) {
  Bench bench({.queue_max = 1});
  bench.recorder->hold(true);
  bench.delivery.push({event(1)});
  bench.recorder->wait_entered();
  bench.delivery.push({event(2), event(3)});
  EXPECT_EQ(bench.delivery.acked(), 0U);
  bench.recorder->hold(false);
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
  EXPECT_EQ(bench.recorder->ids, (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(bench.delivery.acked(), 3U);
}

TEST(Delivery, EventsOfBeforeAreGivenApartFromNewOnes) {
  auto recorder = std::make_shared<Recorder>();
  Delivery delivery("out", std::make_unique<RecordingOutput>(recorder), kClock, {.batch_max = 1});
  std::vector<Outgoing> before = {event(1), event(2)};
  for (Outgoing& one : before) one.again = true;
  delivery.push(std::move(before));
  delivery.push({event(3)});
  delivery.start();
  EXPECT_TRUE(delivery.stop(steady_clock::now() + 5s));
  EXPECT_EQ(recorder->again, 2U);
  EXPECT_EQ(recorder->largest_batch, 2U) << "those of before at once";
  EXPECT_EQ(recorder->ids, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(delivery.acked(), 3U);
}

TEST(Delivery, TicksWhenNothingHappens) {
  Bench bench({.tick_interval = 5ms});
  while (bench.recorder->ticks < 3) std::this_thread::yield();
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
}

TEST(Delivery, TakesNothingAfterTheEnd) {
  Bench bench;
  EXPECT_TRUE(bench.delivery.stop(steady_clock::now() + 5s));
  bench.delivery.push({event(1)});
  EXPECT_EQ(bench.delivery.stats().dropped, 1U);
}

TEST(Delivery, LeavesAHangingOutputBehind) {
  Bench bench;
  bench.recorder->hold(true);
  bench.delivery.push({event(1)});
  bench.recorder->wait_entered();
  EXPECT_FALSE(bench.delivery.stop(steady_clock::now() - 2900ms));
  bench.recorder->hold(false);
  while (!bench.recorder->finished) std::this_thread::yield();
}

}  // namespace
}  // namespace picket
