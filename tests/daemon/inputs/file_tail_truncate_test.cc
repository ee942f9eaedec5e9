// Hazard: the content is replaced under the open descriptor, or is not whole lines.
#include <gtest/gtest.h>

#include "tests/daemon/inputs/file_set_harness.h"

namespace picket {
namespace {

TEST(FileTailTruncate, TruncatedFileIsReadFromItsStartAgain) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2\n");
  tail.start();
  tail.disk.truncate("/log/a.log", 0);
  tail.disk.write("/log/a.log", "3\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3"}));
  EXPECT_EQ(tail.stats().truncations, 1u);
}

TEST(FileTailTruncate, UnfinishedLineOfTheOldContentIsNotGluedToTheNew) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\nhalf");
  tail.start();
  tail.disk.rewrite("/log/a.log", "2\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "half"}));
}

TEST(FileTailTruncate, RegrownPastTheOffsetIsNoticed) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2\n");
  tail.start();
  tail.disk.rewrite("/log/a.log", "3\n4\n5\n6\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4", "5", "6"}));
  EXPECT_EQ(tail.stats().truncations, 1u);
}

// What was read before the content changed counts once, what came after it is read from its start.
TEST(FileTailTruncate, RegrownWhileItIsReadIsNoticed) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.write("/log/a.log", "2\n");
  tail.disk.hooks.read = [&](uint64_t offset) {
    if (offset != 2) return;
    tail.disk.hooks.read = nullptr;
    tail.disk.rewrite("/log/a.log", "3\n4\n5\n");
  };
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(tail.stats().truncations, 1u);
  tail.restart();
  EXPECT_EQ(tail.lines().size(), 5u);
}

// The checkpoint that goes with a batch is about the bytes of that batch, whatever the file holds
// when it is written.
TEST(FileTailTruncate, CheckpointIsAboutWhatWasRead) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2\n");
  tail.disk.hooks.read = [&](uint64_t) {
    tail.disk.hooks.read = nullptr;
    tail.disk.rewrite("/log/a.log", "3\n4\n5\n");
  };
  tail.start();
  const auto first_batches = tail.sink.checkpoints(2);
  ASSERT_EQ(tail.sink.lines(2), (Lines{"1", "2"}));
  tail.sink.batches.clear();
  tail.start(first_batches);
  EXPECT_EQ(tail.lines(), (Lines{"3", "4", "5"}));
}

// Hashes come from the bytes that were read: one look at the old bytes a batch, no more.
TEST(FileTailTruncate, ABatchCostsTwoReads) {
  TailHarness tail;
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.write("/log/a.log", numbered("a", 10, 10));
  const uint64_t before = tail.disk.reads;
  tail.settle();
  EXPECT_EQ(tail.disk.reads - before, 2u);
}

TEST(FileTailTruncate, RegrownWithinAnUnfinishedLineIsNoticed) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "half");
  tail.start();
  tail.disk.rewrite("/log/a.log", "other\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"half", "other"}));
}

TEST(FileTailTruncate, RestOfACopiedLogIsReadFromTheCopy) {
  TailHarness tail;
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.write("/log/a.log", numbered("a", 10, 5) + "{\"half");
  tail.settle();
  tail.disk.write("/log/a.log", "\":1}\n" + numbered("a", 15, 5));
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.rewrite("/log/a.log", numbered("b", 0, 3));
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 15) + "{\"half\":1}\n" +
                                           numbered("a", 15, 5) + numbered("b", 0, 3)));
  tail.pass_grace();
  EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
}

// Too little was read to tell a copy by its content alone; it must be younger as well.
TEST(FileTailTruncate, RestOfAShortLogIsReadFromTheCopy) {
  for (const bool down : {false, true}) {
    for (const std::string read : {"1\n", "1\nha"}) {
      TailHarness tail;
      tail.disk.write("/log/a.log.1", "1\nan older log that begins like this one\n");
      tail.disk.write("/log/a.log", read);
      tail.start();
      tail.disk.write("/log/a.log", read.ends_with('\n') ? "half\n" : "lf\n");
      tail.disk.rename("/log/a.log.1", "/log/a.log.2");
      tail.disk.copy("/log/a.log", "/log/a.log.1");
      tail.disk.truncate("/log/a.log", 0);
      tail.disk.write("/log/a.log", "3\n");
      if (down) {
        tail.restart();
      } else {
        tail.settle();
      }
      tail.pass_grace();
      EXPECT_EQ(tail.sink.lines(), (Lines{"1", "half", "3"})) << (down ? "down" : "up");
    }
  }
}

TEST(FileTailTruncate, CopyInsideThePatternCountsOnce) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.write("/log/a.log", numbered("a", 10, 5));
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.settle();  // sees the copy before the truncation
  tail.disk.write("/log/a.log", numbered("a", 15, 5));
  tail.disk.copy("/log/a.log", "/log/a.log.2");
  tail.disk.rewrite("/log/a.log", numbered("b", 0, 3));
  tail.settle();
  tail.pass_grace();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 20) + numbered("b", 0, 3)));
  tail.restart();
  EXPECT_EQ(tail.sink.lines().size(), 23u);
}

// The copy has the name that the copy before it had at the last look.
TEST(FileTailTruncate, DeathBehindACopyForgetsNoOlderCopy) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log.1", numbered("a", 0, 5));
  tail.disk.write("/log/a.log", numbered("b", 0, 5));
  tail.start();
  tail.disk.rename("/log/a.log.1", "/log/a.log.2");
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.rewrite("/log/a.log", numbered("c", 0, 5));
  tail.files().poll(1000);
  tail.files().turn();
  tail.restart();
  EXPECT_EQ(tail.sink.lines(),
            split_lines(numbered("b", 0, 5) + numbered("a", 0, 5) + numbered("c", 0, 5)));
}

TEST(FileTailTruncate, AnOlderLogThatBeginsTheSameIsNoCopy) {
  for (const bool down : {false, true}) {
    TailHarness tail;
    tail.disk.write("/log/a.log.1", "# header\nold\n");
    tail.disk.write("/log/a.log", "# header\n");
    tail.start();
    tail.disk.rewrite("/log/a.log", "1\n");
    if (down) {
      tail.restart();
    } else {
      tail.settle();
    }
    EXPECT_EQ(tail.lines(), (Lines{"# header", "1"}));
  }
}

// An unfinished line is proof too: nothing else was read yet.
TEST(FileTailTruncate, RestOfAnUnfinishedLineIsReadFromTheCopy) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "ha");
  tail.start();
  tail.disk.write("/log/a.log", "lf\n");
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.rewrite("/log/a.log", "2\n");
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), (Lines{"half", "2"}));
}

TEST(FileTailTruncate, RewrittenWithAsManyBytesIsNoticed) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2\n");
  tail.start();
  tail.disk.rewrite("/log/a.log", "3\n4\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4"}));
  tail.settle();
  EXPECT_EQ(tail.stats().truncations, 1u);
}

TEST(FileTailTruncate, PartialLineIsHeldUntilItIsWhole) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2");
  tail.start();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  tail.disk.write("/log/a.log", "2");
  tail.settle();
  tail.disk.write("/log/a.log", "2\n3");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "222"}));
}

TEST(FileTailTruncate, OversizeLineBetweenGoodOnes) {
  TailHarness tail;
  tail.max_line = 100;
  tail.batch_bytes = 64;
  tail.disk.write("/log/a.log", "1\n" + std::string(101, 'x'));
  tail.start();
  tail.disk.write("/log/a.log", std::string(99, 'x') + "\n2\n" + std::string(100, 'y') + "\n");
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), (Lines{"1", "<oversize 200>", "2", std::string(100, 'y')}));
}

TEST(FileTailTruncate, ReadErrorIsReportedAndTheFileReadOnceItIsOver) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.fail_reads("/log/a.log", std::make_error_code(std::errc::io_error));
  tail.disk.write("/log/a.log", "2\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  EXPECT_EQ(tail.stats().read_errors, 1u);
  EXPECT_EQ(tail.stats().lag_bytes_total, 2u);
  EXPECT_NE(tail.stats().last_error, "");
  tail.disk.fail_reads("/log/a.log", {});
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2"}));
  EXPECT_EQ(tail.stats().last_error, "");
  EXPECT_EQ(tail.stats().lag_bytes_total, 0u);
}

}  // namespace
}  // namespace picket
