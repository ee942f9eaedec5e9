// Hazard: the daemon stops, or dies, while files change.
#include <gtest/gtest.h>

#include "daemon/inputs/file_checkpoint.h"
#include "tests/daemon/inputs/file_set_harness.h"
#include "tests/support/packed.h"

namespace picket {
namespace {

TEST(FileTailRestart, StartsAtTheEndAndRemembersIt) {
  TailHarness tail;
  tail.options.from_beginning = false;
  tail.disk.write("/log/a.log", "old\nhalf");
  tail.start();
  EXPECT_EQ(tail.lines(), Lines{});
  tail.disk.write("/log/a.log", " line\n");
  tail.disk.write("/log/new.log", "from the start\n");
  tail.restart();
  EXPECT_EQ(tail.lines(), (Lines{"half line"}));  // new.log existed at this start-up
  tail.disk.write("/log/later.log", "1\n");
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"1", "half line"}));
}

TEST(FileTailRestart, ResumesInTheMiddleOfALine) {
  TailHarness tail;
  tail.disk.write("/log/a.log", "1\nhalf");
  tail.start();
  tail.disk.write("/log/a.log", " line\n3\n");
  tail.restart();
  EXPECT_EQ(tail.lines(), (Lines{"1", "3", "half line"}));
}

TEST(FileTailRestart, RotatedWhileDownIsFinishedFirst) {
  TailHarness tail;
  tail.disk.write("/log/a.log", numbered("old", 0, 10));
  tail.start();
  tail.disk.write("/log/a.log", numbered("old", 10, 10));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("new", 0, 10));
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("old", 0, 20) + numbered("new", 0, 10)));
  tail.pass_grace();
  EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
  tail.restart();
  EXPECT_EQ(tail.sink.lines().size(), 30u);
}

TEST(FileTailRestart, RotatedWhileDownInsideThePattern) {
  TailHarness tail({"/log/a.log*"});
  tail.options.from_beginning = false;
  tail.start();
  tail.disk.write("/log/a.log", numbered("old", 0, 10));
  tail.settle();
  tail.disk.write("/log/a.log", numbered("old", 10, 10));
  tail.disk.rename("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("new", 0, 10));
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("old", 0, 20) + numbered("new", 0, 10)));
  tail.pass_grace();
  EXPECT_EQ(tail.stats().files_open, 2u);
  tail.restart();
  EXPECT_EQ(tail.sink.lines().size(), 30u);
}

TEST(FileTailRestart, ReplacedWhileDown) {
  struct Case {
    std::string name;
    void (*change)(FakeDisk& disk);
    std::string after;
  };
  const std::vector<Case> cases = {
      {"truncated", [](FakeDisk& disk) { disk.rewrite("/log/a.log", numbered("b", 0, 2)); },
       numbered("b", 0, 2)},
      {"regrown past the offset",
       [](FakeDisk& disk) { disk.rewrite("/log/a.log", numbered("b", 0, 50)); },
       numbered("b", 0, 50)},
      {"inode reused",
       [](FakeDisk& disk) {
         disk.next_inode(100);
         disk.replace("/log/a.log", numbered("b", 0, 50));
       },
       numbered("b", 0, 50)},
      {"deleted and made anew",
       [](FakeDisk& disk) { disk.replace("/log/a.log", numbered("b", 0, 5)); },
       numbered("b", 0, 5)},
      {"copied and truncated",
       [](FakeDisk& disk) {
         disk.write("/log/a.log", numbered("a", 10, 5));
         disk.copy("/log/a.log", "/log/a.log.1");
         disk.rewrite("/log/a.log", numbered("b", 0, 50));
       },
       numbered("a", 10, 5) + numbered("b", 0, 50)},
      {"deleted", [](FakeDisk& disk) { disk.remove("/log/a.log"); }, ""},
  };
  for (const bool births : {true, false}) {
    for (const Case& c : cases) {
      TailHarness tail;
      tail.disk.record_birth(births);
      tail.disk.write("/log/a.log", numbered("a", 0, 10));
      tail.start();
      c.change(tail.disk);
      tail.restart();
      EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 10) + c.after))
          << c.name << (births ? "" : ", no birth times");
      tail.pass_grace();
      EXPECT_EQ(tail.sink.checkpoints().size(), c.after.empty() ? 0u : 1u) << c.name;
    }
  }
}

// The name held several contents between two looks, which were renamed, or copied and cut.
TEST(FileTailRestart, EveryContentBetweenTwoLooksIsRead) {
  for (const bool down : {false, true}) {
    for (const int read : {0, 10}) {
      for (int kinds = 0; kinds < 8; ++kinds) {
        TailHarness tail;
        tail.disk.write("/log/a.log", numbered("a", 0, read));
        tail.start();
        tail.disk.write("/log/a.log", numbered("a", read, 20 - read));
        for (int rotation = 0; rotation < 3; ++rotation) {
          for (int n = rotation; n > 0; --n)
            tail.disk.rename("/log/a.log." + std::to_string(n),
                             "/log/a.log." + std::to_string(n + 1));
          if ((kinds >> rotation & 1) != 0) {
            tail.disk.copy("/log/a.log", "/log/a.log.1");
            tail.disk.rewrite("/log/a.log", "");
          } else {
            tail.disk.rename("/log/a.log", "/log/a.log.1");
          }
          tail.disk.write("/log/a.log", numbered(std::string(1, char('b' + rotation)), 0, 5));
        }
        if (down) {
          tail.restart();
        } else {
          tail.settle();
        }
        const Lines all = split_lines(numbered("a", 0, 20) + numbered("b", 0, 5) +
                                      numbered("c", 0, 5) + numbered("d", 0, 5));
        EXPECT_EQ(tail.lines(), sorted(all)) << (down ? "down " : "up ") << read << ' ' << kinds;
        tail.pass_grace();
        tail.restart();
        tail.pass_grace();
        EXPECT_EQ(tail.sink.lines().size(), all.size());
        EXPECT_EQ(tail.sink.checkpoints().size(), 1u);
      }
    }
  }
}

// A copy whose original was not cut yet holds nothing new.
TEST(FileTailRestart, CopyOfWhatTookTheNameIsNotReadBesideIt) {
  TailHarness tail;
  tail.disk.write("/log/a.log", numbered("a", 0, 10));
  tail.start();
  tail.disk.rename("/log/a.log", "/log/a.log.2");
  tail.disk.write("/log/a.log", numbered("b", 0, 10));
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.write("/log/a.log", numbered("b", 10, 10));
  tail.restart();
  EXPECT_EQ(tail.sink.lines(), split_lines(numbered("a", 0, 10) + numbered("b", 0, 20)));
}

// The file was followed before, so what it holds may well not have been counted: rather twice than
// never.
TEST(FileTailRestart, UnreadableCheckpointMeansFromTheStart) {
  for (const bool from_beginning : {true, false}) {
    TailHarness tail;
    tail.options.from_beginning = from_beginning;
    tail.disk.write("/log/a.log", "1\n");
    tail.start({{"/log/a.log", "9 nonsense"}, {"/elsewhere.log", "1 follow 1 2 3 4 5 6"}});
    EXPECT_EQ(tail.lines(), (Lines{"1"}));
    EXPECT_EQ(tail.stats().read_errors, 1u);
    tail.restart();
    EXPECT_EQ(tail.lines(), (Lines{"1"}));
  }
}

// One life of a log: each step is followed by a look, and the daemon may die behind any batch.
void log_life(TailHarness& tail, int step) {
  switch (step) {
    case 0:
      tail.disk.write("/log/a.log", numbered("a", 0, 4) + "{\"half");
      break;
    case 1:
      tail.disk.write("/log/a.log", "\":1}\n" + numbered("a", 5, 3));
      break;
    case 2:
      tail.disk.write("/log/a.log", numbered("a", 8, 3));
      tail.disk.rename("/log/a.log", "/log/a.log.1");
      tail.disk.write("/log/a.log", numbered("b", 0, 4));
      break;
    case 3:
      tail.disk.write("/log/a.log.1", numbered("late", 0, 2));
      break;
    case 4:
      tail.disk.write("/log/a.log", numbered("b", 4, 4));
      tail.disk.rename("/log/a.log.1", "/log/a.log.2");
      tail.disk.rename("/log/a.log", "/log/a.log.1");
      tail.disk.write("/log/a.log", numbered("c", 0, 3));
      break;
    default:
      tail.disk.write("/log/a.log", numbered("c", 3, 3));
      break;
  }
}
constexpr int kLifeSteps = 6;

// Batches until the files that step `last_step` has moved out of "*.log" are known.
size_t first_death(int last_step) {
  TailHarness tail;
  tail.batch_bytes = 64;
  tail.start();
  for (int step = 0; step < (last_step >= 4 ? 4 : 1); ++step) {
    log_life(tail, step);
    tail.settle();
  }
  return tail.sink.batches.size();
}

TEST(FileTailRestart, DeathBehindAnyBatchLosesAndRepeatsNothing) {
  for (const std::string pattern : {"/log/*.log", "/log/a.log*"}) {
    for (int last_step = 0; last_step < kLifeSteps; ++last_step) {
      // A file that no checkpoint knows and no pattern names cannot be found again. So the deaths
      // begin behind the first look at it; where every name matches, they begin with nothing.
      const bool all_match = pattern.ends_with('*');
      size_t batches = 1;
      for (size_t committed = all_match ? 0 : first_death(last_step); committed <= batches;
           ++committed) {
        TailHarness tail({pattern});
        tail.batch_bytes = 64;
        tail.start();
        for (int step = 0; step <= last_step; ++step) {
          log_life(tail, step);
          tail.settle();
        }
        batches = tail.sink.batches.size();
        Lines lines = tail.sink.lines(committed);
        const auto checkpoints = tail.sink.checkpoints(committed);
        tail.sink.batches.clear();
        tail.start(checkpoints);
        for (int step = last_step + 1; step < kLifeSteps; ++step) {
          log_life(tail, step);
          tail.settle();
        }
        tail.pass_grace();
        const Lines rest = tail.sink.lines();
        lines.insert(lines.end(), rest.begin(), rest.end());
        const Lines all =
            split_lines(numbered("a", 0, 4) + "{\"half\":1}\n" + numbered("a", 5, 6) +
                        numbered("b", 0, 8) + numbered("late", 0, 2) + numbered("c", 0, 6));
        ASSERT_EQ(sorted(lines), sorted(all))
            << pattern << ": died after step " << last_step << " with " << committed << " of "
            << batches << " batches committed";
      }
    }
  }
}

// The original vanished before its new checkpoint was committed: the old one leads to the copy too.
TEST(FileTailRestart, CopyGoesOnFromItsOwnCheckpoint) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", numbered("a", 0, 5));
  tail.start();
  const auto before = tail.sink.checkpoints();
  tail.disk.write("/log/a.log", numbered("a", 5, 5));
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.truncate("/log/a.log", 0);
  tail.settle();
  ASSERT_EQ(tail.lines().size(), 10u);
  auto checkpoints = tail.sink.checkpoints();
  checkpoints["/log/a.log"] = before.at("/log/a.log");
  tail.disk.remove("/log/a.log");
  tail.start(checkpoints);
  EXPECT_EQ(tail.lines().size(), 10u);
}

// The packed file has two checkpoints, and a third file makes the older of them move first.
TEST(FileTailRestart, TheCheckpointThatGotFurtherCountsAlsoWhenItsNameIsWanted) {
  TailHarness tail({"/log/a.log*"});
  tail.disk.write("/log/a.log", numbered("a", 0, 5));
  tail.start();
  const std::string older = tail.sink.checkpoints().at("/log/a.log");
  tail.disk.write("/log/a.log", numbered("a", 5, 5));
  tail.disk.write("/log/a.log.2.gz", gzip(numbered("a", 0, 10)));
  tail.disk.remove("/log/a.log");
  tail.disk.write("/log/a.log", numbered("b", 0, 20));
  tail.settle();
  auto checkpoints = tail.sink.checkpoints();
  ASSERT_EQ(checkpoints.size(), 2u);
  checkpoints["/log/a.log.1"] = older;
  tail.disk.copy("/log/a.log", "/log/a.log.1");
  tail.disk.truncate("/log/a.log", 0);
  tail.start(checkpoints);
  EXPECT_EQ(tail.lines(), sorted(split_lines(numbered("a", 0, 10) + numbered("b", 0, 20))));
}

// Both files moved on by one name while nobody looked: neither may take the other's checkpoint.
TEST(FileTailRestart, DeathWhileResumingForgetsNoFile) {
  size_t batches = 1;
  for (size_t committed = 0; committed <= batches; ++committed) {
    TailHarness tail;
    tail.disk.write("/log/a.log", numbered("a", 0, 5));
    tail.start();
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    tail.disk.write("/log/a.log", numbered("b", 0, 10));
    tail.settle();
    Lines lines = tail.sink.lines();
    auto checkpoints = tail.sink.checkpoints();
    ASSERT_EQ(checkpoints.size(), 2u);
    tail.sink.batches.clear();
    tail.disk.write("/log/a.log.1", numbered("a", 5, 5));
    tail.disk.rename("/log/a.log.1", "/log/a.log.2");
    tail.disk.rename("/log/a.log", "/log/a.log.1");
    tail.start(checkpoints);
    batches = tail.sink.batches.size();
    for (const std::string& line : tail.sink.lines(committed)) lines.push_back(line);
    checkpoints = tail.sink.checkpoints(committed, checkpoints);
    tail.sink.batches.clear();
    tail.start(checkpoints);
    for (const std::string& line : tail.sink.lines()) lines.push_back(line);
    ASSERT_EQ(sorted(lines), sorted(split_lines(numbered("a", 0, 10) + numbered("b", 0, 10))))
        << committed << " of " << batches << " batches committed";
  }
}

TEST(FileCheckpoint, TextRoundTripAndDamage) {
  FileCheckpoint checkpoint;
  checkpoint.finishing = true;
  checkpoint.identity = {2049, 131, -7};
  checkpoint.offset = 1'000'000'007;
  checkpoint.head = 0xdeadbeef;
  checkpoint.tail = ~uint64_t{0};
  checkpoint.modified_ns = 12;
  checkpoint.stream = 0xabc;
  const std::string text = encode_checkpoint(checkpoint);
  EXPECT_EQ(text, "3 finish 2049 131 -7 1000000007 deadbeef ffffffffffffffff 12 abc");
  const auto read = decode_checkpoint(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode_checkpoint(*read), text);
  for (size_t length = 0; length < text.rfind(' ') + 2; ++length)
    EXPECT_FALSE(decode_checkpoint(text.substr(0, length)));
  for (const char* bad : {"4 follow 1 1 1 1 1 1 1 1", "0 follow 1 1 1 1 1 1",
                          "3 follow 1 1 1 1 1 1 1", "2 follow 1 1 1 1 1 1 1 1",
                          "2 follow 1 1 1 1 1 1", "1 x 1 1 1 1 1 1", "1 follow 1 1 1 1 1 1 1",
                          "2 follow 1 1 1 -1 1 1 1", "1 follow 1 1 1 99999999999999999999 1 1"})
    EXPECT_FALSE(decode_checkpoint(bad)) << bad;
  const auto first = decode_checkpoint("1 follow 1 2 3 4 5 6");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->tail, 6u);
  EXPECT_EQ(first->modified_ns, 0);
  const auto second = decode_checkpoint("2 follow 1 2 3 4 5 6 7");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->modified_ns, 7);
  EXPECT_EQ(second->stream, 0u);
}

}  // namespace
}  // namespace picket
