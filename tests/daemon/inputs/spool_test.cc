// Group commit: who is told what, and when.
#include "daemon/inputs/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "tests/daemon/inputs/spool_harness.h"
#include "tests/support/manual_clock.h"

namespace picket {
namespace {

using ::testing::ElementsAre;

class SpoolTest : public ::testing::Test {
 protected:
  void open(uint64_t pending_max = 1000, uint64_t bytes_max = 1 << 20) {
    auto writer = SpoolWriter::open(disk_, {SpoolHarness::kFolder, bytes_max, 64 << 10}, 0);
    ASSERT_TRUE(writer);
    spool_ = std::make_unique<Spool>(*std::move(writer), clock_, pending_max);
  }
  void submit(std::string bytes) {
    spool_->submit({.bytes = std::move(bytes)},
                   [this](SpoolVerdict verdict) { verdicts_.push_back(verdict); });
  }
  std::string read_all() {
    SpoolReader reader(disk_, SpoolHarness::kFolder, 0);
    std::string text(100'000, '\0');
    std::string all;
    for (;;) {
      const auto got = reader.read(spool_->end(), text);
      if (!got || *got == 0) return all;
      all += text.substr(0, *got);
    }
  }

  FakeDisk disk_;
  ManualClock clock_;
  std::unique_ptr<Spool> spool_;
  std::vector<SpoolVerdict> verdicts_;
};

TEST_F(SpoolTest, OneSyncServesAllThatWait) {
  open();
  int news = 0;
  spool_->on_news([&] { ++news; });
  submit("1\n");
  submit("2\n");
  submit("3\n");
  EXPECT_TRUE(verdicts_.empty());
  EXPECT_TRUE(spool_->step());
  EXPECT_FALSE(spool_->step());
  EXPECT_EQ(verdicts_, std::vector<SpoolVerdict>(3, SpoolVerdict::Durable));
  EXPECT_EQ(spool_->stats().syncs, 1u);
  EXPECT_EQ(spool_->stats().records, 1u);
  EXPECT_EQ(news, 1);
  EXPECT_EQ(read_all(), "1\n2\n3\n");
}

TEST_F(SpoolTest, NobodyIsToldBeforeTheSync) {
  open();
  disk_.faults.sync = {EIO, std::system_category()};
  submit("1\n");
  spool_->step();
  EXPECT_THAT(verdicts_, ElementsAre(SpoolVerdict::DiskError));
  EXPECT_EQ(spool_->end().offset, 0u);
  disk_.faults = {};
  submit("2\n");
  spool_->step();
  EXPECT_THAT(verdicts_, ElementsAre(SpoolVerdict::DiskError, SpoolVerdict::Durable));
  EXPECT_EQ(read_all(), "2\n");
}

TEST_F(SpoolTest, RecoveryShowsWithoutASender) {
  open();
  disk_.faults.space_left = 20;
  submit("1\n");
  spool_->step();
  EXPECT_NE(spool_->stats().last_error, "");
  disk_.faults.space_left = 10;
  spool_->probe();
  EXPECT_NE(spool_->stats().last_error, "");
  EXPECT_EQ(spool_->stats().write_errors, 2u);
  disk_.faults = {};
  spool_->probe();
  EXPECT_EQ(spool_->stats().last_error, "");
  spool_->probe();
  EXPECT_EQ(spool_->stats().segments, 1u);
  submit("2\n");
  spool_->step();
  EXPECT_THAT(verdicts_, ElementsAre(SpoolVerdict::DiskError, SpoolVerdict::Durable));
  EXPECT_EQ(read_all(), "2\n");
}

TEST_F(SpoolTest, TooMuchWaitingIsRefusedAtOnce) {
  open(10);
  submit(std::string(50, 'x') + "\n");  // alone it may pass
  submit("2\n");
  EXPECT_THAT(verdicts_, ElementsAre(SpoolVerdict::Busy));
  spool_->step();
  submit("123\n");
  submit("456\n");
  submit("7\n");
  submit("8\n");
  spool_->step();
  EXPECT_EQ(std::count(verdicts_.begin(), verdicts_.end(), SpoolVerdict::Busy), 2);
  EXPECT_EQ(std::count(verdicts_.begin(), verdicts_.end(), SpoolVerdict::Durable), 4 - 0);
}

TEST_F(SpoolTest, ReleasingMakesRoom) {
  open(100'000, 10'000);
  const std::string line = std::string(4000, 'x') + "\n";
  submit(line);
  spool_->step();
  submit(line);
  spool_->step();
  submit(line);
  spool_->step();
  EXPECT_EQ(verdicts_.back(), SpoolVerdict::Full);
}

TEST_F(SpoolTest, OversizeLinesKeepTheirLength) {
  open();
  submit("1\n");
  spool_->submit({RecordKind::OversizeLine, 5000, "start\n"}, [](SpoolVerdict) {});
  submit("2\n");
  submit("3\n");
  spool_->step();
  EXPECT_EQ(spool_->stats().records, 3u);
  SpoolReader reader(disk_, SpoolHarness::kFolder, 2);
  char bytes[100];
  EXPECT_EQ(reader.read(spool_->end(), bytes), size_t{6});
  EXPECT_EQ(reader.head().kind, RecordKind::OversizeLine);
  EXPECT_EQ(reader.head().line_length, 5000u);
}

TEST_F(SpoolTest, WhatWaitsAtTheEndIsWrittenAndAnswered) {
  open();
  submit("1\n");
  spool_.reset();
  EXPECT_THAT(verdicts_, ElementsAre(SpoolVerdict::Durable));
}

TEST_F(SpoolTest, TheThreadAnswersEverybody) {
  open(1 << 20);
  spool_->start();
  constexpr int kSenders = 8;
  constexpr int kEach = 100;
  std::latch all(kSenders * kEach);
  std::atomic<int> durable = 0;
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i) {
    senders.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        spool_->submit({.bytes = "line\n"}, [&](SpoolVerdict verdict) {
          if (verdict == SpoolVerdict::Durable) ++durable;
          all.count_down();
        });
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  all.wait();
  EXPECT_EQ(durable, kSenders * kEach);
  EXPECT_EQ(spool_->end().offset, uint64_t{5} * kSenders * kEach);
}

}  // namespace
}  // namespace picket
