// Reading a spool: any start, any damage, and a writer that goes on at the same time.
#include "daemon/inputs/spool_reader.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/daemon/inputs/spool_harness.h"

namespace picket {
namespace {

TEST(SpoolReader, ResumesAtEveryOffset) {
  SpoolHarness spool(1 << 20, 100);
  spool.open();
  std::string all;
  for (int i = 0; i < 20; ++i) {
    const std::string lines = std::to_string(i) + "\n" + std::string(i, 'y') + "\n";
    spool.write(lines);
    all += lines;
  }
  for (uint64_t from = 0; from <= all.size(); ++from) {
    spool.reader = std::make_unique<SpoolReader>(spool.disk, SpoolHarness::kFolder, from);
    EXPECT_EQ(spool.read_all(7), all.substr(from)) << from;
    EXPECT_EQ(spool.reader->offset(), all.size());
    EXPECT_EQ(spool.reader->lost_bytes(), 0u);
  }
}

TEST(SpoolReader, BeginsWithTheOldestThatIsLeft) {
  SpoolHarness spool(1 << 20, 50);
  spool.open();
  for (const char* line : {"1\n", "2\n", "3\n"}) spool.write(line);
  spool.writer->release(4);
  EXPECT_EQ(spool.read_all(), "3\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 0u);
}

// Every byte of the first of three segments is damaged in turn.
TEST(SpoolReader, DamageCostsARecordOrTheRestOfASegmentAndIsCounted) {
  for (uint64_t at = 0;; ++at) {
    SpoolHarness spool(1 << 20, 100);
    spool.open();
    for (const char* line : {"1a\n", "2b\n", "3c\n", "4d\n", "5e\n"}) spool.write(line);
    const std::string path = spool.segments().at(0);
    std::string bytes(200, '\0');
    const auto size = (*spool.disk.open(path, {Symlinks::Refuse}))->read_at(0, bytes.data(), 200);
    bytes.resize(*size);
    if (at == bytes.size()) break;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    spool.disk.rewrite(path, bytes);
    const std::string text = spool.read_all();
    EXPECT_EQ(text.size() + spool.reader->lost_bytes(), 15u) << at;
    EXPECT_TRUE(text.ends_with("3c\n4d\n5e\n")) << at << text;
    if (at < kSegmentHeaderBytes) {
      EXPECT_EQ(spool.reader->lost_bytes(), 0u);
    } else {
      EXPECT_GE(spool.reader->lost_bytes(), 3u) << at;
    }
  }
}

TEST(SpoolReader, DamageBehindARestartIsNotMistakenForATornTail) {
  SpoolHarness spool;
  spool.open();
  for (const char* line : {"1a\n", "2b\n", "3c\n"}) spool.write(line);
  const std::string path = spool.segments().at(0);
  std::string bytes(16 + 3 * 43, '\0');
  ASSERT_EQ((*spool.disk.open(path, {Symlinks::Refuse}))->read_at(0, bytes.data(), bytes.size()),
            bytes.size());
  bytes[16 + 43 + 41] = 'X';
  spool.disk.rewrite(path, bytes);
  spool.open();
  EXPECT_EQ(spool.writer->stats().damaged_bytes, 0u);
  EXPECT_EQ(spool.read_all(), "1a\n3c\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 3u);
}

TEST(SpoolReader, ASegmentThatIsGoneIsCounted) {
  SpoolHarness spool(1 << 20, 50);
  spool.open();
  for (const char* line : {"1\n", "2\n", "3\n"}) spool.write(line);
  EXPECT_EQ(spool.segments().size(), 3u);
  spool.reader = std::make_unique<SpoolReader>(spool.disk, SpoolHarness::kFolder, 2);
  spool.disk.remove(spool.segments().at(1));
  EXPECT_EQ(spool.read_all(), "3\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 2u);
}

TEST(SpoolReader, AReadErrorChangesNothing) {
  SpoolHarness spool;
  spool.open();
  spool.write("1\n2\n");
  const std::string path = spool.segments().at(0);
  char byte = 0;
  ASSERT_EQ(spool.reader->read(spool.writer->end(), {&byte, 1}), size_t{1});
  spool.disk.fail_reads(path, {EIO, std::system_category()});
  EXPECT_FALSE(spool.reader->read(spool.writer->end(), {&byte, 1}));
  spool.disk.fail_reads(path, {});
  EXPECT_EQ(spool.read_all(), "\n2\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 0u);
}

TEST(SpoolReader, NothingBehindTheEndIsRead) {
  SpoolHarness spool;
  spool.open();
  spool.write("1\n");
  const SpoolEnd end = spool.writer->end();
  spool.write("2\n");
  char bytes[10];
  EXPECT_EQ(spool.reader->read(end, bytes), size_t{2});
  EXPECT_EQ(spool.reader->read(end, bytes), size_t{0});
  EXPECT_EQ(spool.read_all(), "2\n");
}

// Random writes, reads, failures, releases, restarts and power losses: what was acknowledged comes
// out in order, each once on top of the committed offset.
TEST(SpoolReader, NoAcknowledgedLineIsLostOrReadTwiceWhateverHappens) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    SpoolHarness spool(1 << 20, 150);
    spool.open();
    std::string acknowledged;
    std::string committed;  // what was read up to the last commit
    std::string read;
    uint64_t committed_offset = 0;
    for (int step = 0, line = 0; step < 60; ++step) {
      const auto dice = random() % 20;
      if (dice < 9) {
        const std::string text = std::to_string(line++) + std::string(random() % 40, 'x') + "\n";
        if (spool.write(text) == SpoolVerdict::Durable) acknowledged += text;
      } else if (dice < 14) {
        read += spool.read_all(1 + random() % 50);
      } else if (dice < 16) {
        committed = read;
        committed_offset = spool.reader->offset();
        spool.writer->release(committed_offset);
      } else if (dice == 16) {
        spool.disk.faults.space_left = random() % 100;
      } else if (dice == 17) {
        spool.disk.faults.sync = {EIO, std::system_category()};
      } else if (dice == 18) {
        spool.disk.faults = {};
      } else {
        // What a failed sync left on the disk as a whole could come back; the truncation after it
        // has removed that here.
        spool.writer.reset();
        spool.disk.faults = {};
        spool.disk.crash(random() % 2 == 0 ? 0 : random() % 30);
        spool.open(committed_offset);
        read = committed;
      }
      ASSERT_TRUE(acknowledged.starts_with(read)) << seed;
    }
    spool.disk.faults = {};
    read += spool.read_all();
    ASSERT_EQ(read, acknowledged) << seed;
    ASSERT_EQ(spool.reader->lost_bytes(), 0u) << seed;
  }
}

}  // namespace
}  // namespace picket
