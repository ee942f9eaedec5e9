// The spool's writer on a disk that fails in every way.
#include "daemon/inputs/spool_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/inputs/spool_harness.h"

namespace picket {
namespace {

using ::testing::HasSubstr;

std::error_code io_error() { return {EIO, std::system_category()}; }

TEST(SpoolWriter, WhatWasWrittenIsReadAgain) {
  SpoolHarness spool;
  spool.open();
  EXPECT_EQ(spool.read_all(), "");
  EXPECT_TRUE(spool.segments().empty());
  EXPECT_EQ(spool.write("1\n2\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.write("3\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.read_all(1), "1\n2\n3\n");
  EXPECT_EQ(spool.reader->head().arrival, timestamp_ms(7));
  EXPECT_EQ(spool.writer->end().offset, 6u);
  EXPECT_EQ(spool.writer->stats().records, 2u);
  EXPECT_EQ(spool.segments().size(), 1u);
}

TEST(SpoolWriter, PowerLossTakesOnlyWhatWasNotAcknowledged) {
  for (const uint64_t kept : {0, 1, 39, 40, 41, 60, 1000}) {
    SpoolHarness spool;
    spool.open();
    EXPECT_EQ(spool.write("1\n"), SpoolVerdict::Durable);
    EXPECT_EQ(spool.write("2\n"), SpoolVerdict::Durable);
    spool.disk.faults.sync = io_error();
    spool.disk.faults.truncate = io_error();
    EXPECT_EQ(spool.write(std::string(30, 'x') + "\n"), SpoolVerdict::DiskError);
    spool.disk.crash(kept);
    spool.disk.faults = {};
    spool.open();
    EXPECT_EQ(spool.write("4\n"), SpoolVerdict::Durable);
    const std::string text = spool.read_all();
    // A record that reached the disk as a whole may show although it was refused: its sender was
    // told to send it again, and nobody can tell it from one that was acknowledged.
    const std::string whole = "1\n2\n" + std::string(30, 'x') + "\n4\n";
    EXPECT_EQ(text, kept >= 71 ? whole : "1\n2\n4\n") << kept;
    EXPECT_EQ(spool.reader->lost_bytes(), 0u);
  }
}

TEST(SpoolWriter, TornTailIsCountedAndPassedOver) {
  SpoolHarness spool;
  spool.open();
  spool.write("1\n");
  const std::string path = spool.segments().at(0);
  spool.disk.write(path, "torn");
  spool.open();
  EXPECT_EQ(spool.writer->stats().damaged_bytes, 4u);
  EXPECT_EQ(spool.write("2\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.read_all(), "1\n2\n");
}

TEST(SpoolWriter, EveryCutOfTheLastSegmentIsSurvived) {
  SpoolHarness whole;
  whole.open();
  whole.write("1\n");
  whole.write("22\n");
  const std::string path = whole.segments().at(0);
  const uint64_t size = whole.disk.stat(path, {Symlinks::Refuse})->size;
  for (uint64_t cut = 0; cut <= size; ++cut) {
    SpoolHarness spool;
    spool.open();
    spool.write("1\n");
    spool.write("22\n");
    spool.disk.truncate(path, cut);
    spool.open();
    EXPECT_EQ(spool.write("3\n"), SpoolVerdict::Durable);
    const std::string first = cut >= 16 + 42 ? "1\n" : "";
    const std::string second = cut == size ? "22\n" : "";
    EXPECT_EQ(spool.read_all(), first + second + "3\n") << cut;
  }
}

TEST(SpoolWriter, RefusesWhenTheDiskIsFullAndGoesOnLater) {
  SpoolHarness spool;
  spool.open();
  EXPECT_EQ(spool.write("1\n"), SpoolVerdict::Durable);
  for (const uint64_t left : {0, 10, 40, 41}) {
    spool.disk.faults.space_left = left;
    EXPECT_EQ(spool.write("22\n"), SpoolVerdict::DiskError) << left;
    EXPECT_THAT(spool.writer->stats().last_error, HasSubstr("No space left"));
    EXPECT_EQ(spool.read_all(), left == 0 ? "1\n" : "");
  }
  EXPECT_EQ(spool.writer->stats().write_errors, 4u);
  // Failed tries leave nothing behind.
  EXPECT_EQ(spool.segments().size(), 1u);
  spool.disk.faults = {};
  EXPECT_EQ(spool.write("3\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.writer->stats().last_error, "");
  EXPECT_EQ(spool.read_all(), "3\n");
}

TEST(SpoolWriter, RefusedRecordsAreNeverReadNotEvenAfterARestart) {
  SpoolHarness spool;
  spool.open();
  EXPECT_EQ(spool.write("1\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.read_all(), "1\n");
  spool.disk.faults.sync = io_error();
  spool.disk.faults.truncate = io_error();  // the record stays in the old segment
  EXPECT_EQ(spool.write("refused\n"), SpoolVerdict::DiskError);
  spool.disk.faults = {};
  EXPECT_EQ(spool.write("2\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.segments().size(), 2u);
  EXPECT_EQ(spool.read_all(), "2\n");
  spool.open();
  EXPECT_EQ(spool.read_all(), "1\n2\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 0u);
}

TEST(SpoolWriter, SegmentsRollAndGoWhenReleased) {
  SpoolHarness spool(1 << 20, 1000);
  spool.open();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string line = std::string(90, static_cast<char>('a' + i % 26)) + "\n";
    ASSERT_EQ(spool.write(line), SpoolVerdict::Durable);
    all += line;
  }
  EXPECT_GT(spool.segments().size(), 10u);
  EXPECT_EQ(spool.read_all(), all);
  // A segment of which one byte is missing stays.
  const uint64_t second = *segment_offset(spool.segments().at(1).substr(16));
  spool.writer->release(second - 1);
  EXPECT_GT(spool.writer->stats().segments, 10u);
  const uint64_t before = spool.writer->stats().segments;
  spool.writer->release(second);
  EXPECT_EQ(spool.writer->stats().segments, before - 1);
  spool.writer->release(spool.writer->end().offset);
  EXPECT_EQ(spool.segments().size(), 1u);
  EXPECT_LT(spool.writer->stats().bytes, 2000u);
  // At a start even the last one goes.
  spool.open(spool.writer->end().offset);
  EXPECT_TRUE(spool.segments().empty());
  EXPECT_EQ(spool.write("next\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.read_all(), "next\n");
}

TEST(SpoolWriter, BoundHolds) {
  SpoolHarness spool(10'000, 1000);
  spool.open();
  const std::string line = std::string(499, 'x') + "\n";
  int taken = 0;
  while (spool.write(line) == SpoolVerdict::Durable) ++taken;
  EXPECT_GT(taken, 15);
  EXPECT_LE(spool.writer->stats().bytes, 10'000u);
  EXPECT_EQ(spool.write(line), SpoolVerdict::Full);
  EXPECT_EQ(spool.writer->stats().write_errors, 0u);
  spool.writer->release(2000);
  EXPECT_EQ(spool.write(line), SpoolVerdict::Durable);
  EXPECT_EQ(spool.write(std::string(20'000, 'x') + "\n"), SpoolVerdict::Full);
}

TEST(SpoolWriter, ACheckpointBeyondAnEmptySpoolIsWhereItBegins) {
  SpoolHarness spool;
  spool.open(5000);
  EXPECT_EQ(spool.write("1\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.writer->end().offset, 5002u);
  EXPECT_EQ(spool.read_all(), "1\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 0u);
}

TEST(SpoolWriter, RemovalIsTriedAgain) {
  SpoolHarness spool(1 << 20, 100);
  spool.open();
  for (int i = 0; i < 4; ++i) spool.write(std::string(99, 'x') + "\n");
  spool.disk.faults.remove = io_error();
  spool.writer->release(300);
  EXPECT_EQ(spool.writer->stats().write_errors, 1u);
  EXPECT_EQ(spool.segments().size(), 4u);
  spool.disk.faults = {};
  spool.writer->release(300);
  EXPECT_EQ(spool.segments().size(), 1u);
}

TEST(SpoolWriter, ASegmentInWhichNothingCountsGivesUpItsName) {
  SpoolHarness spool;
  spool.disk.write(std::string(SpoolHarness::kFolder) + "/" + segment_name(0), "all damage");
  spool.disk.faults.remove = io_error();
  spool.open();
  EXPECT_EQ(spool.write("1\n"), SpoolVerdict::DiskError);
  spool.disk.faults = {};
  EXPECT_EQ(spool.write("2\n"), SpoolVerdict::Durable);
  EXPECT_EQ(spool.segments().size(), 1u);
  EXPECT_EQ(spool.read_all(), "2\n");
  EXPECT_EQ(spool.reader->lost_bytes(), 0u);
}

TEST(SpoolWriter, AnotherVersionIsRefusedAndNothingTouched) {
  SpoolHarness spool;
  spool.open();
  spool.write("1\n");
  const std::string path = spool.segments().at(0);
  spool.disk.rewrite(path, std::string("picketsp\x02\0\0\0\0\0\0\0", 16) + "whatever");
  const auto refused = SpoolWriter::open(spool.disk, {SpoolHarness::kFolder}, 0);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().at(0).message, HasSubstr("another version"));
  EXPECT_EQ(spool.segments().size(), 1u);
}

TEST(SpoolWriter, AFolderThatCannotBeMadeIsAnError) {
  SpoolHarness spool;
  spool.disk.faults.create = io_error();
  EXPECT_FALSE(SpoolWriter::open(spool.disk, {SpoolHarness::kFolder}, 0));
}

}  // namespace
}  // namespace picket
