// Hazard: log rotation compresses what was not read to its end.
#include <gtest/gtest.h>

#include "daemon/inputs/unpacked_file.h"
#include "tests/daemon/inputs/file_set_harness.h"
#include "tests/support/packed.h"

namespace picket {
namespace {

// Replaces `path` by a compressed copy beside it, as rotation does.
void pack(FakeDisk& disk, const std::string& path, const std::string& ending) {
  const std::string text = disk.text(path);
  disk.write(path + ending, ending == ".gz" ? gzip(text) : zstd(text));
  disk.remove(path);
}

TEST(FileTailPacked, RotatedAndCompressedWhileDown) {
  for (const std::string ending : {".gz", ".zst"}) {
    for (const std::string pattern : {"/log/*.log", "/log/a.log*"}) {
      for (const std::string rotated : {"/log/a.log.1", "/log/a.log-20240229"}) {
        TailHarness tail({pattern});
        tail.disk.write("/log/a.log", numbered("a", 0, 10));
        tail.start();
        tail.disk.write("/log/a.log", numbered("a", 10, 200) + "last");
        tail.disk.rename("/log/a.log", rotated);
        tail.disk.write("/log/a.log", numbered("b", 0, 10));
        pack(tail.disk, rotated, ending);
        tail.restart();
        tail.pass_grace();
        EXPECT_EQ(tail.lines(),
                  sorted(split_lines(numbered("a", 0, 210) + "last\n" + numbered("b", 0, 10))))
            << pattern << ' ' << rotated + ending;
        EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
        tail.restart();
        EXPECT_EQ(tail.lines().size(), 221u);
      }
    }
  }
}

TEST(FileTailPacked, CompressedCopyComesBeforeTheNewContent) {
  TailHarness tail;
  tail.batch_bytes = 64;
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.write("/log/a.log", numbered("a", 10, 200));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("b", 0, 10));
  pack(tail.disk, "/log/a.log.1", ".gz");
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 210) + numbered("b", 0, 10)));
}

// The file beside it is compared with an early part of the compressed one, which must not look as
// if it had been cut then.
TEST(FileTailPacked, LargeOneGoesOnAtItsPlaceBesideOthers) {
  TailHarness tail;
  const std::string large = numbered("a", 0, 60'000);
  ASSERT_GT(large.size(), UnpackedFile::kUnknownAhead + 100'000);
  tail.disk.write("/log/a.log", large);
  tail.start();
  tail.disk.rename("/log/a.log", "/log/a.log.2");
  pack(tail.disk, "/log/a.log.2", ".gz");
  tail.disk.write("/log/a.log", numbered("b", 0, 100));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("c", 0, 10));
  tail.restart();
  tail.pass_grace();
  EXPECT_EQ(tail.sink.lines(), split_lines(large + numbered("b", 0, 100) + numbered("c", 0, 10)));
}

TEST(FileTailPacked, FullyReadBeforeItWasCompressedIsNotReadAgain) {
  for (const bool down : {false, true}) {
    TailHarness tail({"/log/a.log*"});
    tail.disk.write("/log/a.log", numbered("a", 0, 10));
    tail.start();
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    pack(tail.disk, "/log/a.log.1", ".gz");
    if (down) {
      tail.restart();
    } else {
      tail.settle();
    }
    tail.pass_grace();
    tail.restart();
    tail.pass_grace();
    EXPECT_EQ(tail.lines().size(), 10u);
    EXPECT_TRUE(tail.sink.checkpoints().empty());
  }
}

TEST(FileTailPacked, CopiedTruncatedAndCompressed) {
  for (const bool down : {false, true}) {
    TailHarness tail;
    tail.disk.write("/log/a.log", numbered("a", 0, 10));
    tail.start();
    tail.disk.write("/log/a.log", numbered("a", 10, 10));
    tail.disk.copy("/log/a.log", "/log/a.log.1");
    pack(tail.disk, "/log/a.log.1", ".zst");
    tail.disk.rewrite("/log/a.log", numbered("b", 0, 3));
    if (down) {
      tail.restart();
    } else {
      tail.settle();
    }
    EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 20) + numbered("b", 0, 3)));
  }
}

TEST(FileTailPacked, MembersAndFramesFollowEachOther) {
  for (const auto packed : {gzip, zstd}) {
    TailHarness tail;
    tail.disk.write("/log/a.log", numbered("a", 0, 10));
    tail.start();
    const std::string text = numbered("a", 0, 20);
    tail.disk.replace("/log/a.log", numbered("b", 0, 1));
    const size_t cut = text.size() / 3;
    tail.disk.write("/log/a.log.1.packed.gz", packed(std::string_view(text).substr(0, cut)) +
                                                  packed("") +
                                                  packed(std::string_view(text).substr(cut)));
    tail.restart();
    EXPECT_EQ(tail.sink.lines(), split_lines(text + numbered("b", 0, 1)));
  }
}

// Also while the compressed file moves on in the rotation.
TEST(FileTailPacked, DeathBehindAnyBatchLosesAndRepeatsNothing) {
  size_t batches = 1;
  for (size_t committed = 0; committed <= batches; ++committed) {
    TailHarness tail;
    tail.batch_bytes = 64;
    tail.disk.write("/log/a.log", numbered("a", 0, 10));
    tail.start();
    const Lines before = tail.sink.lines();
    auto checkpoints = tail.sink.checkpoints();
    tail.sink.batches.clear();
    tail.disk.write("/log/a.log", numbered("a", 10, 40));
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    tail.disk.write("/log/a.log", numbered("b", 0, 10));
    pack(tail.disk, "/log/a.log.1", ".gz");
    tail.start(checkpoints);
    tail.pass_grace();
    batches = tail.sink.batches.size();
    Lines lines = tail.sink.lines(committed);
    checkpoints = tail.sink.checkpoints(committed, checkpoints);
    tail.sink.batches.clear();
    tail.disk.rename("/log/a.log.1.gz", "/log/a.log.2.gz");
    tail.start(checkpoints);
    tail.pass_grace();
    for (const Lines& part : {before, tail.sink.lines()})
      lines.insert(lines.end(), part.begin(), part.end());
    ASSERT_EQ(sorted(lines), sorted(split_lines(numbered("a", 0, 50) + numbered("b", 0, 10))))
        << committed << " of " << batches << " batches committed";
  }
}

// The plain file vanishes under the reader, which dies before it is done with it.
TEST(FileTailPacked, CompressedWhileItWasBeingRead) {
  for (const bool renamed_first : {false, true}) {
    TailHarness tail;
    tail.batch_bytes = 64;
    tail.disk.write("/log/a.log", numbered("a", 0, 10));
    tail.start();
    tail.disk.write("/log/a.log", numbered("a", 10, 100));
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    tail.disk.write("/log/a.log", numbered("b", 0, 10));
    if (renamed_first) {
      tail.files().scan();
      tail.files().turn();
    }
    pack(tail.disk, "/log/a.log.1", ".gz");
    for (int turn = 0; turn < 5; ++turn) {
      tail.files().scan();
      tail.files().turn();
    }
    ASSERT_LT(tail.lines().size(), 100u);
    tail.restart();
    EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 110) + numbered("b", 0, 10)))
        << renamed_first;
    tail.pass_grace();
    EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
  }
}

TEST(FileTailPacked, DamagedCopyGivesWhatCanBeHad) {
  const std::string text = numbered("a", 0, 2000);
  for (const std::string ending : {".gz", ".zst"}) {
    for (const bool cut_off : {false, true}) {
      TailHarness tail;
      tail.disk.write("/log/a.log", numbered("a", 0, 10));
      tail.start();
      std::string packed;
      for (size_t at = 0; at < text.size(); at += text.size() / 4)
        packed += ending == ".gz" ? gzip(text.substr(at, text.size() / 4))
                                  : zstd(text.substr(at, text.size() / 4));
      if (cut_off) packed.resize(packed.size() * 3 / 4 + 5);
      if (!cut_off) packed.replace(packed.size() * 3 / 5, 40, 40, '\xa5');
      tail.disk.replace("/log/a.log", numbered("b", 0, 3));
      tail.disk.write("/log/a.log.1" + ending, packed);
      tail.restart();
      EXPECT_EQ(tail.stats().read_errors, 1u);
      EXPECT_NE(tail.stats().last_error.find(cut_off ? "cut off" : "corrupt"), std::string::npos)
          << tail.stats().last_error;
      tail.pass_grace();
      EXPECT_GT(tail.lines().size(), 900u);
      const Lines lines = tail.sink.lines();
      EXPECT_EQ(lines.back(), split_lines(numbered("b", 2, 1)).front());
      EXPECT_EQ(tail.stats().files_open, 1u);
      EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
    }
  }
}

TEST(FileTailPacked, ReusedInodeOfAnEmptyFileIsNoPackedFile) {
  TailHarness tail;
  tail.disk.record_birth(false);
  tail.disk.write("/log/a.log", "");
  tail.start();
  const auto checkpoints = tail.sink.checkpoints();
  tail.start();
  tail.disk.remove("/log/a.log");
  tail.disk.next_inode(100);
  tail.disk.write("/log/a.log.1.gz", gzip("read long ago\n"));
  tail.start(checkpoints);
  EXPECT_EQ(tail.lines(), Lines{});
}

TEST(FileTailPacked, WhatNoCheckpointKnowsIsNotRead) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log.1.gz", gzip(numbered("old", 0, 10)));
  tail.disk.write("/log/a.log.2.gz", "not compressed\n");
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.replace("/log/a.log", numbered("b", 0, 1));
  tail.restart();
  EXPECT_EQ(tail.lines().size(), 11u);
}

}  // namespace
}  // namespace picket
