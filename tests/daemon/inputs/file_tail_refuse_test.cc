// Hazard: names that must not be read, or cannot be read at the moment.
#include <gtest/gtest.h>

#include "tests/daemon/inputs/file_set_harness.h"

namespace picket {
namespace {

TEST(FileTailRefuse, SymlinkFifoAndFolderAreReportedAndTheRestIsRead) {
  TailHarness tail({"/log/*.log", "/log/named"});
  tail.disk.write("/secret", "secret\n");
  tail.disk.symlink("/secret", "/log/link.log");
  tail.disk.make_fifo("/log/pipe.log");
  tail.disk.make_folder("/log/folder.log");
  tail.disk.make_folder("/log/named");
  tail.disk.write("/log/good.log", "1\n");
  tail.start();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  // A folder that only a wildcard meets is no mistake; one that is named is.
  EXPECT_EQ(tail.stats().read_errors, 3u);
  tail.settle();
  EXPECT_EQ(tail.stats().read_errors, 3u);
  EXPECT_EQ(tail.disk.opens, 1u);
}

TEST(FileTailRefuse, SymlinkIsFollowedWhenAllowed) {
  TailHarness tail;
  tail.options.symlinks = Symlinks::Follow;
  tail.disk.write("/data/one", "1\n");
  tail.disk.write("/data/two", "2\n");
  tail.disk.symlink("/data/one", "/log/current.log");
  tail.start();
  tail.disk.write("/data/one", "1b\n");
  tail.disk.symlink("/data/two", "/log/current.log");
  tail.settle();
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1", "1b", "2"}));
}

TEST(FileTailRefuse, FollowedFileSwappedForASymlink) {
  TailHarness tail;
  tail.disk.write("/secret", "secret\n");
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.write("/log/a.log", "2\n");
  tail.disk.symlink("/secret", "/log/a.log");
  tail.settle();
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2"}));
  EXPECT_EQ(tail.stats().files_open, 0u);
}

TEST(FileTailRefuse, LinkedFolderBelowTheFixedPartIsRefused) {
  TailHarness tail({"/log/*/*.log"});
  tail.disk.write("/secret/deep/x.log", "secret\n");
  tail.disk.symlink("/secret/deep", "/log/link");
  tail.disk.write("/log/real/a.log", "1\n");
  tail.start();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  EXPECT_TRUE(tail.files().troubled());
  EXPECT_EQ(tail.disk.opens, 1u);
}

TEST(FileTailRefuse, FolderSwappedForALinkIsLeft) {
  TailHarness tail({"/log/*/*.log"});
  tail.disk.write("/secret/a.log", "secret\n");
  tail.disk.write("/log/real/a.log", "1\n");
  tail.start();
  tail.disk.rename("/log/real/a.log", "/elsewhere/a.log");
  tail.disk.symlink("/secret", "/log/real");
  tail.settle();
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  EXPECT_EQ(tail.stats().files_open, 0u);
}

TEST(FileTailRefuse, LinkedFolderIsFollowedWhenItIsNamedOrAllowed) {
  for (const bool named : {true, false}) {
    TailHarness tail({named ? "/log/link/*.log" : "/log/*/*.log"});
    if (!named) tail.options.symlinks = Symlinks::Follow;
    tail.disk.write("/data/a.log", numbered("a", 0, 5));
    tail.disk.symlink("/data", "/log/link");
    tail.start();
    tail.disk.write("/data/a.log", numbered("a", 5, 5));
    tail.disk.rename("/data/a.log", "/data/a.log.1");
    tail.disk.write("/data/a.log", numbered("b", 0, 5));
    tail.restart();
    EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 10) + numbered("b", 0, 5)));
  }
}

TEST(FileTailRefuse, PermissionLostAndRegained) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.deny("/log");
  tail.disk.write("/log/a.log", "2\n");
  tail.settle();
  tail.pass_grace();
  EXPECT_TRUE(tail.files().troubled());
  tail.disk.allow("/log");
  tail.disk.write("/log/a.log", "3\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3"}));
  EXPECT_FALSE(tail.files().troubled());
  EXPECT_EQ(tail.disk.opens, 1u);
}

TEST(FileTailRefuse, UnreadableAtStartIsReadFromWhereItEndedThen) {
  TailHarness tail;
  tail.options.from_beginning = false;
  tail.disk.write("/log/a.log", "old\n");
  tail.disk.deny("/log/a.log");
  tail.start();
  EXPECT_EQ(tail.stats().last_error, "/log/a.log: Permission denied");
  tail.disk.write("/log/a.log", "1\n");
  tail.disk.allow("/log/a.log");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
  EXPECT_EQ(tail.stats().last_error, "");
}

TEST(FileTailRefuse, UnreadableAtRestartKeepsItsCheckpoint) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  for (const std::string path : {"/log/a.log", "/log"}) {
    tail.disk.deny(path);
    tail.restart();
    tail.pass_grace();
    tail.disk.allow(path);
    tail.settle();
    EXPECT_EQ(tail.lines(), (Lines{"1"})) << path;
  }
}

// Also when the new file takes over the name and the next restart finds it there.
TEST(FileTailRefuse, RotatedFileUnreadableAtRestartIsFinishedLater) {
  for (const std::string pattern : {"/log/*.log", "/log/a.log*"}) {
    for (const bool crash : {false, true}) {
      TailHarness tail({pattern});
      tail.disk.write("/log/a.log", numbered("a", 0, 5));
      tail.start();
      tail.disk.write("/log/a.log", numbered("a", 5, 5));
      tail.disk.rename("/log/a.log", "/log/a.log.1");
      tail.disk.write("/log/a.log", numbered("b", 0, 5));
      tail.disk.deny("/log/a.log.1");
      tail.restart();
      tail.pass_grace();
      tail.disk.allow("/log/a.log.1");
      if (crash) {
        tail.restart();
      } else {
        tail.settle();
      }
      tail.pass_grace();
      EXPECT_EQ(tail.lines(), sorted(split_lines(numbered("a", 0, 10) + numbered("b", 0, 5))));
      EXPECT_EQ(tail.sink.checkpoints().size(), pattern.ends_with('*') ? 2u : 1u);
    }
  }
}

TEST(FileTailRefuse, UnreadableAtRestartThenRotatedIsFinishedLater) {
  for (const std::string pattern : {"/log/*.log", "/log/a.log*"}) {
    TailHarness tail({pattern});
    tail.disk.write("/log/a.log", numbered("a", 0, 5));
    tail.start();
    tail.disk.deny("/log/a.log");
    tail.restart();
    tail.disk.write("/log/a.log", numbered("a", 5, 5));
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    tail.disk.write("/log/a.log", numbered("b", 0, 5));
    tail.disk.allow("/log/a.log");
    tail.settle();
    EXPECT_EQ(tail.lines(), sorted(split_lines(numbered("a", 0, 10) + numbered("b", 0, 5))));
  }
}

TEST(FileTailRefuse, TruncatedWithoutAWholeLineInAnUnreadableFolder) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", "half");
  tail.start();
  tail.disk.deny("/log");
  tail.disk.rewrite("/log/a.log", "1\n2\n");
  tail.settle();
  tail.disk.allow("/log");
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), (Lines{"half", "1", "2"}));
}

TEST(FileTailRefuse, CopyInsideThePatternOutlivesALostPermission) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", numbered("a", 0, 5));
  tail.start();
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.truncate("/log/a.log", 0);
  tail.settle();
  tail.disk.deny("/log");
  tail.pass_grace();
  tail.disk.allow("/log");
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 5)));
}

TEST(FileTailRefuse, BadDiskAtRestartKeepsItsCheckpoint) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.fail_reads("/log/a.log", std::make_error_code(std::errc::io_error));
  tail.restart();
  EXPECT_TRUE(tail.files().troubled());
  tail.disk.fail_reads("/log/a.log", {});
  tail.disk.write("/log/a.log", "2\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2"}));
}

TEST(FileTailRefuse, ClosedSinkStopsTheReading) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.sink.closed = true;
  tail.disk.write("/log/a.log", "2\n");
  tail.files().poll(10);
  EXPECT_EQ(tail.files().turn(), TurnOutcome::Closed);
}

}  // namespace
}  // namespace picket
