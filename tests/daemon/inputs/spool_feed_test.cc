// From the spool into the pipeline: checkpoints, crashes, oversize lines, removal of segments.
#include "daemon/inputs/spool_feed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <future>

#include "tests/support/capture_sink.h"

namespace picket {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class SpoolFeedTest : public ::testing::Test {
 protected:
  SpoolFeedTest() { fs::remove_all(folder_); }
  ~SpoolFeedTest() override { fs::remove_all(folder_); }

  // As a start of the daemon with what the sink holds as committed.
  void start(uint64_t bytes_max = 16 << 20) {
    feed_.reset();
    context_.state_folder = folder_;
    context_.batch_bytes = 1000;
    context_.max_line = 2000;
    context_.checkpoints = committed_;
    feed_ = std::make_unique<SpoolFeed>(context_, bytes_max);
    const Diagnostics problems = feed_->prepare();
    ASSERT_TRUE(problems.empty()) << problems.at(0).message;
    feed_->start();
  }

  SpoolVerdict submit(SpoolItem item) {
    std::promise<SpoolVerdict> told;
    feed_->spool().submit(std::move(item), [&](SpoolVerdict verdict) { told.set_value(verdict); });
    return told.get_future().get();
  }
  void spool(const std::string& lines) {
    ASSERT_EQ(submit({.bytes = lines}), SpoolVerdict::Durable);
  }
  void drain() {
    while (feed_->turn() == SpoolFeed::Turn::More) {
    }
  }
  // Everything pushed so far is committed, as the keeper would tell it.
  void commit() {
    committed_ = sink_.checkpoints();
    for (const auto& [key, value] : committed_) feed_->committed({key, value});
  }

  const std::string folder_ = testing::TempDir() + "picket_feed_" + std::to_string(::getpid());
  boost::asio::io_context loop_;
  CaptureSink sink_;
  RealDisk disk_;
  SystemClock clock_;
  std::map<std::string, std::string> committed_;
  InputContext context_{loop_.get_executor(), sink_, disk_, clock_, 0, "../a b"};
  std::unique_ptr<SpoolFeed> feed_;
};

TEST_F(SpoolFeedTest, TheFolderIsHarmless) {
  context_.state_folder = "s";
  EXPECT_EQ(SpoolFeed::folder_for(context_), "s/spool/%2E%2E%2Fa%20b");
}

TEST_F(SpoolFeedTest, DurableLinesArePushedWithTheirCheckpoint) {
  start();
  spool("1\n2\n");
  spool("3\n");
  drain();
  EXPECT_EQ(sink_.lines(), (Lines{"1", "2", "3"}));
  EXPECT_EQ(sink_.checkpoints(), (std::map<std::string, std::string>{{"spool", "1 6"}}));
  EXPECT_EQ(sink_.problems, Lines{});
  InputStats stats;
  feed_->add_to(stats);
  EXPECT_EQ(stats.bytes_read, 6u);
  EXPECT_EQ(stats.lag_bytes_total, 0u);
  ASSERT_TRUE(stats.push);
  EXPECT_EQ(stats.push->spool_records, 2u);
  EXPECT_GT(stats.push->spool_bytes, 6u);
}

TEST_F(SpoolFeedTest, ACrashGoesOnFromWhatWasCommitted) {
  start();
  std::string big;
  for (int i = 0; i < 500; ++i) big += "line " + std::to_string(i) + "\n";
  spool(big);
  for (int i = 0; i < 3; ++i) feed_->turn();
  const size_t pushed = sink_.batches.size();
  ASSERT_GT(pushed, 2u);
  // Committed in the middle of a record, one batch behind.
  committed_ = sink_.checkpoints(pushed - 1);
  const Lines before = sink_.lines(pushed - 1);
  sink_.batches.clear();
  start();
  drain();
  Lines all = before;
  for (const std::string& line : sink_.lines()) all.push_back(line);
  ASSERT_EQ(all.size(), 500u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], "line " + std::to_string(i));
}

TEST_F(SpoolFeedTest, LongLinesBecomeOversizeAndTheNeighboursStay) {
  start();
  spool("a\n" + std::string(5000, 'x') + "\nb\n");
  ASSERT_EQ(submit({RecordKind::OversizeLine, 70'000'000, std::string(3000, 'y') + "\n"}),
            SpoolVerdict::Durable);
  spool("c\n");
  drain();
  EXPECT_EQ(sink_.lines(), (Lines{"a", "<oversize 5000>", "b", "<oversize 70000000>", "c"}));
  EXPECT_EQ(sink_.batches.at(3).bytes.size(), 3000u);
  EXPECT_EQ(sink_.checkpoints().at("spool"), "1 " + std::to_string(2 + 5001 + 2 + 3001 + 2));
}

TEST_F(SpoolFeedTest, CommittedSegmentsGoAndMakeRoom) {
  start(64 << 10);
  const std::string lines = std::string(999, 'x') + "\n";
  int taken = 0;
  while (submit({.bytes = lines}) == SpoolVerdict::Durable) ++taken;
  EXPECT_GT(taken, 40);
  drain();
  EXPECT_EQ(submit({.bytes = lines}), SpoolVerdict::Full);
  commit();
  // The release is done before the next write.
  EXPECT_EQ(submit({.bytes = lines}), SpoolVerdict::Durable);
  drain();
  EXPECT_EQ(sink_.lines().size(), static_cast<size_t>(taken) + 1);
  commit();
  start(64 << 10);
  EXPECT_EQ(feed_->turn(), SpoolFeed::Turn::Idle);
}

TEST_F(SpoolFeedTest, DamageIsPassedOverAndCounted) {
  start();
  spool("1\n");
  spool("2\n");
  spool("3\n");
  const fs::path segment = *fs::directory_iterator(SpoolFeed::folder_for(context_));
  std::FILE* file = std::fopen(segment.c_str(), "r+");
  std::fseek(file, 16 + 42 + 40, SEEK_SET);
  std::fputc('X', file);
  std::fclose(file);
  drain();
  EXPECT_EQ(sink_.lines(), (Lines{"1", "3"}));
  InputStats stats;
  feed_->add_to(stats);
  EXPECT_EQ(stats.push->spool_lost_bytes, 2u);
}

TEST_F(SpoolFeedTest, AClosedPipelineEndsIt) {
  start();
  spool("1\n");
  sink_.closed = true;
  EXPECT_EQ(feed_->turn(), SpoolFeed::Turn::Closed);
}

}  // namespace
}  // namespace picket
