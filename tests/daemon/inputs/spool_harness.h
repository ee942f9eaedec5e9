// SpoolHarness: a spool on a fake disk, and what a reader gets out of it.
//
// Thread rule: one thread; the writer is called directly.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/spool_reader.h"
#include "daemon/inputs/spool_writer.h"
#include "tests/support/fake_disk.h"

namespace picket {

class SpoolHarness {
 public:
  static constexpr const char* kFolder = "state/spool/api";

  explicit SpoolHarness(uint64_t bytes_max = 1 << 20, uint64_t segment_bytes = 64 << 10)
      : options_{kFolder, bytes_max, segment_bytes} {}

  // As after a start of the process; `resume` is the committed checkpoint.
  void open(uint64_t resume = 0) {
    auto made = SpoolWriter::open(disk, options_, resume);
    ASSERT_TRUE(made) << made.error().at(0).message;
    writer = *std::move(made);
    reader = std::make_unique<SpoolReader>(disk, kFolder, resume);
  }

  SpoolVerdict write(std::string_view lines) {
    const SpoolRecord record{.arrival = timestamp_ms(7), .parts = {lines}};
    return writer->write({&record, 1});
  }

  // All that can be read now, in reads of at most `piece` bytes.
  std::string read_all(size_t piece = 1000) {
    std::string text;
    std::string buffer(piece, '\0');
    for (;;) {
      const auto got = reader->read(writer->end(), buffer);
      EXPECT_TRUE(got) << got.error().message();
      if (!got || *got == 0) return text;
      text.append(buffer, 0, *got);
    }
  }

  // Paths of the segments there are.
  std::vector<std::string> segments() const { return disk.glob("state/spool/api/*"); }

  FakeDisk disk;
  std::unique_ptr<SpoolWriter> writer;
  std::unique_ptr<SpoolReader> reader;

 private:
  const SpoolOptions options_;
};

}  // namespace picket
