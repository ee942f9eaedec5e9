// Hazard: names and files part ways while the daemon runs.
#include <gtest/gtest.h>

#include "tests/daemon/inputs/file_set_harness.h"

namespace picket {
namespace {

TEST(FileTailRotate, RenameWithLateWriteReadsOldAndNewOnce) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n2\n");
  tail.start();
  tail.disk.write("/log/a.log", "3\n");
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", "5\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "5"}));
  tail.disk.write("/log/a.log.1", "4\n");
  tail.settle();
  tail.disk.write("/log/a.log.1", "4b without newline");
  EXPECT_EQ(tail.stats().files_open, 2u);
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4", "4b without newline", "5"}));
  EXPECT_EQ(tail.stats().files_open, 1u);
  EXPECT_EQ(tail.stats().rotations, 1u);
  EXPECT_EQ(tail.disk.opens, 2u);
  EXPECT_EQ(tail.sink.ended, (std::vector<bool>{true, false}));
  EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
}

TEST(FileTailRotate, OldFileIsReadToItsEndBeforeTheNewOne) {
  TailHarness tail;
  tail.batch_bytes = 64;
  tail.disk.write("/log/a.log", numbered("old", 0, 1));
  tail.start();
  tail.disk.write("/log/a.log", numbered("old", 1, 200));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("new", 0, 200));
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("old", 0, 201) + numbered("new", 0, 200)));
}

TEST(FileTailRotate, TwoRotationsWhileTheFirstIsStillReadKeepTheOrder) {
  TailHarness tail;
  tail.batch_bytes = 64;
  tail.disk.write("/log/a.log", numbered("one", 0, 1));
  tail.start();
  tail.disk.write("/log/a.log", numbered("one", 1, 50));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("two", 0, 50));
  tail.files().scan();
  tail.files().turn();
  tail.disk.rename("/log/a.log.1", "/log/a.log.2");
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("three", 0, 50));
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("one", 0, 51) + numbered("two", 0, 50) +
                                           numbered("three", 0, 50)));
  const auto checkpoints = tail.sink.checkpoints();
  EXPECT_TRUE(checkpoints.contains("/log/a.log.1"));
  EXPECT_TRUE(checkpoints.contains("/log/a.log.2"));
  tail.pass_grace();
  EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
}

TEST(FileTailRotate, RotatedNameInsideThePatternIsNotReadAgain) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  for (const std::string line : {"2", "3", "4"}) {
    if (line == "4") tail.disk.rename("/log/a.log.1", "/log/a.log.2");
    tail.disk.write("/log/a.log", "end " + line + "\n");
    if (line != "2") {
      tail.disk.remove("/log/a.log.1");
      tail.disk.rename("/log/a.log", "/log/a.log.1");
    }
    tail.disk.write("/log/a.log", line + "\n");
    tail.settle();
    tail.pass_grace();
  }
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4", "end 2", "end 3", "end 4"}));
  tail.restart();
  EXPECT_EQ(tail.lines().size(), 7u);
}

TEST(FileTailRotate, DeletedFileIsReadToItsEndAndItsSuccessorFromItsStart) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.write("/log/a.log", "2\nlast");
  tail.disk.remove("/log/a.log");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2"}));
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "last"}));
  EXPECT_TRUE(tail.sink.checkpoints().empty());
  EXPECT_EQ(tail.stats().files_open, 0u);
  tail.disk.write("/log/a.log", "3\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "last"}));
}

TEST(FileTailRotate, RecreatedWithinOneLook) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.write("/log/a.log", "2\n");
  tail.disk.replace("/log/a.log", "3\n4\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3", "4"}));
}

TEST(FileTailRotate, RenamedAwayAndBackIsOneFile) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\n");
  tail.start();
  tail.disk.rename("/log/a.log", "/log/a.tmp");
  tail.settle();
  tail.disk.write("/log/a.tmp", "2\n");
  tail.disk.rename("/log/a.tmp", "/log/a.log");
  tail.pass_grace();
  tail.disk.write("/log/a.log", "3\n");
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3"}));
  EXPECT_EQ(tail.disk.opens, 1u);
}

// What stands at its old name afterwards is no file of ours, so nothing replaces the checkpoint.
TEST(FileTailRotate, CheckpointUnderANameThatWasGivenUpIsForgotten) {
  TailHarness tail;
  tail.disk.write("/log/a.log", numbered("a", 0, 5));
  tail.start();
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.settle();
  tail.disk.rename("/log/a.log.1", "/log/a.log.2");
  tail.disk.write("/log/a.log.1", "not followed\n");
  tail.settle();
  tail.disk.write("/log/a.log.2", numbered("a", 5, 5));
  tail.pass_grace();
  EXPECT_TRUE(tail.sink.checkpoints().empty());
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 10)));
}

// All of them between two looks: the files in the middle were never seen under their first name.
TEST(FileTailRotate, ThirtyRotationsWithinOneLook) {
  for (const std::string pattern : {"/log/*.log", "/log/a.log*"}) {
    for (const bool down : {false, true}) {
      TailHarness tail({pattern});
      std::string all = numbered("a", 0, 2);
      tail.disk.write("/log/a.log", all);
      tail.start();
      for (int rotation = 1; rotation <= 30; ++rotation) {
        for (int number = rotation - 1; number > 0; --number)
          tail.disk.rename("/log/a.log." + std::to_string(number),
                           "/log/a.log." + std::to_string(number + 1));
        tail.disk.rename("/log/a.log", "/log/a.log.1");
        const std::string more = numbered("a", 2 * rotation, 2);
        tail.disk.write("/log/a.log", more);
        all += more;
      }
      if (down) {
        tail.restart();
      } else {
        tail.settle();
      }
      tail.pass_grace();
      EXPECT_EQ(tail.lines(), sorted(split_lines(all))) << pattern << (down ? ", down" : "");
      tail.restart();
      EXPECT_EQ(tail.lines().size(), 62u);
    }
  }
}

TEST(FileTailRotate, FolderRemovedAndMadeAnew) {
  TailHarness tail({"/log/*/*.log"});
  tail.disk.write("/log/x/a.log", "1\n");
  tail.start();
  tail.disk.write("/log/x/a.log", "2\n");
  tail.disk.remove("/log/x/a.log");
  tail.settle();
  tail.pass_grace();
  EXPECT_EQ(tail.stats().files_open, 0u);
  EXPECT_TRUE(tail.sink.checkpoints().empty());
  tail.disk.write("/log/x/a.log", "3\n");
  tail.settle();
  tail.restart();
  EXPECT_EQ(tail.lines(), (Lines{"1", "2", "3"}));
}

// Not even when one of them is rotated and the other stands in for it.
TEST(FileTailRotate, SameBeginningInTwoFiles) {
  const std::string same = numbered("same", 0, 20);
  TailHarness tail;
  tail.disk.write("/log/a.log", same);
  tail.disk.write("/log/b.log", same);
  tail.start();
  tail.disk.write("/log/a.log", "a\n");
  tail.disk.write("/log/b.log", "b\n");
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", same + "a2\n");
  tail.restart();
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), sorted(split_lines(same + same + same + "a\nb\na2\n")));
}

// Idle files cost one look each when it is their turn, and no read.
TEST(FileTailRotate, ThousandIdleFilesBesideABusyOne) {
  TailHarness tail;
  for (int i = 0; i < 1000; ++i)
    tail.disk.write("/log/idle" + std::to_string(i) + ".log", numbered("idle", i, 1));
  tail.disk.write("/log/busy.log", numbered("busy", 0, 1));
  tail.start();
  EXPECT_EQ(tail.stats().files_open, 1001u);
  const uint64_t before = tail.disk.reads;
  for (int i = 1; i <= 100; ++i) {
    tail.disk.write("/log/busy.log", numbered("busy", i, 1));
    tail.files().touch("/log/busy.log");
    tail.files().turn();
    tail.files().poll(512);
    tail.files().turn();
  }
  EXPECT_EQ(tail.disk.reads - before, 200u);
  EXPECT_EQ(tail.lines().size(), 1101u);
}

TEST(FileTailRotate, TwoFilesAndASecondNameOfOne) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "a1\n");
  tail.disk.write("/log/b.log", "b1\n");
  tail.disk.link("/log/a.log", "/log/c.log");
  tail.start();
  tail.disk.write("/log/a.log", "a2\n");
  tail.disk.write("/log/b.log", "b2\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"a1", "a2", "b1", "b2"}));
  tail.disk.remove("/log/a.log");
  tail.settle();
  tail.disk.write("/log/c.log", "c3\n");
  tail.pass_grace();
  EXPECT_EQ(tail.lines(), (Lines{"a1", "a2", "b1", "b2", "c3"}));
}

TEST(FileTailRotate, BusyFileDoesNotStarveAnother) {
  TailHarness tail;
  tail.batch_bytes = 128;
  tail.disk.write("/log/busy.log", numbered("busy", 0, 1000));
  tail.disk.write("/log/quiet.log", numbered("quiet", 0, 1));
  tail.start();
  const Lines lines = tail.sink.lines();
  const auto quiet = std::find(lines.begin(), lines.end(), split_lines(numbered("quiet", 0, 1))[0]);
  EXPECT_LT(quiet - lines.begin(), 10);
}

TEST(FileTailRotate, CompressedCopyIsPassedOver) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", "1\n");
  tail.disk.write("/log/a.log.2.gz", "\x1f\x8b binary\n");
  tail.start();
  EXPECT_EQ(tail.lines(), (Lines{"1"}));
}

}  // namespace
}  // namespace picket
